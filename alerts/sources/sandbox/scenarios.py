"""Named scenarios: a market, an upstream, and what goes wrong with it when.

Each is a stretch of the sandbox's own time. What a right service tells of it is worked out by
tests/truth, from what is true here and nothing else.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from alerts.sources.sandbox.faults import Effect, Fault
from alerts.sources.sandbox.generator import Mood
from alerts.sources.sandbox.profiles import ProfileName
from alerts.sources.sandbox.roster import (
    BITCOIN,
    ETHEREUM,
    LITECOIN,
    RENAMED,
    STABLECOIN,
)
from alerts.sources.sandbox.scenario import Scenario, moment

TRADER = "*/t*-grade*"
FUNDAMENTAL = "*/fundamental-grade"
WOLVES = (900_011, 900_012, 900_013)
NYROS = (900_014, 900_015)
PLAIN = tuple(range(900_100, 900_140))
# Three pages.
_PAGES = 250


def _during(since: datetime, until: datetime | None, effect: Effect, **more: object) -> Fault:
    return Fault(effect=effect, since=since, until=until, **more)  # type: ignore[arg-type] # checked by the board


def _days(first: int, last: int) -> dict[int, Mood]:
    return dict.fromkeys(range(first, last + 1), Mood.QUIET)


def _hourly(*effects: Effect, day: int, **more: object) -> tuple[Fault, ...]:
    """One after the other, each for one or two answers of an hour."""
    return tuple(
        _during(moment(day, hour), moment(day, hour + 1), effect, count=1 + hour % 2, **more)
        for hour, effect in enumerate(effects, start=1)
    )


def _rows(first: int, last: int, **by_effect: tuple[int, ...]) -> tuple[Fault, ...]:
    """Faults of rows from one midnight to another. by_effect: tokens by the effect's name."""
    spoil = partial(_during, moment(first), moment(last))
    return tuple(spoil(Effect[name], tokens=tokens) for name, tokens in by_effect.items())


_ALL = (
    Scenario(
        "quiet-week", "Nothing crosses a band: nobody is told anything.", 7, moods=_days(0, 7)
    ),
    Scenario("calm-month", "A month as measured, and nothing goes wrong.", 31),
    Scenario(
        "bull-turn",
        "A thousand tokens, a sixth of which change band in one day, nearly all up.",
        3,
        size=1000,
        moods={1: Mood.BULL},
        profile=ProfileName.V2_2025_04,
    ),
    Scenario("third-version", "A week of upstream's third version.", 7, profile=ProfileName.V3),
    Scenario(
        "cold-start",
        "The first hours bring nothing whole; the first whole cycle is told nobody.",
        0.9,
        (
            _during(moment(0), moment(0, 2), Effect.EMPTY),
            _during(moment(0, 2), moment(0, 4), Effect.ERROR),
            _during(moment(0, 4), moment(0, 5), Effect.PAGE_HTML),
        ),
        size=_PAGES,
    ),
    Scenario(
        "flap",
        "Grades go there and back by the hour, inside the margin and far outside of it.",
        8,
        (
            _during(moment(1, 6), moment(2), Effect.FLAP, tokens=PLAIN[:6], points=2),
            _during(moment(1, 6), moment(3), Effect.FLAP, tokens=PLAIN[6:9], points=30, hours=6),
            _during(moment(2, 3), moment(2, 5), Effect.FLAP, tokens=(BITCOIN,), points=45),
        ),
        moods=_days(0, 8),
    ),
    Scenario(
        "see-saw",
        "Grades go there and back by the day until they settle; days of it are restated later.",
        14,
        (
            _during(moment(1), moment(8), Effect.FLAP, endpoint=TRADER, tokens=PLAIN[:4],
                    points=30, hours=24),
            _during(moment(1), moment(12), Effect.FLAP, endpoint=TRADER, tokens=PLAIN[4:6],
                    points=45, hours=24),
            _during(moment(1), moment(9), Effect.FLAP, endpoint=FUNDAMENTAL, tokens=PLAIN[36:],
                    points=30, hours=24),
            # These settle where they were when they were told to flap, and a little higher.
            _during(moment(1), moment(7), Effect.FLAP, endpoint=TRADER, tokens=PLAIN[30:36],
                    points=30, hours=24),
            _during(moment(7), moment(13), Effect.RESTATE, endpoint=TRADER, tokens=PLAIN[30:36],
                    points=37),
            # For a day, for three but for some hours, and from the midst of one day into the next.
            _during(moment(2), moment(3), Effect.RESTATE, tokens=PLAIN[6:12], points=25),
            _during(moment(3), moment(4, 6), Effect.RESTATE, tokens=PLAIN[12:20], points=25),
            _during(moment(4, 10), moment(6), Effect.RESTATE, tokens=PLAIN[12:20], points=25),
            _during(moment(4, 10), moment(5, 5), Effect.RESTATE, tokens=PLAIN[20:26], points=20),
            _during(moment(4, 14), moment(4, 20), Effect.RESTATE, tokens=PLAIN[20:26], points=4),
            # A day later, and two.
            _during(moment(4, 6), moment(4, 10), Effect.DATE_BACK, endpoint=TRADER),
            _during(moment(4, 6), moment(4, 10), Effect.RESTATE, endpoint=TRADER,
                    tokens=PLAIN[16:30], points=12),
            _during(moment(10, 6), moment(10, 10), Effect.DATE_BACK, endpoint=TRADER),
            _during(moment(10, 6), moment(10, 10), Effect.RESTATE, endpoint=TRADER,
                    tokens=PLAIN[20:36], points=1),
            _during(moment(12, 6), moment(12, 10), Effect.DATE_BACK, endpoint=TRADER, days=2),
            _during(moment(12, 6), moment(12, 10), Effect.RESTATE, endpoint=TRADER,
                    tokens=PLAIN[:30], points=7),
        ),
    ),
    Scenario(
        "outage-2h",
        "Two hours around midnight are missed, and a grade that went and came back in them.",
        4,
        (
            _during(moment(1, 23), moment(2, 1), Effect.UNAVAILABLE),
            _during(moment(1, 23, 10), moment(2, 0, 50), Effect.RESTATE, tokens=PLAIN[:5],
                    points=45),
            _during(moment(2, 22), moment(3, 2), Effect.ERROR_HTML),
        ),
    ),
    Scenario(
        "restatement-day",
        "A day's grades are restated within the day, and once more the day after.",
        4,
        (
            _during(moment(1, 8), moment(1, 18), Effect.RESTATE, tokens=PLAIN[:8], points=12),
            _during(moment(1, 18), moment(2), Effect.RESTATE, tokens=PLAIN[:8], points=45),
            _during(moment(2, 6), moment(2, 12), Effect.DATE_BACK, endpoint=TRADER),
            _during(moment(2, 6), moment(2, 12), Effect.RESTATE, endpoint=TRADER,
                    tokens=PLAIN[8:30], points=25),
        ),
    ),
    Scenario(
        "endpoint-withdrawn",
        "Trader grades are withdrawn for good; fundamental grades go on.",
        5,
        (_during(moment(2, 10), None, Effect.WITHDRAWN, endpoint=TRADER),),
    ),
    Scenario(
        "quota-exhausted",
        "The month's credits are spent for two days; then what has changed since is told.",
        6,
        (_during(moment(2, 6), moment(4, 6), Effect.QUOTA),),
    ),
    Scenario(
        "key-rotated",
        "A key is revoked for a day; then a plan lacks an endpoint, and wants to be paid.",
        5,
        (
            _during(moment(1, 6), None, Effect.KEY_ROTATED),
            _during(moment(2, 20), moment(3, 4), Effect.FORBIDDEN, endpoint=FUNDAMENTAL),
            _during(moment(3, 6), moment(3, 12), Effect.PAYMENT, endpoint=TRADER),
            _during(moment(3, 22), moment(4, 2), Effect.UNAUTHORIZED),
        ),
        new_key_at=moment(2, 6),
    ),
    Scenario(
        "symbol-zoo",
        "Symbols that several tokens share, that are strange, exchanged, and renamed.",
        6,
        (
            _during(moment(19), moment(22), Effect.SYMBOL_SWAP, tokens=(BITCOIN, LITECOIN)),
            _during(moment(20), None, Effect.RENAME, tokens=WOLVES, symbol="$WOLF*_"),
            _during(moment(20), None, Effect.CASE_TWIN),
            _during(moment(21), moment(22), Effect.RENAME, tokens=(ETHEREUM,), symbol="BTC",
                    name="Bitcoin"),
        ),
        first_day=18,
    ),
    Scenario(
        "poison-page",
        "Every fault a row can have, each in rows of its own, for two days.",
        5,
        (
            *_rows(
                1,
                3,
                NULL_GRADE=PLAIN[:2],
                MISSING_FIELD=PLAIN[2:4],
                NAN_STRING=PLAIN[4:7],
                OUT_OF_RANGE=PLAIN[7:10],
                FUTURE=PLAIN[10:12],
                LOWER_CASE=PLAIN[12:14],
                ABSENT=PLAIN[14:16],
                INT_FOR_FLOAT=PLAIN[16:22],
                NUMERIC_STRING=PLAIN[22:28],
                DUPLICATE=PLAIN[28:32],
                TWIN=PLAIN[32:36],
                BARE_DATE=PLAIN[36:40],
                NEW_CLASS=(BITCOIN, STABLECOIN),
                NEW_SIGNAL=(ETHEREUM, RENAMED),
            ),
            _during(moment(1), moment(3), Effect.ADDED_FIELD),
        ),
        size=99,
    ),
    Scenario(
        "schema-change",
        "The field that is the grade is gone from all rows, then has another name.",
        4,
        (
            _during(moment(1, 6), moment(1, 9), Effect.MISSING_FIELD, endpoint=TRADER),
            _during(moment(1, 22), moment(2, 3), Effect.LOWER_CASE, endpoint=TRADER),
            _during(moment(2, 12), moment(3, 12), Effect.NUMERIC_STRING),
        ),
    ),
    Scenario(
        "bad-answers",
        "Whatever an answer can be instead of a page: refused, cut, slow, hung, swollen.",
        4,
        (
            *_hourly(
                Effect.TOO_MANY_SECONDS,
                Effect.TOO_MANY_DATE,
                Effect.TOO_MANY,
                Effect.ERROR,
                Effect.ERROR_HTML,
                Effect.UNAVAILABLE,
                Effect.REDIRECT,
                Effect.PAGE_HTML,
                Effect.UNSUCCESSFUL,
                Effect.TRUNCATED,
                Effect.TRUNCATED_GZIP,
                Effect.WRONG_LENGTH,
                Effect.HUGE,
                Effect.HUGE_ROWS,
                Effect.RESET,
                Effect.HANG,
                Effect.SLOW,
                day=1,
                seconds=4.0,
            ),
            _during(moment(2), moment(3), Effect.ERROR, probability=0.2),
            _during(moment(2, 12), moment(3, 12), Effect.CLOCK_SKEW, skew_seconds=-172_800),
            _during(moment(3, 12), None, Effect.CLOCK_SKEW, skew_seconds=900),
        ),
    ),
    Scenario(
        "torn-pages",
        "Sweeps of three pages: one fails over midnight, one is half, the order changes.",
        4,
        (
            _during(moment(0, 22), moment(1, 2), Effect.ERROR, page=2),
            _during(moment(1, 6), moment(1, 9), Effect.PARTIAL_PAGE, page=2),
            _during(moment(2), moment(2, 6), Effect.PAGE_SHIFT),
        ),
        size=_PAGES,
    ),
    Scenario(
        "stale-days",
        "Upstream stands still for three days, goes back, and leaves days out.",
        9,
        (
            _during(moment(2), moment(5), Effect.STALE),
            _during(moment(5, 8), moment(5, 12), Effect.DATE_BACK, days=3),
            _during(moment(6), moment(8), Effect.DATE_GAP, tokens=PLAIN[:8]),
        ),
    ),
    Scenario(
        "vanishing",
        "Tokens are absent or unknown for nine days, and many of them for one.",
        14,
        (
            _during(moment(1), moment(10), Effect.ABSENT, tokens=PLAIN[:3]),
            _during(moment(1), moment(10), Effect.NULL_GRADE, tokens=PLAIN[3:6]),
            _during(moment(1), moment(5), Effect.ABSENT, tokens=PLAIN[6:8]),
            _during(moment(11, 4), moment(11, 8), Effect.EMPTY),
            _during(moment(12), moment(13), Effect.ABSENT, tokens=PLAIN[:30]),
        ),
    ),
    Scenario(
        "mass-move",
        "Three tenths of all tokens change band at once, and come back the day after.",
        4,
        (_during(moment(2), moment(3), Effect.MASS_MOVE, points=45, percent=30),),
        size=_PAGES,
        moods=_days(0, 4),
    ),
)  # fmt: skip
SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
