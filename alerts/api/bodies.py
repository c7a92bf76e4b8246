"""Request bodies: read with a cap, decoded strictly, checked field by field."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from alerts.api.problems import BodyUnreadable
from alerts.api.refusals import refused
from alerts.domain.nearest import nearest
from alerts.errors import InvalidInput, TooLarge

# Ten thousand token ids and headers to the brim fit; only cycles are larger.
SMALL_BODY_BYTES: Final = 2 * 1024 * 1024
# A body that trickles in holds a connection; nobody honest needs longer.
# Ten thousand names are checked letter by letter for 60 ms; from here on in a thread.
LARGE_BODY_BYTES: Final = 64 * 1024
READ_SECONDS: Final = 60
# A body over its cap is read on, and dropped, up to so many times the cap: a connection that is
# closed with bytes unread is reset, and who sent them would never see why.
DRAINED: Final = 4

Shape = TypeVar("Shape", bound=BaseModel)
Decoded = TypeVar("Decoded")

_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_NO_NUMBER: Final = re.compile(rb"-?(NaN|Infinity|inf|nan)")
_HALF_PAIR: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u....)\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


class NumberTooLarge(BodyUnreadable):
    """Somewhere in a body stands a number that no computer number can hold."""


def json_body(
    shape: type[Shape], *, may_be_empty: bool = False
) -> Callable[[Request], Awaitable[Shape]]:
    """A dependency that reads a body of this shape; unknown fields are refused by name.

    may_be_empty: no body at all means every default.
    """

    async def read(request: Request) -> Shape:
        body = await read_body(request, SMALL_BODY_BYTES, "a body is at most 2 MB")
        if not body and may_be_empty:
            return shape()
        try:
            if len(body) < LARGE_BODY_BYTES:
                return _checked(body, shape)
            return await asyncio.to_thread(_checked, body, shape)
        except ValidationError as error:
            raise _with_candidates(refused(error.errors(include_url=False)), shape) from None

    return read


def _checked(body: bytes, shape: type[Shape]) -> Shape:
    """Raises BodyUnreadable, and ValidationError."""
    decode_json(body)
    return shape.model_validate_json(body, strict=True)


def takes(shape: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """What OpenAPI says of an operation that reads `json_body(shape)`."""
    schema = {"$ref": f"#/components/schemas/{shape.__name__}"}
    return {
        "requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}
    }


async def read_body(request: Request, most_bytes: int, limits: str) -> bytes:
    """The body, whatever its Content-Length claims; whoever asks again is given the same.

    limits: what may be sent, in words, for whoever sent more. Raises TooLarge, BodyUnreadable.
    """
    body: bytes | None = getattr(request.state, "body", None)
    if body is None:
        body = request.state.body = await _receive(request, most_bytes, limits)
    if len(body) > most_bytes:
        raise TooLarge("body", limits)
    return body


def decode_json(body: bytes, decode: Callable[[bytes], Decoded] = msgspec.json.decode) -> Decoded:
    """JSON as plain values. Raises BodyUnreadable saying where and why it breaks off.

    decode: msgspec's, perhaps into a shape.
    """
    if not body.strip():
        raise BodyUnreadable("body", "is empty; it must be a JSON object")
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise NumberTooLarge("body", f"cannot be read: {error}") from None
    except UnicodeDecodeError as error:
        raise BodyUnreadable("body", f"is no UTF-8 ({error.reason})") from None
    except msgspec.DecodeError as error:
        raise BodyUnreadable("body", _why(body, str(error))) from None
    except RecursionError:
        raise BodyUnreadable("body", "is nested too deeply") from None


def object_of(body: bytes) -> dict[str, object]:
    """As `decode_json`, and it must be an object."""
    value: object = decode_json(body)
    if not isinstance(value, dict):
        raise InvalidInput("body", "must be a JSON object")
    return value


def nearest_name(name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Names that look like the one given, nearest first; all of them where none does."""
    return nearest(name, known, most=3) or known


async def _receive(request: Request, most_bytes: int, limits: str) -> bytes:
    claimed = request.headers.get("content-length", "")
    if claimed.isdigit() and int(claimed[:20]) > DRAINED * most_bytes:
        raise TooLarge("body", limits)
    chunks, size = [], 0
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= most_bytes:
                    chunks.append(chunk)
                elif size > DRAINED * most_bytes:
                    break
    except TimeoutError:
        raise BodyUnreadable("body", f"did not come whole within {READ_SECONDS} s") from None
    if size > most_bytes:
        raise TooLarge("body", limits)
    return b"".join(chunks)


def _why(body: bytes, message: str) -> str:
    """msgspec's message, made clear for what people really send."""
    problem = f"is not valid JSON: {message}"
    half = _HALF_PAIR.search(body)
    if half is not None:
        shown = half.group().decode("ascii", "replace")
        return f"{problem}; {shown} at byte {half.start()} is half of a surrogate pair"
    place = _BYTE.search(message)
    if place is not None and _NO_NUMBER.match(body, int(place[1])):
        return f"{problem}; NaN and Infinity are not JSON, send null for an unknown score"
    return problem


def _with_candidates(error: InvalidInput, shape: type[BaseModel]) -> InvalidInput:
    """An unknown field with the names it could have meant."""
    outer, _, name = error.field.rpartition(".")
    if error.candidates or not error.problem.startswith("is not a field"):
        return error
    inner: Any = shape
    for part in outer.split(".") if outer else ():
        inner = _shape_of(inner, part.partition("[")[0])
    known = tuple(getattr(inner, "model_fields", ()))
    # Mostly it was meant for one of the objects inside.
    inside = (each for each in known if name in getattr(_shape_of(inner, each), "model_fields", ()))
    meant = tuple(f"{each}.{name}" for each in inside)
    return InvalidInput(error.field, error.problem, meant or nearest_name(name, known))


def _shape_of(shape: Any, name: str) -> Any:  # noqa: ANN401 - an annotation of any kind.
    """The shape of an object's field, or of what it lists; None where that is no object."""
    field = getattr(shape, "model_fields", {}).get(name)
    annotation = None if field is None else field.annotation
    options = getattr(annotation, "__args__", (annotation,))
    return next((option for option in options if hasattr(option, "model_fields")), None)
