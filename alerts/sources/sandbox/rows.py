"""The rows of the sandbox, in the fields and types upstream uses.

Trader grades carry their `DATE` (midnight UTC), as upstream does. The other two carry none there;
here they do where `dated` says so, since a client cannot know by any other means what day it is
in the sandbox.
"""

from collections.abc import Callable
from datetime import date, timedelta

from alerts.sources.sandbox.generator import COMPONENTS, Market
from alerts.sources.sandbox.roster import SandboxToken

Row = dict[str, object]
RowMaker = Callable[[Market, SandboxToken, date], Row | None]

_SIGNALS = ("Strong Sell", "Sell", "Neutral", "Buy", "Strong Buy")
# Invented, as upstream publishes none: lower edge in points, class.
_CLASSES = ((90, "storeOfValue"), (80, "blueChip"), (60, "emerging"), (40, "speculative"))
_LOWEST_CLASS = "highRisk"
_MOMENTUM = (
    (1500, "Momentum Surging"),
    (200, "Gaining Momentum"),
    (-200, "Holding Steady"),
    (-1500, "Losing Momentum"),
)
_LOWEST_MOMENTUM = "Momentum Crashing"


def rows_of(
    make: RowMaker, *, market: Market, day: date, dated: bool
) -> list[tuple[SandboxToken, Row]]:
    """Every token's row of this day, in the market's order; tokens without one are absent."""
    rows = []
    for token in market.tokens:
        row = make(market, token, day)
        if row is not None:
            if dated:
                row.setdefault("DATE", _midnight(day))
            rows.append((token, row))
    return rows


def trader_grades_row(market: Market, token: SandboxToken, day: date) -> Row | None:
    """A row of `/v2/trader-grades`."""
    graded = market.trader(token, day)
    if graded is None:
        return None
    before = _trader_before(market, token, day)
    return {
        **_labels(token, day),
        "DATE": _midnight(day),
        "TA_GRADE": _number(graded.ta),
        "QUANT_GRADE": _number(graded.quant),
        "TM_TRADER_GRADE": _number(graded.trader),
        "TM_TRADER_GRADE_24H_PCT_CHANGE": _percent(graded.trader, before),
    }


def tm_grade_row(market: Market, token: SandboxToken, day: date) -> Row | None:
    """A row of `/v2/tm-grade`: its numbers are texts."""
    graded = market.trader(token, day)
    if graded is None:
        return None
    before = _trader_before(market, token, day)
    change = None if before is None else graded.trader - before
    percent = _percent(graded.trader, before)
    return {
        **_labels(token, day),
        "TM_GRADE": _text(graded.trader),
        "TM_GRADE_SIGNAL": _SIGNALS[min(graded.trader // 2000, 4)],
        "TM_GRADE_24h_PCT_CHANGE": None if percent is None else str(percent),
        "TM_TRADER_GRADE_24H_CHANGE": None if change is None else _text(change),
        "QUANT_GRADE": _text(graded.quant),
        "MOMENTUM": "No Momentum" if change is None else _rung(change, _MOMENTUM, _LOWEST_MOMENTUM),
    }


def fundamental_row(market: Market, token: SandboxToken, day: date) -> Row | None:
    """A row of `/v2/fundamental-grade`."""
    graded = market.fundamental(token, day)
    if graded is None:
        return None
    scores = (None if tenths is None else _number(tenths * 10) for tenths in graded.components)
    return {
        **_labels(token, day),
        "FUNDAMENTAL_GRADE": _number(graded.grade),
        "FUNDAMENTAL_GRADE_CLASS": _rung(graded.grade // 100, _CLASSES, _LOWEST_CLASS),
        **dict(zip(COMPONENTS, scores, strict=True)),
    }


def _trader_before(market: Market, token: SandboxToken, day: date) -> int | None:
    before = market.trader(token, day - timedelta(days=1))
    return None if before is None else before.trader


def _labels(token: SandboxToken, day: date) -> Row:
    name, symbol = token.labels(day)
    return {"TOKEN_ID": token.id, "TOKEN_NAME": name, "TOKEN_SYMBOL": symbol}


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00.000Z"


def _number(hundredths: int) -> int | float:
    """As upstream writes numbers: whole ones without a point."""
    whole, rest = divmod(hundredths, 100)
    return hundredths / 100 if rest else whole


def _text(hundredths: int) -> str:
    return f"{hundredths / 100:.2f}"


def _percent(value: int, before: int | None) -> int | float | None:
    """The change in percent of the day before; None where there was none."""
    return _number(round((value - before) * 10_000 / before)) if before else None


def _rung(value: int, rungs: tuple[tuple[int, str], ...], lowest: str) -> str:
    return next((name for edge, name in rungs if value >= edge), lowest)
