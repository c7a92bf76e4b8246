"""What Discord's answer to a message comes to: the one table.

Codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes
A webhook's message has no key by which Discord could tell that it came before, so whatever may
have been stored without a word of it is `Unknown`: a 5xx may come from behind the store. A bot's
message has one, for minutes; what is in doubt is asked again under it before it comes here.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from alerts.channels.discord_http import Reply
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
from alerts.domain.http_answers import REDIRECTION, SUCCESS, outcome_of
from alerts.domain.retries import LONGEST_WAIT

GENERAL_ERROR: Final = 0
UNKNOWN_CHANNEL: Final = 10003
UNKNOWN_WEBHOOK: Final = 10015
UNKNOWN_GUILD: Final = 10004
MISSING_ACCESS: Final = 50001
MISSING_PERMISSIONS: Final = 50013
INVALID_WEBHOOK_TOKEN: Final = 50027
BLOCKED_BY_AUTOMOD: Final = 200000
FORUM_WANTS_A_THREAD: Final = 220001
THREAD_ARCHIVED: Final = 50083
THREAD_LOCKED: Final = 160005

# What brings an address nearer to being shut out of Discord altogether:
# https://docs.discord.com/developers/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans
INVALID: Final = frozenset({401, 403, 429})

_GONE: Final = Disable(DisableReason.GONE)
_SERVER_ERRORS: Final = range(500, 600)


@dataclass(frozen=True, slots=True)
class Judged:
    """What an answer means. detail: one line for a person, where the code says more."""

    outcome: Outcome
    effect: Effect = Keep()  # noqa: RUF009  frozen
    detail: str | None = None


_BARRED: Final = Disable(DisableReason.NO_PERMISSION)
_SHUT: Final = Judged(
    Rejected(Reason.CLIENT_ERROR),
    detail="the thread is locked or archived: open it again, or set this up in another",
)
_BY_CODE: Final = {
    (400, THREAD_ARCHIVED): _SHUT,
    (400, THREAD_LOCKED): _SHUT,
    (403, THREAD_LOCKED): _SHUT,
    (403, MISSING_ACCESS): Judged(
        Rejected(Reason.AUTH), _BARRED, "the bot may not see this channel: give it View Channel"
    ),
    (403, MISSING_PERMISSIONS): Judged(
        Rejected(Reason.AUTH),
        _BARRED,
        "the bot may not post here: give it Send Messages, Embed Links and Attach Files, and in a "
        "thread Send Messages in Threads",
    ),
    (404, UNKNOWN_GUILD): Judged(
        Rejected(Reason.GONE), Disable(DisableReason.REMOVED), "the bot was removed from the server"
    ),
    (404, UNKNOWN_WEBHOOK): Judged(
        Rejected(Reason.GONE), _GONE, "the webhook was deleted in Discord"
    ),
    (404, UNKNOWN_CHANNEL): Judged(
        Rejected(Reason.GONE), _GONE, "the channel or thread was deleted in Discord"
    ),
    (401, GENERAL_ERROR): Judged(
        Deferred(Reason.AUTH, None, Scope.ENDPOINT),
        detail="Discord does not take GRADEBELL_DISCORD_BOT_TOKEN",
    ),
    (401, INVALID_WEBHOOK_TOKEN): Judged(
        Rejected(Reason.AUTH),
        Disable(DisableReason.UNAUTHORIZED),
        "Discord does not take the webhook's token any more",
    ),
    (400, BLOCKED_BY_AUTOMOD): Judged(
        Rejected(Reason.CLIENT_ERROR), detail="the server's AutoMod blocked the message"
    ),
    (400, FORUM_WANTS_A_THREAD): Judged(
        Rejected(Reason.CLIENT_ERROR),
        detail="the channel is a forum: name one of its threads, ?thread_id=… in the URL",
    ),
}
# What is no word of Discord's about the message: judged as any receiver's.
_AS_ANY: Final = frozenset({*REDIRECTION, 401, 403, 404, 413, 429})


def judge(reply: Reply, *, wait: timedelta | None) -> Judged:
    """What became of a message that was posted once.

    wait: how long a 429 asked for. A 429 holds all of its endpoint.
    401, 403 and 404 without a code that we know may be a proxy's, or somebody's permissions of an
    hour, and are tried again by the schedule. Other 4xx find fault with the message: it is final.
    """
    if reply.status is None:
        return _without_answer(reply)
    if reply.status in SUCCESS:
        # Said once the message is stored, so that a body which broke off costs its id alone.
        message = reply.plain.get("id")
        return Judged(Delivered(message if isinstance(message, str) else None))
    code = reply.plain.get("code")
    known = _BY_CODE.get((reply.status, code)) if isinstance(code, int) else None
    if known is not None:
        return known
    if reply.status in _SERVER_ERRORS:
        return Judged(Unknown(Reason.SERVER_ERROR))
    if reply.status in _AS_ANY:
        return Judged(*outcome_of(reply.status, wait))
    return Judged(Rejected(Reason.CLIENT_ERROR))


def asked_wait(reply: Reply, default: timedelta | None) -> timedelta | None:
    """How long a 429 asks for: its body's fraction of seconds, else its header."""
    seconds = reply.plain.get("retry_after")
    if isinstance(seconds, int | float) and seconds >= 0:
        return timedelta(seconds=min(float(seconds), LONGEST_WAIT.total_seconds()))
    return default


def is_for_all(reply: Reply) -> bool:
    """Whether a 429 means all that this address asks of Discord, not one webhook or channel.

    Without JSON it is not from Discord's API but from the wall before it.
    """
    return reply.plain.get("global") is True or "retry_after" not in reply.plain


def doubt_of(reply: Reply) -> Unknown | None:
    """Why it may have been stored though nobody said so; None where that is known."""
    outcome = judge(reply, wait=None).outcome
    return outcome if isinstance(outcome, Unknown) else None


def _without_answer(reply: Reply) -> Judged:
    reason = reply.failure.reason if reply.failure is not None else Reason.OTHER
    return Judged(Unknown(reason) if reply.was_sent else Deferred(reason))
