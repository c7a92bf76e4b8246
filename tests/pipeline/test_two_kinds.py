"""Cycles of one source's two kinds that come at once: all are diffed, and none waits in a ring."""

import asyncio

from alerts.bootstrap import Services
from alerts.domain.grades import Cycle, Kind
from alerts.pipeline.diff import diff_at_once
from alerts.store.cycles import CycleRecord, CycleState, Origin
from tests.pipeline.conftest import SOURCE, day, grades_of

NAMES = [f"t{number}" for number in range(10)]


async def test_pushes_of_both_kinds_about_the_same_tokens_are_all_taken(services: Services) -> None:
    async def push_one(kind: Kind, name: str, number: int) -> CycleRecord:
        cycle = Cycle(
            source=SOURCE,
            kind=kind,
            as_of=day(number),
            complete=False,
            grades=grades_of({name: 20.0 + 60.0 * (number % 2)}),
        )
        return await diff_at_once(
            cycle,
            origin=Origin.PUSH,
            rejected=(),
            store=services.store,
            ladder=services.ladder,
            waker=services.waker,
        )

    for number in range(3):
        # Of one kind from the first token to the last, of the other from the last to the first.
        both = zip(NAMES, reversed(NAMES), strict=True)
        done = await asyncio.gather(
            *(
                push_one(kind, name, number)
                for names in both
                for kind, name in zip(Kind, names, strict=True)
            )
        )

        assert {one.state for one in done} <= {CycleState.DIFFED, CycleState.DONE}
