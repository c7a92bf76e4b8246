"""What the fifty endpoints of the run on real rows ask for."""

import random
from collections.abc import Mapping
from decimal import Decimal

from tests.bench.real_oracle import DOWN, MOVED, NEW, UP, Told, Wanted
from tests.bench.real_pages import Day, unpacked

ENDPOINTS = 50


def wishes(today: Day, changes: Mapping[str, Told]) -> list[Wanted]:
    """Fifty different wants, of the kinds that people have."""
    rows = [unpacked(raw) for raw in today]
    dice = random.Random(7)
    changed = sorted(token for token, told in changes.items() if told.notches)
    still = sorted(str(row["TOKEN_ID"]) for row in rows if str(row["TOKEN_ID"]) not in changes)
    bearers: dict[str, list[str]] = {}
    for row in rows:
        bearers.setdefault(row["TOKEN_SYMBOL"], []).append(str(row["TOKEN_ID"]))
    shared = [ids for ids in bearers.values() if len(ids) > 1]
    # Of a symbol that several tokens bear, the ones with news make the difference visible.
    shared.sort(key=lambda ids: -sum(token in changes for token in ids))
    trader, both = frozenset({"trader"}), frozenset({UP, DOWN})
    found = [
        Wanted(),
        Wanted(),
        Wanted(kinds=trader),
        Wanted(kinds=frozenset({"fundamental"})),
        Wanted(types=frozenset({DOWN})),
        Wanted(types=frozenset({DOWN}), min_notches=2),
        Wanted(types=frozenset({UP})),
        Wanted(types=frozenset({MOVED})),
        Wanted(types=frozenset({NEW})),
        Wanted(types=both | {MOVED, NEW}),
        Wanted(types=both | {MOVED}, min_delta=Decimal(10)),
        *(Wanted(min_notches=notches) for notches in (2, 3, 4)),
        *(Wanted(min_delta=Decimal(delta)) for delta in ("0.5", "5", "12.34", "25")),
        Wanted(tokens=frozenset(dice.sample(changed, 5) + dice.sample(still, 5))),
        Wanted(tokens=frozenset(dice.sample(changed, 20)), types=frozenset({DOWN})),
        Wanted(tokens=frozenset(dice.sample(changed, 20)), min_notches=2),
        Wanted(tokens=frozenset(dice.sample(changed, 20)), min_delta=Decimal(15)),
        Wanted(tokens=frozenset({"99999999"})),
        *(Wanted(tokens=frozenset({token})) for ids in shared[:6] for token in ids[:2]),
        *(Wanted(tokens=frozenset({token})) for token in dice.sample(still, 4)),
    ]
    singles = [Wanted(tokens=frozenset({token})) for token in dice.sample(changed, 20)]
    return [*found, *singles][:ENDPOINTS]
