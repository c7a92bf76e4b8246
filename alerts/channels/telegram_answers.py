"""What Telegram's answer to a message comes to: the one table.

A refusal is told apart by its words alone; they are those of the open server,
https://github.com/tdlib/telegram-bot-api. A message has no key by which Telegram could tell that
it came before, so whatever may have been stored without a word of it is `Unknown`.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from alerts.channels.api_http import Reply
from alerts.domain.deliveries import (
    Deferred,
    Delivered,
    Disable,
    DisableReason,
    Effect,
    Keep,
    Outcome,
    Reason,
    Rejected,
    Scope,
    Unknown,
)
from alerts.domain.http_answers import SUCCESS, outcome_of
from alerts.domain.retries import LONGEST_WAIT

BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
TOO_MANY: Final = 429
# Of a token that is nobody's, and of one that does not even look like one.
TOKEN_REFUSED: Final = frozenset({401, 404})
REFUSED_DETAIL: Final = "Telegram does not take GRADEBELL_TELEGRAM_BOT_TOKEN"
_SERVER_ERRORS: Final = range(500, 600)
_UNREADABLE_MARKUP: Final = "can't parse entities"


@dataclass(frozen=True, slots=True)
class Judged:
    """What an answer means. detail: one line for a person, where the words say less."""

    outcome: Outcome
    effect: Effect = Keep()  # noqa: RUF009  frozen
    detail: str | None = None


def _ended(reason: DisableReason, detail: str) -> Judged:
    gone = reason in {DisableReason.GONE, DisableReason.REMOVED}
    return Judged(Rejected(Reason.GONE if gone else Reason.AUTH), Disable(reason), detail)


# The first that is in the description, both without regard to case.
_BY_WORDS: Final = {
    BAD_REQUEST: {
        "chat not found": _ended(DisableReason.GONE, "Telegram knows no such chat"),
        "message thread not found": _ended(DisableReason.GONE, "the topic was deleted"),
        "topic_closed": _ended(DisableReason.NO_PERMISSION, "the topic is closed"),
        "not enough rights": _ended(
            DisableReason.NO_PERMISSION, "the group lets the bot write nothing"
        ),
        "have no write access": _ended(
            DisableReason.NO_PERMISSION, "the group lets the bot write nothing"
        ),
        "chat_write_forbidden": _ended(
            DisableReason.NO_PERMISSION, "the group lets the bot write nothing"
        ),
    },
    FORBIDDEN: {
        "blocked by the user": _ended(DisableReason.BLOCKED, "they have blocked the bot"),
        "can't initiate conversation": _ended(
            DisableReason.BLOCKED, "they have not written to the bot yet"
        ),
        "user is deactivated": _ended(DisableReason.GONE, "the account was deleted"),
        "chat was deleted": _ended(DisableReason.GONE, "the group was deleted"),
        "bot was kicked": _ended(DisableReason.REMOVED, "the bot was removed from the group"),
        "bot is not a member": _ended(DisableReason.REMOVED, "the bot is not in the group"),
    },
}


def judge(reply: Reply) -> Judged:
    """What became of a message that was sent once. A 429 holds all of its endpoint."""
    if reply.status is None:
        reason = reply.failure.reason if reply.failure is not None else Reason.OTHER
        return Judged(Unknown(reason) if reply.was_sent else Deferred(reason))
    if reply.status in SUCCESS:
        # Said once the message is stored, so that a body which broke off costs its id alone.
        result = reply.plain.get("result")
        message = result.get("message_id") if isinstance(result, dict) else None
        return Judged(Delivered(str(message) if isinstance(message, int) else None))
    if reply.status in TOKEN_REFUSED:
        return Judged(Deferred(Reason.AUTH, None, Scope.ENDPOINT), detail=REFUSED_DETAIL)
    words = _words(reply)
    for said, judged in _BY_WORDS.get(reply.status, {}).items():
        if said in words:
            return judged
    if reply.status in _SERVER_ERRORS:
        return Judged(Unknown(Reason.SERVER_ERROR))
    if reply.status == BAD_REQUEST and words:
        return Judged(Rejected(Reason.CLIENT_ERROR))
    return Judged(*outcome_of(reply.status, asked_wait(reply)))


def asked_wait(reply: Reply) -> timedelta | None:
    """How long a refusal asks to be left alone."""
    seconds = _parameter(reply, "retry_after")
    if seconds is None or seconds < 0:
        return None
    return timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds()))


def moved_to(reply: Reply) -> int | None:
    """The supergroup that a group has become."""
    return _parameter(reply, "migrate_to_chat_id") if reply.status == BAD_REQUEST else None


def is_markup_refused(reply: Reply) -> bool:
    """Whether what we sent was no HTML in Telegram's eyes; it stored nothing then."""
    return reply.status == BAD_REQUEST and _UNREADABLE_MARKUP in _words(reply)


def _words(reply: Reply) -> str:
    said = reply.plain.get("description")
    return said.casefold() if isinstance(said, str) else ""


def _parameter(reply: Reply, name: str) -> int | None:
    parameters = reply.plain.get("parameters")
    value = parameters.get(name) if isinstance(parameters, dict) else None
    return value if isinstance(value, int) else None
