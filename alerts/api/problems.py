"""Problems: every refusal as `application/problem+json`, with a type that never changes.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from alerts.errors import (
    Conflict,
    CursorExpired,
    Denied,
    GradebellError,
    InvalidInput,
    KeyReused,
    NotFound,
    RateLimited,
    SettingsInvalid,
    StillRunning,
    StorageFailed,
    TooLarge,
    Undecryptable,
)
from alerts.telemetry import Step, fail

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:gradebell:problem:"
# How long a client does well to wait when the database failed.
RETRY_AFTER_SECONDS: Final = 2
CANDIDATES_SHOWN: Final = 20

_QUOTED: Final = re.compile(r"'([^']*)'")


class BodyUnreadable(InvalidInput):
    """A request body that is no JSON at all; the message says where it breaks."""


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem. is_ours: our fault, so that its own words stay in the log."""

    status: int
    slug: str
    title: str
    is_ours: bool = False

    @property
    def urn(self) -> str:
        """The stable `type`."""
        return TYPE_PREFIX + self.slug


INTERNAL: Final = ProblemType(500, "internal", "Something broke on our side", is_ours=True)
UNAUTHENTICATED: Final = ProblemType(401, "unauthenticated", "A valid API key is needed")
INVALID: Final = ProblemType(422, "invalid-input", "A value cannot be used")
PROBLEMS: Final[Mapping[type[GradebellError], ProblemType]] = MappingProxyType(
    {
        GradebellError: INTERNAL,
        BodyUnreadable: ProblemType(400, "unreadable-body", "The body is no JSON"),
        TooLarge: ProblemType(413, "too-large", "Too much for one call"),
        InvalidInput: INVALID,
        KeyReused: ProblemType(422, "key-reused", "This key was used for another request"),
        StillRunning: ProblemType(409, "still-running", "This request is being answered"),
        NotFound: ProblemType(404, "not-found", "There is no such thing"),
        Conflict: ProblemType(409, "conflict", "Not in this state"),
        Denied: ProblemType(403, "forbidden", "This key may not do that"),
        RateLimited: ProblemType(429, "rate-limited", "Too many calls"),
        CursorExpired: ProblemType(410, "cursor-expired", "The feed no longer goes back that far"),
        SettingsInvalid: INTERNAL,
        Undecryptable: INTERNAL,
        StorageFailed: ProblemType(
            503, "storage-failed", "The database did not answer", is_ours=True
        ),
    }
)


class Refusal(JSONResponse):
    """A problem as a response; it names the request it answers, for whoever asks about it."""

    media_type = MEDIA_TYPE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        request_id = scope.get("state", {}).get("request_id")
        if request_id is not None:
            self.body = self.render({**msgspec.json.decode(self.body), "request_id": request_id})
            self.headers["content-length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


def type_of(error: GradebellError) -> ProblemType:
    """What kind of problem an error is: that of its class, or of the nearest one above."""
    if isinstance(error, Denied) and not error.authenticated:
        return UNAUTHENTICATED
    return next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)


def answer(
    kind: ProblemType,
    detail: str,
    *,
    members: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One problem as a response. members: what it says beyond the standard ones."""
    content = {"type": kind.urn, "title": kind.title, "status": kind.status, "detail": detail}
    return Refusal(content | dict(members or {}), kind.status, headers=dict(headers or {}))


def answer_error(error: GradebellError) -> Response:
    """An error of ours as a response. What broke on our side is logged, not told."""
    kind = type_of(error)
    if kind.is_ours:
        fail(Step.REQUEST_FAILED, error)
        headers = {"retry-after": str(RETRY_AFTER_SECONDS)} if kind.status == 503 else {}  # noqa: PLR2004
        return answer(kind, "Trying again may help; the log says more.", headers=headers)
    return answer(kind, str(error), members=_members(error), headers=_headers(error, kind))


def answer_unexpected(error: Exception) -> Response:
    """A bug as a response: logged with its traceback, told without."""
    fail(Step.REQUEST_FAILED, error)
    return answer(INTERNAL, "This is a fault of the service; the log says more.")


def refused(errors: Sequence[Mapping[str, Any]]) -> InvalidInput:
    """What pydantic found, as one of our errors: the first, with the field to mend."""
    first = errors[0]
    place = tuple(first["loc"])
    if place[:1] in {("body",), ("query",), ("path",), ("header",)} and len(place) > 1:
        place = place[1:]
    field = _path(place)
    kind, context = first["type"], first.get("ctx") or {}
    if kind == "extra_forbidden":
        return InvalidInput(field, "is not a field of this call")
    if kind == "missing":
        return InvalidInput(field, "is required")
    message = str(first["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    candidates = ()
    if kind in {"enum", "literal_error"}:
        candidates = tuple(_QUOTED.findall(str(context.get("expected", ""))))[:CANDIDATES_SHOWN]
    return InvalidInput(field, message[:1].lower() + message[1:], candidates)


def install(app: FastAPI) -> None:
    """Answer whatever an application refuses with a problem."""
    app.add_exception_handler(GradebellError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, GradebellError):
        raise error
    return answer_error(error)


async def _on_invalid(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return answer_error(refused(error.errors()))


async def _on_http(_request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such path, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    slug = status.phrase.lower().replace(" ", "-")
    kind = ProblemType(status.value, slug, status.phrase)
    return answer(kind, str(error.detail), headers=error.headers)


def _members(error: GradebellError) -> dict[str, object]:
    members: dict[str, object] = {}
    if isinstance(error, InvalidInput | Conflict) and error.field is not None:
        members["field"] = error.field
    if isinstance(error, InvalidInput) and error.candidates:
        members["candidates"] = list(error.candidates)
    if isinstance(error, CursorExpired):
        members["oldest"] = str(error.oldest)
    return members


def _headers(error: GradebellError, kind: ProblemType) -> dict[str, str]:
    if isinstance(error, StillRunning | RateLimited):
        return {"retry-after": str(error.retry_after_seconds)}
    return {"www-authenticate": "Bearer"} if kind is UNAUTHENTICATED else {}


def _path(place: Sequence[str | int]) -> str:
    """`filter.tokens[2]` of ("filter", "tokens", 2)."""
    path = ""
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "body"
