"""Names of tokens: those of the newest cycle count, however late an older one comes."""

from datetime import datetime

from alerts.bootstrap import Services
from alerts.domain.grades import Kind, read_grade
from alerts.domain.readings import Reading
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.receive import receive
from alerts.store.cycles import Origin
from alerts.store.tokens import load_labels
from tests.pipeline.conftest import SOURCE, day, token


async def name(services: Services, as_of: datetime, **names: str) -> None:
    """A cycle in which each token bears a name, and it in capitals as its symbol."""
    grades = tuple(
        read_grade(
            SOURCE,
            {"token_id": identity, "symbol": called.upper(), "name": called, "score": 50.0},
        )
        for identity, called in names.items()
    )
    async with services.store.write() as tx:
        (cycle_id,) = await receive(
            tx,
            Reading({as_of: grades}),
            source=SOURCE,
            kind=Kind.TRADER,
            complete=True,
            origin=Origin.PUSH,
        )
    await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)


async def test_a_late_cycle_names_only_tokens_that_nobody_has_named(services: Services) -> None:
    await name(services, day(2), a="new")

    await name(services, day(1), a="old", b="late")

    async with services.store.read() as tx:
        labels = await load_labels(tx, SOURCE, wanted=None)
    assert labels == {token("a"): ("NEW", "new"), token("b"): ("LATE", "late")}


async def test_the_next_cycle_renames(services: Services) -> None:
    await name(services, day(1), a="old")

    await name(services, day(2), a="new")

    async with services.store.read() as tx:
        assert await load_labels(tx, SOURCE, wanted=None) == {token("a"): ("NEW", "new")}
