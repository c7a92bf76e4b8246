"""Standard Webhooks v1: signing what we send, verifying what a receiver gets.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from alerts.errors import InvalidInput

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

_PREFIX = "whsec_"
# Bytes of a secret: the specification's range, and what we make ourselves.
SHORTEST_SECRET = 24
LONGEST_SECRET = 64
NEW_SECRET = 32

TOLERANCE = timedelta(minutes=5)

_VERSION = "v1"
_SECONDS = re.compile(r"[0-9]{1,15}")


def sign(secret_key: bytes, *, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, `v1,<base64>`, of these exact bytes.

    timestamp: Unix seconds of the attempt.
    Raises ValueError for a `.` in the id: it would let id, timestamp and body change places.
    """
    if "." in message_id:
        raise ValueError("a message id holds no '.'")
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return f"{_VERSION},{b64encode(hmac.digest(secret_key, signed, 'sha256')).decode()}"


def signature_header(
    secret_keys: Iterable[bytes], *, message_id: str, timestamp: int, body: bytes
) -> str:
    """The value of `webhook-signature`: one signature a live secret, in the order given."""
    return " ".join(
        [sign(key, message_id=message_id, timestamp=timestamp, body=body) for key in secret_keys]
    )


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secret_keys: Iterable[bytes],
    *,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> None:
    """Return if one of the secrets signed this body for this id and time; raise otherwise.

    headers: names in any case. Signatures of versions other than v1 are ignored.
    now: aware; the timestamp may be off by `tolerance` in both directions.
    Raises InvalidInput whose field is the header at fault. Takes the same time for every wrong
    signature of one length.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    message_id = _required(lowered, ID_HEADER)
    timestamp = _read_timestamp(_required(lowered, TIMESTAMP_HEADER), now, tolerance)
    offered = _offered(_required(lowered, SIGNATURE_HEADER))
    if "." in message_id:
        raise InvalidInput(ID_HEADER, "a message id holds no '.'")
    for key in secret_keys:
        expected = sign(key, message_id=message_id, timestamp=timestamp, body=body).encode()
        if any(hmac.compare_digest(expected, signature) for signature in offered):
            return
    raise InvalidInput(SIGNATURE_HEADER, "no signature here was made with this secret")


def parse_secret(text: str) -> bytes:
    """The key of a secret written as `whsec_<base64>`; prefix and padding may be missing.

    Raises InvalidInput for anything but 24 to 64 bytes of base64; the message never holds it.
    """
    encoded = text.removeprefix(_PREFIX)
    padding = "=" * (-len(encoded) % 4)
    try:
        key = b64decode(encoded + padding, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("secret", f"is {_PREFIX} followed by base64") from error
    if not SHORTEST_SECRET <= len(key) <= LONGEST_SECRET:
        raise InvalidInput(
            "secret", f"is {SHORTEST_SECRET} to {LONGEST_SECRET} bytes long, not {len(key)}"
        )
    return key


def format_secret(secret_key: bytes) -> str:
    """`whsec_<base64>`, as receivers' libraries take it. New keys: NEW_SECRET random bytes."""
    return _PREFIX + b64encode(secret_key).decode()


def _required(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise InvalidInput(name, "is missing")
    return value


def _read_timestamp(text: str, now: datetime, tolerance: timedelta) -> int:
    if not _SECONDS.fullmatch(text):
        raise InvalidInput(TIMESTAMP_HEADER, "is whole Unix seconds")
    timestamp = int(text)
    off_by = int(now.timestamp()) - timestamp
    if abs(off_by) > tolerance.total_seconds():
        raise InvalidInput(TIMESTAMP_HEADER, f"is too {'old' if off_by > 0 else 'new'}")
    return timestamp


def _offered(header: str) -> list[bytes]:
    marked = f"{_VERSION},"
    return [
        signature.encode(errors="replace")
        for signature in header.split(" ")
        if signature.startswith(marked)
    ]
