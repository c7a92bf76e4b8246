"""Two days of an upstream, out of one recorded page of trader grades: its rows, byte by byte.

A day is a list of rows as upstream wrote them, each the bytes of one JSON object.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from alerts.sources.sandbox.generator import Market
from alerts.sources.sandbox.rows import rows_of, trader_grades_row

Day = list[bytes]

GRADE = "TM_TRADER_GRADE"
CHANGE = "TM_TRADER_GRADE_24H_PCT_CHANGE"
SYNTHETIC_TOKENS = 1000
# One of them is listed only later, and the sixtieth day is like any other.
_MARKET_TOKENS, _MARKET_DAYS = SYNTHETIC_TOKENS + 1, 60


def recorded_day(path: Path) -> Day:
    """The rows of a recorded answer, exactly as they stand in the file."""
    envelope = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
    return [bytes(row) for row in msgspec.json.decode(envelope["data"], type=list[msgspec.Raw])]


def synthetic_day() -> Day:
    """A day of the sandbox's thousand tokens, with what a recording has of gaps.

    Two rows do not know the day before, one has no grade today, one lacks a component.
    """
    market = Market(seed=3, size=_MARKET_TOKENS)
    day = market.opening + timedelta(days=_MARKET_DAYS)
    tokens = rows_of(trader_grades_row, market=market, day=day, dated=True)
    rows = [row for _, row in tokens][:SYNTHETIC_TOKENS]
    rows[17][CHANGE] = rows[18][CHANGE] = None
    rows[30][GRADE] = None
    rows[40]["TA_GRADE"] = None
    return [_written(row) for row in rows]


def day_before(day: Day) -> Day:
    """The same tokens a day earlier: previous = grade / (1 + percent / 100), in hundredths.

    Of the rows that do not know the day before, every other one is absent from it, and the rest
    are there without a grade.
    """
    rows = []
    is_absent = False
    for raw in day:
        row = unpacked(raw)
        percent, grade = row[CHANGE], row[GRADE]
        if percent is None:
            is_absent = not is_absent
            if is_absent:
                continue
        row["DATE"] = _day_earlier(row["DATE"])
        row[CHANGE] = None
        if grade is None or percent is None:
            row[GRADE] = None if percent is None else 50
        else:
            row[GRADE] = _hundredths(Decimal(grade) / (1 + Decimal(percent) / 100))
        rows.append(_written(row))
    return rows


def unpacked(raw: bytes) -> dict[str, Any]:
    """A row's fields; numbers with a point come as Decimal."""
    row: dict[str, Any] = json.loads(raw, parse_float=Decimal)
    return row


def write_ndjson(day: Day, path: Path) -> Path:
    """A day as `cycle import` takes it, a grade a line."""
    with path.open("wb") as file:
        for raw in day:
            row = unpacked(raw)
            line = {
                "kind": "trader",
                "as_of": row["DATE"],
                "token_id": row["TOKEN_ID"],
                "symbol": row["TOKEN_SYMBOL"],
                "name": row["TOKEN_NAME"],
                "score": row[GRADE],
                "components": {"ta_grade": row["TA_GRADE"], "quant_grade": row["QUANT_GRADE"]},
            }
            file.write(_written(line) + b"\n")
    return path


class Upstream:
    """The days of a Token Metrics API, a page at a time. today: what it says now."""

    def __init__(self, today: Day) -> None:
        self.today = today
        self.requests = 0

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """One page of `/v2/trader-grades`."""
        self.requests += 1
        if request.path != "/v2/trader-grades" or not request.headers.get("x-api-key"):
            return web.Response(status=404, body=b'{"success":false,"message":"no such thing"}')
        limit, page = int(request.query["limit"]), int(request.query["page"])
        rows = self.today[(page - 1) * limit : page * limit]
        head = b'{"success":true,"message":"Data fetched successfully","length":%d,"data":['
        return web.Response(
            body=head % len(rows) + b",".join(rows) + b"]}", content_type="application/json"
        )


@asynccontextmanager
async def serving(upstream: Upstream) -> AsyncIterator[str]:
    """The base URL at which an upstream answers until the end of the block."""
    runner = web.ServerRunner(web.Server(upstream.answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _day_earlier(moment: str) -> str:
    day, _, time_of_day = moment.partition("T")
    return f"{date.fromisoformat(day) - timedelta(days=1)}T{time_of_day}"


def _hundredths(value: Decimal) -> int | Decimal:
    rounded = value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return int(rounded) if rounded == int(rounded) else rounded


def _written(row: dict[str, Any]) -> bytes:
    """JSON as upstream writes it: whole numbers without a point, others with what they have."""

    def number(value: object) -> float:
        if isinstance(value, Decimal):
            return float(value)
        raise TypeError(f"{value!r} is not JSON")

    return json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=number).encode()
