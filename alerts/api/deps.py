"""What a route asks for: the services, who is calling, and which part of a list."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from alerts.api.idempotency import claim
from alerts.api.quotas import Gate
from alerts.bootstrap import Services
from alerts.errors import Denied, InvalidInput
from alerts.pipeline.access import Principal, Scope, authenticate

Record = TypeVar("Record")
Shown = TypeVar("Shown")

KEY: Final = HTTPBearer(
    scheme_name="key",
    description="An API key (`gb_…`), or the operator's `GRADEBELL_ADMIN_KEY`.",
    auto_error=False,
)
_SEPARATOR: Final = "\x1f"


async def services_of(request: Request) -> Services:
    """The services this application was made with. Async, so that no thread is asked for it."""
    services: Services = request.app.state.services
    return services


def gate_of(request: Request) -> Gate:
    """What lets callers in as often as they may."""
    gate: Gate = request.app.state.gate
    return gate


Bell = Annotated[Services, Depends(services_of)]


async def caller(
    request: Request,
    *,
    services: Bell,
    wanted: SecurityScopes,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(KEY)],
) -> Principal:
    """Whoever holds the key presented, if it may do what the route asks.

    Raises Denied, RateLimited and InvalidInput, and for a request that came before what `claim`
    does.
    """
    principal = await identify(request, services, credentials)
    await gate_of(request).admit(request, principal)
    for scope in wanted.scopes:
        principal.require(Scope(scope))
    _refuse_repeats(request)
    await claim(request, principal, services)
    return principal


async def identify(
    request: Request, services: Services, credentials: HTTPAuthorizationCredentials | None
) -> Principal:
    """Whoever holds the key presented. Raises Denied, RateLimited."""
    if credentials is None:
        problem = "say who you are: `Authorization: Bearer <key>`"
        raise Denied(problem, authenticated=False)
    presented, gate = credentials.credentials, gate_of(request)
    admin_key = services.settings.admin_key.get_secret_value()
    await gate.face(request, presented)
    try:
        principal = await authenticate(
            presented, admin_key=admin_key, store=services.store, uses=services.uses
        )
    except Denied:
        await gate.note(request, presented, is_right=False)
        raise
    await gate.note(request, presented, is_right=True)
    return principal


def _refuse_repeats(request: Request) -> None:
    """The framework hears the last one alone, and would answer what was not asked."""
    seen = set()
    for name, _ in request.query_params.multi_items():
        if name in seen:
            raise InvalidInput(name, "is given twice; this takes one value")
        seen.add(name)


Reader = Annotated[Principal, Security(caller, scopes=[Scope.READ.value])]
Writer = Annotated[Principal, Security(caller, scopes=[Scope.WRITE.value])]
Ingester = Annotated[Principal, Security(caller, scopes=[Scope.INGEST.value])]
Admin = Annotated[Principal, Security(caller, scopes=[Scope.ADMIN.value])]


class Paging(BaseModel):
    """Which part of a list. Other query parameters are refused by name."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=200, description="How many to show.")
    cursor: str | None = Field(
        default=None,
        max_length=400,
        description="`next` of the page before; leave out for the first.",
    )

    def before(self, parts: int = 1) -> list[str] | None:
        """What the cursor stands for: the keys of the last row shown. Raises InvalidInput."""
        if self.cursor is None:
            return None
        try:
            text = urlsafe_b64decode(self.cursor.encode() + b"=" * (-len(self.cursor) % 4)).decode()
        except (binascii.Error, ValueError):
            text = ""
        keys = text.split(_SEPARATOR)
        if len(keys) != parts or not all(key and key.isprintable() for key in keys):
            raise InvalidInput("cursor", "is not one that this list gave")
        return keys

    @property
    def before_id(self) -> str | None:
        """The id of the last row shown."""
        keys = self.before()
        return None if keys is None else keys[0]

    @property
    def and_one(self) -> int:
        """How many to read: one more than is shown says whether there is a next page."""
        return self.limit + 1

    def page(
        self,
        records: Sequence[Record],
        view: Callable[[Record], Shown],
        key: Callable[[Record], Sequence[str]],
    ) -> dict[str, Any]:
        """`data` and `next` of `and_one` records or fewer."""
        shown = records[: self.limit]
        following = None
        if len(records) > self.limit:
            text = _SEPARATOR.join(key(shown[-1]))
            following = urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
        return {"data": [view(record) for record in shown], "next": following}
