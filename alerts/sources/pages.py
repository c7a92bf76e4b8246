"""A page of rows: opened, checked to be whole, its rows still packed."""

import re

import msgspec

from alerts.sources.download import REFUSAL_CAP_BYTES

# An escape in JSON text; the group is half of a pair without its other half.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


class _Envelope(msgspec.Struct):
    """A page's wrapping. Unknown fields are additions and pass; names are exact."""

    data: list[msgspec.Raw]
    success: object = True
    message: object = None
    length: object = None


def open_page(body: bytes) -> list[msgspec.Raw] | str:
    """The rows of a page; or in a few words why it is none, or not a whole one."""
    try:
        envelope = _decode(body)
    except (ValueError, RecursionError) as error:
        beginning = body[:REFUSAL_CAP_BYTES].decode("utf-8", "replace")
        return f"is no page of rows ({error}): {beginning}"
    if envelope.success is not True:
        return f"says it did not succeed: {envelope.message}"
    if envelope.length is not None and str(envelope.length) != str(len(envelope.data)):
        return f"says it holds {envelope.length} rows and holds {len(envelope.data)}"
    return envelope.data


def _decode(body: bytes) -> _Envelope:
    try:
        return msgspec.json.decode(body, type=_Envelope)
    except ValueError:
        # The decoder refuses half a surrogate pair anywhere, such as a name cut in the middle of
        # an emoji leaves; one token's label must not cost a page its grades.
        mended = _ESCAPE.sub(lambda found: b"\\ufffd" if found[1] else found[0], body)
        if mended == body:
            raise
        return msgspec.json.decode(mended, type=_Envelope)
