"""When an endpoint's next week is told, whatever becomes of the endpoint meanwhile."""

from datetime import UTC, datetime

from sqlalchemy import select, update

from alerts.bootstrap import Services
from alerts.domain.deliveries import EndpointState, State
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.endpoints import pause, remove
from alerts.store.tables import digests, endpoints
from tests.pipeline.conftest import (
    day,
    log_of,
    push,
    token,
)
from tests.pipeline.digesting import (
    MONDAY,
    WEEK,
    a_week_of_changes,
    digested,
    due_at,
    set_digest,
    tell,
    trader,
)
from tests.receiver import Receiver


async def test_a_paused_endpoint_s_week_is_logged_as_skipped(
    services: Services, receiver: Receiver
) -> None:
    endpoint = await digested(services, receiver)
    await a_week_of_changes(services)
    await pause(endpoint.id, app_id=HOUSE_APP, desk=services.desk)

    await tell(services, await due_at(services, endpoint))

    (delivery,) = await log_of(services, endpoint.id)
    assert (delivery.state, delivery.reason) == (State.SKIPPED, EndpointState.PAUSED)


async def test_another_day_loses_nothing_and_tells_no_week_twice(
    services: Services, receiver: Receiver
) -> None:
    endpoint = await digested(services, receiver)
    await a_week_of_changes(services)
    due = await due_at(services, endpoint)
    (first,) = await tell(services, due)

    await set_digest(services, endpoint, MONDAY | {"weekday": 5, "time_zone": "Asia/Tokyo"})

    moved = await due_at(services, endpoint)
    await push(services, day(3), {"up": 10}, complete=False)
    (second,) = await tell(services, moved)
    assert moved.astimezone(UTC).weekday() == 4
    assert second.period > first.period
    assert second.from_sequence == first.through_sequence
    assert (await trader(services, second)).downgrades.total == 1


async def test_what_happens_after_a_digest_told_early_is_in_the_next_from_where_it_stood(
    services: Services, receiver: Receiver
) -> None:
    endpoint = await digested(services, receiver, when_empty="say")
    await push(services, day(0), {"up": 50, "still": 50})
    due = await due_at(services, endpoint)
    (early,) = await tell(services, due)
    await push(services, day(1), {"up": 70, "still": 58})

    (record,) = await tell(services, due + WEEK)

    assert record.from_sequence == early.through_sequence
    kind = await trader(services, record)
    (up,), (moved,) = kind.upgrades.lines, kind.moved.lines
    assert (up.token.id, up.delta) == (token("up"), 2000)
    assert (moved.token.id, moved.delta) == (token("still"), 800)


async def test_what_else_is_changed_leaves_the_plan_alone(
    services: Services, receiver: Receiver
) -> None:
    endpoint = await digested(services, receiver)
    planned = datetime(2026, 1, 5, 8, tzinfo=UTC)
    async with services.store.write() as tx:
        await tx.connection.execute(update(endpoints).values(digest_due_at=planned))

    await set_digest(services, endpoint, MONDAY | {"top": 3, "when_empty": "say"})

    assert await due_at(services, endpoint) == planned


async def test_a_digest_that_was_taken_away_is_not_due(
    services: Services, receiver: Receiver
) -> None:
    endpoint = await digested(services, receiver)
    due = await due_at(services, endpoint)
    await set_digest(services, endpoint, None)

    assert await tell(services, due) == []


async def test_a_digest_of_an_earlier_release_is_planned_and_not_told_at_once(
    services: Services, receiver: Receiver
) -> None:
    endpoint = await digested(services, receiver)
    due = await due_at(services, endpoint)
    async with services.store.write() as tx:
        await tx.connection.execute(update(endpoints).values(digest_due_at=None))

    run = services.digest_run()
    assert await run.due() == [endpoint.id]
    assert await run.tell(endpoint.id) is None

    assert await due_at(services, endpoint) == due
    assert await run.due() == []


async def test_a_removed_endpoint_s_weeks_go_with_it(
    services: Services, receiver: Receiver
) -> None:
    endpoint = await digested(services, receiver, when_empty="say")
    due = await due_at(services, endpoint)
    run = services.digest_run(at=due)
    await run.tell(endpoint.id)

    await remove(endpoint.id, app_id=HOUSE_APP, desk=services.desk)

    assert await run.tell(endpoint.id) is None
    async with services.store.read() as tx:
        assert (await tx.connection.execute(select(digests))).all() == []
