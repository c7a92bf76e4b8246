"""What a person or a test turns, under `/_sandbox/`, without a key: time, faults, plan, usage."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alerts.errors import InvalidInput, NotFound
from alerts.sources.sandbox.clock import VirtualClock
from alerts.sources.sandbox.faults import FaultBoard
from alerts.sources.sandbox.plans import Allowance, Plan

_Shape = TypeVar("_Shape", bound=msgspec.Struct)
_Handler = Callable[[Request], Awaitable[Response]]


class _Moment(msgspec.Struct, forbid_unknown_fields=True):
    today: date | None = None
    now: datetime | None = None


class _Step(msgspec.Struct, forbid_unknown_fields=True):
    days: int | None = None
    hours: int = 0


class Switches:
    """The handlers of the sandbox's own paths."""

    def __init__(
        self,
        clock: VirtualClock,
        faults: FaultBoard,
        *,
        allowance: Allowance,
        usage: Counter[tuple[str, int]],
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._allowance = allowance
        self._usage = usage

    def routes(self) -> list[Route]:
        """Where each switch is."""
        return [
            Route("/_sandbox/clock", _guarded(self.show_clock)),
            Route("/_sandbox/clock", _guarded(self.set_clock), methods=["PUT"]),
            Route("/_sandbox/clock/advance", _guarded(self.advance), methods=["POST"]),
            Route("/_sandbox/faults", _guarded(self.list_faults)),
            Route("/_sandbox/faults", _guarded(self.add_fault), methods=["POST"]),
            Route("/_sandbox/faults", _guarded(self.clear_faults), methods=["DELETE"]),
            Route("/_sandbox/faults/{fault:int}", _guarded(self.end_fault), methods=["DELETE"]),
            Route("/_sandbox/plan", _guarded(self.set_plan), methods=["PUT"]),
            Route("/_sandbox/usage", _guarded(self.show_usage)),
        ]

    async def show_clock(self, _: Request) -> Response:
        clock = self._clock
        shown = {"now": clock.now, "today": clock.today, "opening": clock.opening}
        return said(shown | {"day_seconds": clock.day_seconds})

    async def set_clock(self, request: Request) -> Response:
        wanted = await _body(request, _Moment)
        if (wanted.today is None) == (wanted.now is None):
            raise InvalidInput("body", "must hold either today or now")
        if wanted.today is not None:
            self._clock.today = wanted.today
        elif wanted.now is not None:
            if wanted.now.tzinfo is None:
                raise InvalidInput("now", "must be a time with its zone")
            self._clock.now = wanted.now
        return await self.show_clock(request)

    async def advance(self, request: Request) -> Response:
        step = await _body(request, _Step)
        days = step.days if step.days is not None else int(not step.hours)
        self._clock.advance(days, hours=step.hours)
        return await self.show_clock(request)

    async def list_faults(self, _: Request) -> Response:
        return said({"data": self._faults.all()})

    async def add_fault(self, request: Request) -> Response:
        made = self._faults.switch_on(await request.body(), self._clock.now)
        return said({"id": made}, 201)

    async def end_fault(self, request: Request) -> Response:
        self._faults.switch_off(request.path_params["fault"])
        return Response(status_code=204)

    async def clear_faults(self, _: Request) -> Response:
        self._faults.switch_off()
        return Response(status_code=204)

    async def set_plan(self, request: Request) -> Response:
        self._allowance.plan = await _body(request, Plan)
        return said(self._allowance.plan)

    async def show_usage(self, _: Request) -> Response:
        spent = [
            {"endpoint": path, "status": status, "requests": count}
            for (path, status), count in sorted(self._usage.items())
        ]
        return said(
            {
                "requests": self._usage.total(),
                "this_month": self._allowance.spent,
                "plan": self._allowance.plan,
                "data": spent,
            }
        )


def said(value: object, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _guarded(handler: _Handler) -> _Handler:
    """A switch that answers a mistake with its words."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except (InvalidInput, NotFound) as error:
            status = 404 if isinstance(error, NotFound) else 400
            return said({"success": False, "message": str(error)}, status)

    return answer


async def _body(request: Request, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=shape)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("body", str(error)) from None
