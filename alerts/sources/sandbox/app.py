"""The sandbox over HTTP: the grade endpoints as upstream has them, and its own switches.

The switches live under `/_sandbox/` and ask for no key: clock, faults, usage.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date
from typing import TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alerts.errors import InvalidInput, NotFound
from alerts.sources.sandbox.clock import VirtualClock
from alerts.sources.sandbox.faults import FaultBoard, refusal_of, spoil_body, spoil_rows
from alerts.sources.sandbox.generator import Market
from alerts.sources.sandbox.roster import SandboxToken
from alerts.sources.sandbox.rows import (
    Row,
    RowMaker,
    fundamental_row,
    rows_of,
    tm_grade_row,
    trader_grades_row,
)

SANDBOX_KEY = "tm-sandbox"
DEFAULT_LIMIT = 50
LARGEST_LIMIT = 100
LARGEST_PAGE = 1_000_000
ENDPOINTS: dict[str, RowMaker] = {
    "/v2/tm-grade": tm_grade_row,
    "/v2/trader-grades": trader_grades_row,
    "/v2/fundamental-grade": fundamental_row,
}

_PARAMETERS = frozenset({"token_id", "symbol", "token_name", "limit", "page"})
_DIGITS = re.compile(r"[0-9]{1,9}")
_Shape = TypeVar("_Shape", bound=msgspec.Struct)
_Handler = Callable[[Request], Awaitable[Response]]


class _Day(msgspec.Struct, forbid_unknown_fields=True):
    today: date


class _Days(msgspec.Struct, forbid_unknown_fields=True):
    days: int = 1


def create_sandbox(
    *, market: Market, clock: VirtualClock, api_key: str = SANDBOX_KEY, dated: bool = True
) -> Starlette:
    """The stand-in as an application. Same market, day and faults: the same bytes.

    api_key: the one it takes, in `x-api-key` or `api_key`.
    dated: give every row its `DATE`; without, only trader grades have one, as upstream.
    """
    sandbox = _Sandbox(market, clock, api_key=api_key, dated=dated)
    switches = _Switches(clock, sandbox.faults, sandbox.usage)
    return Starlette(
        routes=[
            *(Route(path, sandbox.grades) for path in ENDPOINTS),
            Route("/_sandbox/clock", _guarded(switches.show_clock)),
            Route("/_sandbox/clock", _guarded(switches.set_clock), methods=["PUT"]),
            Route("/_sandbox/clock/advance", _guarded(switches.advance), methods=["POST"]),
            Route("/_sandbox/faults", _guarded(switches.list_faults)),
            Route("/_sandbox/faults", _guarded(switches.add_fault), methods=["POST"]),
            Route("/_sandbox/faults", _guarded(switches.clear_faults), methods=["DELETE"]),
            Route("/_sandbox/faults/{fault:int}", _guarded(switches.end_fault), methods=["DELETE"]),
            Route("/_sandbox/usage", _guarded(switches.show_usage)),
        ]
    )


class _Sandbox:
    """The grade endpoints."""

    def __init__(self, market: Market, clock: VirtualClock, *, api_key: str, dated: bool) -> None:
        self._market = market
        self._clock = clock
        self._api_key = api_key
        self._dated = dated
        self._requests = 0
        self._making = asyncio.Lock()
        self._days: dict[str, tuple[date, list[tuple[SandboxToken, Row]]]] = {}
        self.faults = FaultBoard()
        self.usage: Counter[tuple[str, int]] = Counter()

    async def grades(self, request: Request) -> Response:
        path = request.url.path
        try:
            response = await self._answer(request, path)
        except InvalidInput as error:
            response = _refused(str(error), 400)
        self._requests += 1
        self.usage[path, response.status_code] += 1
        response.headers["x-request-id"] = f"sandbox-{self._requests:08d}"
        unknown = sorted(set(request.query_params) - _PARAMETERS)
        if unknown:
            names = ascii(", ".join(unknown))[:200]
            response.headers["x-sandbox-warning"] = f"ignored unknown parameters: {names}"
        return response

    async def _answer(self, request: Request, path: str) -> Response:
        headers = request.headers
        if self._api_key not in {headers.get("x-api-key"), headers.get("api_key")}:
            return _refused("Invalid or missing API key", 401)
        limit = _whole_number(request, "limit", default=DEFAULT_LIMIT, largest=LARGEST_LIMIT)
        page = _whole_number(request, "page", default=1, largest=LARGEST_PAGE)
        faults = self.faults.due(path, page)
        refusal = refusal_of(faults, self._clock.real.now())
        if refusal is not None:
            return Response(refusal.body, refusal.status, headers=refusal.headers)
        rows = spoil_rows(faults, _wanted(request, await self._rows_of_today(path)))
        rows = rows[(page - 1) * limit : page * limit]
        body = spoil_body(faults, _page(rows))
        return Response(body, media_type="application/json")

    async def _rows_of_today(self, path: str) -> list[tuple[SandboxToken, Row]]:
        async with self._making:
            today = self._clock.today
            kept = self._days.get(path)
            if kept is None or kept[0] != today:
                # Days never asked for are worked out now; the loop has others to serve.
                make = ENDPOINTS[path]
                rows = await asyncio.to_thread(
                    rows_of, make, market=self._market, day=today, dated=self._dated
                )
                kept = self._days[path] = today, rows
            return kept[1]


class _Switches:
    """What a person or a test turns."""

    def __init__(
        self, clock: VirtualClock, faults: FaultBoard, usage: Counter[tuple[str, int]]
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._usage = usage

    async def show_clock(self, _: Request) -> Response:
        clock = self._clock
        return _json(
            {"today": clock.today, "opening": clock.opening, "day_seconds": clock.day_seconds}
        )

    async def set_clock(self, request: Request) -> Response:
        self._clock.today = (await _body(request, _Day)).today
        return await self.show_clock(request)

    async def advance(self, request: Request) -> Response:
        self._clock.advance((await _body(request, _Days)).days)
        return await self.show_clock(request)

    async def list_faults(self, _: Request) -> Response:
        return _json({"data": self._faults.all()})

    async def add_fault(self, request: Request) -> Response:
        return _json({"id": self._faults.switch_on(await request.body())}, 201)

    async def end_fault(self, request: Request) -> Response:
        self._faults.switch_off(request.path_params["fault"])
        return Response(status_code=204)

    async def clear_faults(self, _: Request) -> Response:
        self._faults.switch_off()
        return Response(status_code=204)

    async def show_usage(self, _: Request) -> Response:
        spent = [
            {"endpoint": path, "status": status, "requests": count}
            for (path, status), count in sorted(self._usage.items())
        ]
        return _json({"requests": self._usage.total(), "data": spent})


def _guarded(handler: _Handler) -> _Handler:
    """A switch that answers a mistake with its words."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except (InvalidInput, NotFound) as error:
            status = 404 if isinstance(error, NotFound) else 400
            return _refused(str(error), status)

    return answer


async def _body(request: Request, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=shape)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("body", str(error)) from None


def _refused(message: str, status: int) -> Response:
    return _json({"success": False, "message": message}, status)


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _page(rows: list[Row]) -> dict[str, object]:
    message = "Data fetched successfully"
    return {"success": True, "message": message, "length": len(rows), "data": rows}


def _wanted(request: Request, rows: list[tuple[SandboxToken, Row]]) -> list[Row]:
    """Rows that match every filter given, each by any of its values."""
    ids = _values(request, "token_id")
    symbols = _values(request, "symbol")
    names = _values(request, "token_name")
    return [
        row
        for token, row in rows
        if (ids is None or str(token.id) in ids)
        and (symbols is None or str(row["TOKEN_SYMBOL"]).casefold() in symbols)
        and (names is None or str(row["TOKEN_NAME"]).casefold() in names)
    ]


def _whole_number(request: Request, name: str, *, default: int, largest: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= largest:
        raise InvalidInput(name, f"must be a whole number from 1 to {largest}")
    return int(text)


def _values(request: Request, name: str) -> set[str] | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    return {value.strip().casefold() for value in text.split(",")}
