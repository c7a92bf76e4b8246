"""What a link to our bot carries: https://t.me/BOT?start=PAYLOAD, or startgroup for groups.

Telegram takes 64 letters, digits, _ and - there, and an id has other signs as well.
https://core.telegram.org/bots/features#deep-linking
"""

import re
from typing import Final

from alerts.domain.grades import TokenId
from alerts.domain.tokens import SHORTENED, short_id

MOST_PAYLOAD: Final = 64
# Codes of apps begin otherwise.
_PREFIX: Final = "t-"
_WRITTEN: Final = {":": "-c", ".": "-d", "-": "-h", SHORTENED: "-s"}
_READ: Final = {code: sign for sign, code in _WRITTEN.items()}
_SUBJECT: Final = re.compile(r"(?:[A-Za-z0-9_]|-[cdhs])+")


def token_payload(token: TokenId) -> str | None:
    """What follows `?start=` of a link that follows a token; None for an id that does not fit."""
    for subject in (token, short_id(token)):
        payload = _PREFIX + "".join(_WRITTEN.get(sign, sign) for sign in subject)
        if len(payload) <= MOST_PAYLOAD and _subject_of(payload) == subject:
            return payload
    return None


def payload_token(payload: str) -> str | None:
    """The id of a token, or its `short_id`, that a payload carries; None of any other payload."""
    return _subject_of(payload) if len(payload) <= MOST_PAYLOAD else None


def _subject_of(payload: str) -> str | None:
    coded = payload.removeprefix(_PREFIX)
    if coded == payload or not _SUBJECT.fullmatch(coded):
        return None
    return re.sub("-[cdhs]", lambda match: _READ[match.group()], coded)
