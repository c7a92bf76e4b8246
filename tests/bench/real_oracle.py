"""What two days of trader grades must come to, worked out anew from the rows alone.

Nothing here looks at Gradebell's own comparison, bands or matching: the ladder is written out
again, in decimals of a point.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tests.bench.real_pages import GRADE, Day, unpacked

BANDS = ("Strong Sell", "Sell", "Neutral", "Buy", "Strong Buy")
EDGES = (20, 40, 60, 80)
MARGIN = 3
MOVE = 5

UP, DOWN, MOVED, NEW = "grade.upgraded", "grade.downgraded", "grade.moved", "grade.initiated"


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to tell. token: upstream's id. notches: signed; points as decimals."""

    token: str
    type: str
    symbol: str
    name: str
    before: Decimal | None
    after: Decimal
    band: str
    notches: int

    @property
    def size(self) -> Decimal | None:
        """What `min_delta` is held against; None where there is nothing to measure."""
        return None if self.before is None else abs(self.after - self.before)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one endpoint asked for. tokens: upstream's ids, None for all. min_delta: points."""

    tokens: frozenset[str] | None = None
    kinds: frozenset[str] = frozenset({"fundamental", "trader"})
    types: frozenset[str] = frozenset({UP, DOWN})
    min_notches: int = 1
    min_delta: Decimal = Decimal(0)

    def takes(self, told: Told) -> bool:
        """Whether the endpoint is to be told of this."""
        if self.tokens is not None and told.token not in self.tokens:
            return False
        if "trader" not in self.kinds or told.type not in self.types:
            return False
        if told.type in {UP, DOWN} and abs(told.notches) < self.min_notches:
            return False
        return told.size is None or told.size >= self.min_delta


def expected(before: Day, after: Day) -> dict[str, Told]:
    """What the second of two days brings, by upstream's id; the first day is the baseline."""
    scores = {token: score for token, (score, _) in _scores(before).items()}
    found = {}
    for token, (score, row) in _scores(after).items():
        told = _told(token, scores.get(token), score, row)
        if told is not None:
            found[token] = told
    return found


def band_after(held: int, score: Decimal) -> int:
    """The rung (0 the lowest) after `score` when `held` is held, step by step up or down."""
    rung = held
    while rung < len(EDGES) and score >= EDGES[rung] + MARGIN:
        rung += 1
    if rung > held:
        return rung
    while rung > 0 and score < EDGES[rung - 1] - MARGIN:
        rung -= 1
    return rung


def problems_at(wanted: Wanted, changes: Mapping[str, Told], bodies: Iterable[bytes]) -> list[str]:
    """What is wrong with all that one endpoint was sent: nothing, if the list is empty."""
    due = Counter((told.token, told.type) for told in changes.values() if wanted.takes(told))
    came: Counter[tuple[str, str]] = Counter()
    problems = []
    for body in bodies:
        message = json.loads(body, parse_float=Decimal)
        token = message["data"]["token"]["id"].partition(":")[2]
        came[token, message["type"]] += 1
        told = changes.get(token)
        if told is not None:
            problems += _misreported(told, message["data"])
    problems += [f"not told: {missing}" for missing in due - came]
    return problems + [f"told in vain or twice: {extra}" for extra in came - due]


def _told(token: str, before: Decimal | None, after: Decimal, row: dict[str, str]) -> Told | None:
    rung = sum(after >= edge for edge in EDGES)
    symbol, name = row["TOKEN_SYMBOL"], row["TOKEN_NAME"]
    if before is None:
        return Told(token, NEW, symbol, name, None, after, BANDS[rung], 0)
    held = sum(before >= edge for edge in EDGES)
    rung = band_after(held, after)
    if rung == held and abs(after - before) < MOVE:
        return None
    kind = MOVED if rung == held else UP if rung > held else DOWN
    return Told(token, kind, symbol, name, before, after, BANDS[rung], rung - held)


def _scores(day: Day) -> dict[str, tuple[Decimal, dict[str, str]]]:
    rows = ((unpacked(raw), raw) for raw in day)
    known = ((row, row[GRADE]) for row, _ in rows if row[GRADE] is not None)
    return {
        str(row["TOKEN_ID"]): (Decimal(score), row) for row, score in known if 0 <= score <= 100
    }


def _misreported(told: Told, said: Mapping[str, dict[str, object]]) -> list[str]:
    """Where a message says something else of its change than the rows do."""
    before = said["from"]
    pairs = {
        "symbol": (said["token"]["symbol"], " ".join(told.symbol.split())),
        "name": (said["token"]["name"], " ".join(told.name.split())),
        "from": (None if before is None else before["score"], told.before),
        "to": (said["to"]["score"], told.after),
        "band": (said["to"]["band"], told.band),
        "notches": (said["notches"], told.notches),
    }
    return [
        f"{told.token} says {name} {is_said!r}, not {is_so!r}"
        for name, (is_said, is_so) in pairs.items()
        if is_said != is_so
    ]
