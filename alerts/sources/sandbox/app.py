"""The sandbox over HTTP: the endpoints as upstream has them, and its own switches."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from email.utils import format_datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from alerts.errors import InvalidInput
from alerts.sources.sandbox.address import SANDBOX_KEY
from alerts.sources.sandbox.clock import VirtualClock
from alerts.sources.sandbox.faults import Due, Effect, Fault, FaultBoard, is_missing, shown_day
from alerts.sources.sandbox.generator import Market
from alerts.sources.sandbox.plans import PLANS, Allowance, Plan
from alerts.sources.sandbox.profiles import PROFILES, Endpoint, Profile, ProfileName
from alerts.sources.sandbox.queries import Query, read_query, unknown_parameters
from alerts.sources.sandbox.refusals import Refusal, over_allowance, refusal_of
from alerts.sources.sandbox.rows import rows_of
from alerts.sources.sandbox.spoiling import Listed, cut_page, spoil_rows
from alerts.sources.sandbox.switches import Switches, said
from alerts.sources.sandbox.wire import answer, knowing_its_transport

# Days of rows that are kept ready.
_READY = 40


def create_sandbox(
    *,
    market: Market,
    clock: VirtualClock,
    api_key: str = SANDBOX_KEY,
    dated: bool = True,
    profile: ProfileName = ProfileName.V2_2025_08,
    plan: Plan = PLANS["unlimited"],
    strict: bool = False,
    faults: Sequence[Fault] = (),
) -> ASGIApp:
    """The stand-in as an application. Same market, time and faults: the same bytes.

    api_key: the one it takes, in `x-api-key`. profile: what upstream it is.
    dated: give every row its `DATE`; without, only those have one that have it upstream.
    plan: how often the key may ask. strict: refuse parameters that upstream pays no heed to.
    faults: switched on from the beginning, each in its window. Raises InvalidInput.
    Its answers bear their own `Date`: the server should add none (`open_sandbox`).
    """
    board = FaultBoard()
    for fault in faults:
        board.add(fault, clock.now)
    allowance = Allowance(plan, wall=clock.real.now, virtual=lambda: clock.now)
    usage: Counter[tuple[str, int]] = Counter()
    shelf = _Shelf(market, PROFILES[profile], clock, dated=dated)
    grades = _Grades(
        shelf, board=board, allowance=allowance, usage=usage, api_key=api_key, strict=strict
    )
    switches = Switches(clock, board, allowance=allowance, usage=usage)
    paths = PROFILES[profile].endpoints
    routes = [*(Route(path, grades.answer) for path in paths), *switches.routes()]
    return knowing_its_transport(Starlette(routes=routes))


class _Shelf:
    """The rows of every day that was asked for, as this profile writes them."""

    def __init__(
        self, market: Market, profile: Profile, clock: VirtualClock, *, dated: bool
    ) -> None:
        self.profile = profile
        self.clock = clock
        self._market = market
        self._dated = dated
        self._making = asyncio.Lock()
        self._days: dict[tuple[str, date], list[Listed]] = {}

    async def rows(self, path: str, query: Query, faults: list[Due]) -> list[Listed]:
        """What a query finds, newest day first, before rows and pages are spoilt."""
        endpoint, today = self.profile.endpoints[path], self.clock.today
        if not endpoint.is_history and query.dates is None:
            today = shown_day(faults, today, self._market.opening)
        found = []
        for day in query.days(today):
            found += [
                (token, row)
                for token, row in await self._of(path, endpoint, day)
                if not is_missing(faults, token.id, day) and query.takes(token, row, day)
            ]
        return found

    async def _of(self, path: str, endpoint: Endpoint, day: date) -> list[Listed]:
        async with self._making:
            kept = self._days.get((path, day))
            if kept is None:
                # Days never asked for are worked out now; the loop has others to serve.
                made = await asyncio.to_thread(
                    rows_of,
                    endpoint.make,
                    market=self._market,
                    day=day,
                    dated=self._dated or endpoint.is_history,
                )
                kept = [(token, self.profile.dressed(row)) for token, row in made]
                if len(self._days) >= _READY:
                    self._days.pop(next(iter(self._days)))
                self._days[path, day] = kept
            return kept


class _Grades:
    """The endpoints of upstream."""

    def __init__(
        self,
        shelf: _Shelf,
        *,
        board: FaultBoard,
        allowance: Allowance,
        usage: Counter[tuple[str, int]],
        api_key: str,
        strict: bool,
    ) -> None:
        self._shelf = shelf
        self._board = board
        self._allowance = allowance
        self._usage = usage
        self._api_key = api_key
        self._strict = strict
        self._requests = 0

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        faults: list[Due] = []
        try:
            response = await self._respond(request, path, faults)
        except InvalidInput as error:
            response = said({"success": False, "message": str(error)}, 400)
        self._requests += 1
        self._usage[path, response.status_code] += 1
        response.headers["x-request-id"] = f"sandbox-{self._requests:08d}"
        response.headers["date"] = self._date(faults)
        response.headers.update(self._allowance.headers)
        unknown = unknown_parameters(request.query_params)
        if unknown:
            names = ascii(", ".join(unknown))[:200]
            response.headers["x-sandbox-warning"] = f"ignored unknown parameters: {names}"
        return response

    async def _respond(self, request: Request, path: str, faults: list[Due]) -> Response:
        """faults: filled with those that spoil this answer."""
        profile, clock = self._shelf.profile, self._shelf.clock
        wrong: InvalidInput | None = None
        page = 1
        try:
            query = read_query(request.query_params, profile)
            page = query.page
        except InvalidInput as error:
            wrong = error
        faults += self._board.due(path, page, clock.now)
        if self._key(faults) not in {request.headers.get(name) for name in profile.key_headers}:
            return said({"success": False, "message": "Invalid or missing API key"}, 401)
        over = self._allowance.spend()
        if over is not None:
            plan = self._allowance.plan
            return _given(over_allowance(over, plan.retry_after, self._allowance.now))
        refusal = refusal_of(faults, clock.real.now())
        if refusal is not None:
            return _given(refusal)
        if wrong is not None:
            raise wrong
        unknown = unknown_parameters(request.query_params)
        if self._strict and unknown:
            raise InvalidInput(ascii(unknown[0]), "is no parameter of this endpoint")
        rows = spoil_rows(faults, await self._shelf.rows(path, query, faults))
        return answer(faults, cut_page(faults, rows, page=query.page, limit=query.limit))

    def _key(self, faults: list[Due]) -> str:
        """The key that is taken now."""
        new = [due.fault.key for due in faults if due.effect is Effect.KEY_ROTATED]
        return new[-1] if new else self._api_key

    def _date(self, faults: list[Due]) -> str:
        """The server's own time, as far off as faults make it."""
        skew = sum(due.fault.skew_seconds for due in faults if due.effect is Effect.CLOCK_SKEW)
        return format_datetime(self._shelf.clock.real.now() + timedelta(seconds=skew), usegmt=True)


def _given(refusal: Refusal) -> Response:
    return Response(refusal.body, refusal.status, headers=refusal.headers)
