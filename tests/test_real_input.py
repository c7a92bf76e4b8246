"""The main job on a day of a thousand tokens, told by the sandbox as upstream tells it.

`python -m tests.bench.real_input` runs the same on a recorded answer of the real upstream.
"""

import json
import sys
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from tests.bench.real_input import shown
from tests.bench.real_oracle import DOWN, MOVED, NEW, UP, Wanted, band_after, expected, problems_at
from tests.bench.real_pages import CHANGE, GRADE, Day, day_before, synthetic_day, unpacked
from tests.bench.real_run import Report, by_file, by_poll
from tests.bench.real_wishes import ENDPOINTS


@cache
def today() -> Day:
    return synthetic_day()


def check(way: str, report: Report) -> None:
    sys.stdout.write(shown(way, report))
    assert report.problems == []
    assert report.endpoints == ENDPOINTS
    assert report.deliveries > 1000


async def test_two_days_from_files_tell_everybody_exactly_what_they_asked_for(
    database_url: str, tmp_path: Path
) -> None:
    report = await by_file(today(), database_url, tmp_path)

    check("file", report)


async def test_two_days_polled_page_by_page_tell_everybody_exactly_what_they_asked_for(
    sqlite_url: str,
) -> None:
    report = await by_poll(today(), sqlite_url)

    check("poll", report)


def test_the_day_is_as_odd_as_a_recorded_one() -> None:
    rows = [unpacked(raw) for raw in today()]

    symbols = Counter(row["TOKEN_SYMBOL"] for row in rows)
    changes = Counter(told.type for told in expected(day_before(today()), today()).values())

    assert len(rows) == 1000
    assert {type(row[GRADE]) for row in rows} == {int, Decimal, type(None)}
    assert sum(row[CHANGE] is None for row in rows) == 2
    assert sum(count > 1 for count in symbols.values()) >= 4
    assert not all(symbol.isascii() for symbol in symbols)
    assert changes[UP] > 50
    assert changes[DOWN] > 20
    assert changes[MOVED] > 20
    assert changes[NEW] == 2


def test_the_oracle_notices_what_is_missing_told_twice_in_vain_or_wrong() -> None:
    changes = expected(day_before(today()), today())
    told = next(told for told in changes.values() if told.type == UP)
    want = Wanted(tokens=frozenset({told.token}))
    message = {
        "type": UP,
        "data": {
            "token": {"id": f"t:{told.token}", "symbol": told.symbol, "name": told.name},
            "from": {"score": float(told.before or 0)},
            "to": {"score": float(told.after), "band": told.band},
            "notches": told.notches,
        },
    }
    good = json.dumps(message).encode()
    wrong = good.replace(f'"notches": {told.notches}'.encode(), b'"notches": 9')

    assert problems_at(want, changes, [good]) == []
    assert problems_at(want, changes, [])
    assert problems_at(want, changes, [good, good])
    assert problems_at(Wanted(tokens=frozenset()), changes, [good])
    assert problems_at(want, changes, [wrong])


@pytest.mark.parametrize(
    ("held", "score", "band"),
    [
        (0, "22.99", 0),
        (0, "23", 1),
        (0, "61", 2),
        (0, "100", 4),
        (4, "77", 4),
        (4, "76.99", 3),
        (4, "0", 0),
        (2, "37", 2),
        (2, "62.99", 2),
    ],
)
def test_the_oracle_climbs_and_falls_past_edge_and_margin_only(
    held: int, score: str, band: int
) -> None:
    assert band_after(held, Decimal(score)) == band
