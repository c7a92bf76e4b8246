"""The rows of the sandbox, in the fields and types upstream uses.

Trader grades carry their `DATE` (midnight UTC), as upstream does. The other two carry none there;
here they do where `dated` says so, since a client cannot know by any other means what day it is
in the sandbox.
"""

from collections.abc import Callable
from datetime import date, timedelta

from alerts.sources.sandbox.generator import COMPONENTS, Market, Stream
from alerts.sources.sandbox.roster import BITCOIN, SandboxToken

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
_BULLISH, _BEARISH = 6_000, 4_000
_CRAFTS = ("ACTIVITY", "SECURITY", "REPOSITORY", "COLLABORATION", "DEFI_SCANNER")
_CATEGORIES = ({"category_id": 1, "category_name": "Invented", "category_slug": "invented"},)


def rows_of(
    make: RowMaker, *, market: Market, day: date, dated: bool
) -> list[tuple[SandboxToken, Row]]:
    """Every token's row of this day, in the market's order; tokens without one are absent."""
    rows = []
    for token in market.tokens:
        row = make(market, token, day)
        if row is not None:
            if dated:
                row.setdefault("DATE", midnight(day))
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
        "DATE": midnight(day),
        "TA_GRADE": _number(graded.ta),
        "QUANT_GRADE": _number(graded.quant),
        "TM_TRADER_GRADE": _number(graded.trader),
        "TM_TRADER_GRADE_24H_PCT_CHANGE": _percent(graded.trader, before),
    }


def tm_grade_row(market: Market, token: SandboxToken, day: date) -> Row | None:
    """A row of `/v2/tm-grade`: its numbers are texts."""
    graded = market.trader(token, day)
    row = tm_grade_number_row(market, token, day)
    if graded is None or row is None:
        return None
    before = _trader_before(market, token, day)
    percent = row["TM_GRADE_24h_PCT_CHANGE"]
    return row | {
        "TM_GRADE": _text(graded.trader),
        "TM_GRADE_24h_PCT_CHANGE": None if percent is None else str(percent),
        "TM_TRADER_GRADE_24H_CHANGE": None if before is None else _text(graded.trader - before),
        "QUANT_GRADE": _text(graded.quant),
    }


def tm_grade_number_row(market: Market, token: SandboxToken, day: date) -> Row | None:
    """The same with numbers that are numbers."""
    graded = market.trader(token, day)
    if graded is None:
        return None
    before = _trader_before(market, token, day)
    change = None if before is None else graded.trader - before
    return {
        **_labels(token, day),
        "TM_GRADE": _number(graded.trader),
        "TM_GRADE_SIGNAL": _SIGNALS[min(graded.trader // 2000, 4)],
        "TM_GRADE_24h_PCT_CHANGE": _percent(graded.trader, before),
        "TM_TRADER_GRADE_24H_CHANGE": None if change is None else _number(change),
        "QUANT_GRADE": _number(graded.quant),
        "MOMENTUM": "No Momentum" if change is None else _rung(change, _MOMENTUM, _LOWEST_MOMENTUM),
    }


def tm_grade_history_row(market: Market, token: SandboxToken, day: date) -> Row | None:
    """A row of `/v2/tm-grade-history`."""
    row = tm_grade_row(market, token, day)
    graded = market.trader(token, day)
    if row is None or graded is None:
        return None
    signal = (graded.trader > _BULLISH) - (graded.trader < _BEARISH)
    return row | {"DATE": midnight(day), "TRADING_SIGNAL": signal}


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


def investor_row(market: Market, token: SandboxToken, day: date) -> Row | None:
    """A row of `/v2/investor-grades`: upstream's long-term mix of the others."""
    graded, quick = market.fundamental(token, day), market.trader(token, day)
    technology = technology_row(market, token, day)
    if graded is None or quick is None or technology is None:
        return None
    fundamental = fundamental_row(market, token, day) or {}
    week_ago = market.fundamental(token, day - timedelta(days=7))
    return {
        **fundamental,
        **technology,
        "DATE": midnight(day),
        "TM_INVESTOR_GRADE": _number((graded.grade * 3 + quick.quant) // 4),
        "TM_INVESTOR_GRADE_7D_PCT_CHANGE": _percent(
            graded.grade, None if week_ago is None else week_ago.grade
        ),
        "VALUATION_GRADE": _number(quick.quant),
        "DEFI_USAGE_SCORE": None,
    }


def technology_row(market: Market, token: SandboxToken, day: date) -> Row | None:
    """A row of `/v2/technology-grade`: the same every day."""
    if market.fundamental(token, day) is None:
        return None
    chance = Stream(token.id, "technology")
    scores: Row = {f"{name}_SCORE": _number(100 + chance.below(900)) for name in _CRAFTS}
    if chance.happens(200):
        scores["SECURITY_SCORE"] = None
    return {
        **_labels(token, day),
        "TECHNOLOGY_GRADE": _number(1_000 + chance.below(9_000)),
        **scores,
    }


def token_row(market: Market, token: SandboxToken, day: date) -> Row | None:
    """A row of `/v2/tokens`. Upstream's own `TM_LINK` leads nowhere; the other one is the slug."""
    if market.fundamental(token, day) is None:
        return None
    return {
        **_labels(token, day),
        "EXCHANGE_LIST": [{"exchange_id": "sandbox", "exchange_name": "Sandbox"}],
        "CATEGORY_LIST": None if token.id % 200 == 0 else list(_CATEGORIES),
        "contract_address": {"ethereum": f"0x{token.id:040x}"},
        "tm_link": token.slug,
        "TM_LINK": "https://app.tokenmetrics.com/undefined",
    }


def market_row(market: Market, token: SandboxToken, day: date) -> Row | None:
    """The row of `/v2/market-metrics`: one a day, about all tokens. token: it stands at BITCOIN."""
    if token.id != BITCOIN:
        return None
    grades = [graded.trader for each in market.tokens if (graded := market.trader(each, day))]
    share = sum(grade >= _BULLISH for grade in grades) * 10_000 // max(len(grades), 1)
    return {
        "DATE": midnight(day),
        "TOTAL_CRYPTO_MCAP": 3_000_000_000_000 + share * 10_000_000,
        "TM_GRADE_PERC_HIGH_COINS": _number(share),
        "TM_GRADE_SIGNAL": 1 if share > _BULLISH // 2 else -1,
        "LAST_TM_GRADE_SIGNAL": 1,
    }


def with_slug(make: RowMaker) -> RowMaker:
    """Rows that bear the token's slug, and no `TM_LINK`, as upstream's third version has them."""

    def made(market: Market, token: SandboxToken, day: date) -> Row | None:
        row = make(market, token, day)
        if row is None:
            return None
        return {field: v for field, v in row.items() if field != "TM_LINK"} | {"SLUG": token.slug}

    return made


def _trader_before(market: Market, token: SandboxToken, day: date) -> int | None:
    before = market.trader(token, day - timedelta(days=1))
    return None if before is None else before.trader


def _labels(token: SandboxToken, day: date) -> Row:
    name, symbol = token.labels(day)
    return {"TOKEN_ID": token.id, "TOKEN_NAME": name, "TOKEN_SYMBOL": symbol}


def midnight(day: date) -> str:
    """A day as upstream writes it."""
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
