"""Problems: every refusal as `application/problem+json`, with a type that never changes.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from alerts.api.problem_kinds import ProblemKind
from alerts.api.refusals import refused
from alerts.errors import (
    Conflict,
    CursorExpired,
    Denied,
    GradebellError,
    InvalidInput,
    KeyReused,
    NotFound,
    PlatformSilent,
    RateLimited,
    SettingsInvalid,
    StillRunning,
    StorageFailed,
    TooLarge,
    Undecryptable,
)
from alerts.telemetry import Step, fail

MEDIA_TYPE: Final = "application/problem+json"
# How long a client does well to wait when the database failed.
RETRY_AFTER_SECONDS: Final = 2
_METHODS: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")


class BodyUnreadable(InvalidInput):
    """A request body that is no JSON at all; the message says where it breaks."""


PROBLEMS: Final[Mapping[type[GradebellError], ProblemKind]] = MappingProxyType(
    {
        GradebellError: ProblemKind.INTERNAL,
        BodyUnreadable: ProblemKind.UNREADABLE_BODY,
        TooLarge: ProblemKind.TOO_LARGE,
        InvalidInput: ProblemKind.INVALID_INPUT,
        KeyReused: ProblemKind.IDEMPOTENCY_KEY_REUSED,
        StillRunning: ProblemKind.STILL_RUNNING,
        NotFound: ProblemKind.NOT_FOUND,
        Conflict: ProblemKind.CONFLICT,
        Denied: ProblemKind.FORBIDDEN,
        RateLimited: ProblemKind.RATE_LIMITED,
        PlatformSilent: ProblemKind.PLATFORM_SILENT,
        CursorExpired: ProblemKind.CURSOR_EXPIRED,
        SettingsInvalid: ProblemKind.INTERNAL,
        Undecryptable: ProblemKind.INTERNAL,
        StorageFailed: ProblemKind.STORAGE_FAILED,
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


def kind_of(error: GradebellError) -> ProblemKind:
    """What kind of problem an error is: that of its class, or of the nearest one above."""
    if isinstance(error, Denied) and not error.authenticated:
        return ProblemKind.UNAUTHENTICATED
    return next(PROBLEMS[each] for each in type(error).__mro__ if each in PROBLEMS)


def answer(
    kind: ProblemKind,
    detail: str,
    *,
    members: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One problem as a response. members: what it says beyond the standard ones."""
    title, status = kind.value.title, kind.value.status
    content = {"type": kind.uri, "title": title, "status": status, "detail": detail}
    return Refusal(content | dict(members or {}), status, headers=dict(headers or {}))


def answer_error(error: GradebellError) -> Response:
    """An error of ours as a response. What broke on our side is logged, not told."""
    kind = kind_of(error)
    if kind.value.is_ours:
        fail(Step.REQUEST_FAILED, error)
        is_passing = kind is ProblemKind.STORAGE_FAILED
        headers = {"retry-after": str(RETRY_AFTER_SECONDS)} if is_passing else {}
        return answer(kind, "Trying again may help; the log says more.", headers=headers)
    return answer(kind, str(error), members=_members(error), headers=_headers(error, kind))


def answer_unexpected(error: Exception) -> Response:
    """A bug as a response: logged with its traceback, told without."""
    fail(Step.REQUEST_FAILED, error)
    return answer(ProblemKind.INTERNAL, "This is a fault of the service; the log says more.")


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


async def _on_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such path, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            problem = "there is nothing at this path; /docs lists what there is"
            return answer(ProblemKind.NOT_FOUND, problem)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = ", ".join(_allowed(request))
            problem, headers = f"this path takes {allowed}", {"allow": allowed}
            return answer(ProblemKind.METHOD_NOT_ALLOWED, problem, headers=headers)
        case _:  # Anything else of its own would be news to us.
            return answer_unexpected(error)


def _allowed(request: Request) -> list[str]:
    """The methods of a path. The framework names those of one route, and each of ours has one."""

    def is_taken(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return [method for method in _METHODS if is_taken(method)]


def _members(error: GradebellError) -> dict[str, object]:
    members: dict[str, object] = {}
    if isinstance(error, InvalidInput | Conflict) and error.field is not None:
        members["field"] = error.field
    if isinstance(error, InvalidInput) and error.candidates:
        members["candidates"] = list(error.candidates)
    if isinstance(error, CursorExpired):
        members["oldest"] = str(error.oldest)
    return members


def _headers(error: GradebellError, kind: ProblemKind) -> dict[str, str]:
    if isinstance(error, StillRunning | RateLimited | PlatformSilent):
        return {"retry-after": str(error.retry_after_seconds)}
    return {"www-authenticate": "Bearer"} if kind is ProblemKind.UNAUTHENTICATED else {}
