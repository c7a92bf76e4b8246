"""Identities: a prefix and 26 characters, 48 bits of time and 80 bits that tell apart."""

import hashlib
from datetime import datetime
from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(a + b for a in ALPHABET for b in ALPHABET)

CYCLE: Final = "cyc_"
EVENT: Final = "evt_"
ENDPOINT: Final = "ep_"
DELIVERY: Final = "dlv_"
ATTEMPT: Final = "att_"
KEY: Final = "key_"
APP: Final = "app_"
SECRET: Final = "sec_"  # noqa: S105 - a prefix, not a secret.
SEND: Final = "snd_"
LEASE: Final = "lse_"
SWEEP: Final = "swp_"
REQUEST: Final = "req_"
REPLAY: Final = "rpl_"

# The operator's own app, there from the first migration on.
HOUSE_APP: Final = APP + "0" * 26


def make_id(prefix: str, at: datetime, distinct: bytes) -> str:
    """An id that sorts by `at` (milliseconds); distinct: 10 bytes, random or a hash."""
    time = int(at.timestamp() * 1000) & 0xFFFF_FFFF_FFFF
    high, low = int.from_bytes(distinct[:5], "big"), int.from_bytes(distinct[5:10], "big")
    # Crockford's base 32, two characters for every 10 bits; written out, for each send has one.
    of = _PAIRS
    return (
        f"{prefix}{of[time >> 40]}{of[time >> 30 & 1023]}{of[time >> 20 & 1023]}"
        f"{of[time >> 10 & 1023]}{of[time & 1023]}"
        f"{of[high >> 30]}{of[high >> 20 & 1023]}{of[high >> 10 & 1023]}{of[high & 1023]}"
        f"{of[low >> 30]}{of[low >> 20 & 1023]}{of[low >> 10 & 1023]}{of[low & 1023]}"
    )


def event_id(at: datetime, *parts: str | int | None) -> str:
    """The id that the same event always gets.

    at: the event's `as_of`. parts: type, source, kind, token, as_of, revision (or what takes
    their place for an event about an endpoint or a source).
    """
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return make_id(EVENT, at, hashlib.sha256(text.encode()).digest())
