"""An endpoint that takes next to nothing for days: its app is told, then it is closed."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from alerts.bootstrap import Services
from alerts.domain.deliveries import DisableReason, EndpointState, State
from alerts.domain.health import REMEMBERED, Health
from alerts.domain.retries import STANDARD_SCHEDULE
from alerts.pipeline.access import create_app
from alerts.pipeline.replay import Wanted, count_replayable, resume
from alerts.store.endpoints import EndpointRecord, find_endpoint
from alerts.store.health import read_health, write_health
from tests.pipeline.conftest import (
    dispatch,
    feed,
    log_of,
    pass_time,
    subscribe,
    upgrade_tokens,
)
from tests.receiver import Receiver, Reply

NAMES = [f"t{number}" for number in range(30)]
STEP = timedelta(hours=4)
LONG = timedelta(days=30)


@pytest.fixture
async def failing(services: Services, receiver: Receiver) -> AsyncIterator[EndpointRecord]:
    """An endpoint that has just failed, with much that waits; its app has another one."""
    app = await create_app("tenant", store=services.store)
    receiver.script("/failing", Reply(500))
    made = await subscribe(
        services, receiver.url("/failing"), app_id=app.id, time_to_live=LONG, description="prod"
    )
    await subscribe(
        services,
        receiver.url("/sibling"),
        app_id=app.id,
        time_to_live=LONG,
        tokens=["demo:none"],
    )
    await subscribe(services, receiver.url("/stranger"), tokens=["demo:none"])
    await upgrade_tokens(services, NAMES)
    await dispatch(services)
    yield made.endpoint
    # Whatever comes of it is never told to itself, nor to anybody else's.
    assert [told(one) for one in receiver.at("/failing") if "endpoint" in told(one)["data"]] == []
    assert receiver.at("/stranger") == []


def told(request: Any) -> dict[str, Any]:  # noqa: ANN401 - what a receiver got.
    body: dict[str, Any] = json.loads(request.body)
    return body


def notices(receiver: Receiver, path: str = "/sibling") -> list[str]:
    return [told(request)["type"] for request in receiver.at(path)]


async def go_on(services: Services, steps: int) -> None:
    """Four hours a step; a probe in each."""
    for _ in range(steps):
        await pass_time(services, STEP)
        await dispatch(services)


async def record_of(services: Services, endpoint_id: str) -> EndpointRecord:
    async with services.store.read() as tx:
        record = await find_endpoint(tx, endpoint_id, app_id=None)
    assert record is not None
    return record


async def health_of(services: Services, endpoint_id: str) -> Health:
    async with services.store.read() as tx:
        return (await read_health(tx, [endpoint_id]))[endpoint_id]


async def test_its_app_is_told_half_way_and_again_when_it_is_closed(
    services: Services, receiver: Receiver, failing: EndpointRecord
) -> None:
    await go_on(services, 8)
    assert notices(receiver) == []
    await go_on(services, 2)
    assert notices(receiver) == ["endpoint.failing"]
    await go_on(services, 7)
    assert notices(receiver) == ["endpoint.failing"]
    assert (await record_of(services, failing.id)).state is EndpointState.ACTIVE
    tried = {one.id for one in await log_of(services, failing.id) if one.attempts}

    await go_on(services, 2)

    assert notices(receiver) == ["endpoint.failing", "endpoint.disabled"]
    record = await record_of(services, failing.id)
    assert (record.state, record.disabled_reason) == (
        EndpointState.DISABLED,
        DisableReason.FAILING,
    )
    warning, closing = (told(request)["data"] for request in receiver.at("/sibling"))
    about = {"id": failing.id, "description": "prod"}
    assert (warning["endpoint"], closing["endpoint"]) == (about, about)
    assert (warning["success_share"], closing["failing"]["success_share"]) == (0, 0)
    assert 10 <= warning["attempts"] < 20 <= closing["failing"]["attempts"]
    assert closing["reason"] == "failing"
    # What waited is told to be missed at once, and not by the next probe's time.
    states = {one.state for one in await log_of(services, failing.id) if one.id not in tried}
    assert states == {State.SKIPPED}
    await go_on(services, 10)
    assert len(receiver.at("/sibling")) == 2
    assert [one.type for one in await feed(services) if one.audience == "app"] == [
        "endpoint.failing",
        "endpoint.disabled",
    ]


async def test_a_recovery_ends_the_spell_and_the_next_one_is_told_again(
    services: Services, receiver: Receiver, failing: EndpointRecord
) -> None:
    await go_on(services, 10)
    receiver.script("/failing", Reply())
    await go_on(services, 1)
    assert (await health_of(services, failing.id)).failing_since is None
    receiver.script("/failing", Reply(500))
    await upgrade_tokens(services, NAMES, since=2)
    await dispatch(services)

    await go_on(services, 8)
    assert notices(receiver) == ["endpoint.failing"]
    await go_on(services, 2)

    assert notices(receiver) == ["endpoint.failing"] * 2
    assert (await record_of(services, failing.id)).state is EndpointState.ACTIVE


async def test_one_delivery_that_fails_to_its_end_closes_nothing(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(500))
    made = await subscribe(services, receiver.url("/"), time_to_live=LONG)
    await upgrade_tokens(services, ["a"])

    for delay in STANDARD_SCHEDULE.delays:
        await pass_time(services, delay * 1.1 + timedelta(minutes=11))
        await dispatch(services)

    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.attempts) == (State.DEAD, 10)
    assert (await record_of(services, made.endpoint.id)).state is EndpointState.ACTIVE


async def test_a_notice_that_nobody_takes_makes_no_further_ones(
    services: Services, receiver: Receiver, failing: EndpointRecord
) -> None:
    receiver.script("/sibling", Reply(500))

    await go_on(services, 50)

    assert (await record_of(services, failing.id)).state is EndpointState.DISABLED
    assert len(receiver.at("/sibling")) >= 20
    about = [json.loads(one.body)["data"] for one in await feed(services) if one.audience == "app"]
    assert [one["endpoint"]["id"] for one in about] == [failing.id, failing.id]


async def test_who_is_enabled_again_is_offered_all_since_it_failed(
    services: Services, failing: EndpointRecord
) -> None:
    since = (await health_of(services, failing.id)).failing_since
    await go_on(services, 19)
    moved = (await health_of(services, failing.id)).failing_since
    assert since is not None
    assert moved is not None
    states = [one.state for one in await log_of(services, failing.id)]

    resumed = await resume(failing.id, app_id=None, desk=services.desk)

    assert resumed.endpoint.state is EndpointState.ACTIVE
    assert resumed.since == moved == since - STEP * 19
    assert (resumed.failed, resumed.missing) == (
        states.count(State.DEAD),
        states.count(State.SKIPPED),
    )
    assert resumed.missing > 0
    assert await health_of(services, failing.id) == Health()
    wanted = Wanted(since=resumed.since)
    count = await count_replayable(failing.id, wanted, app_id=None, store=services.store)
    assert count == resumed.failed + resumed.missing


async def test_a_well_known_endpoint_costs_nothing_to_watch(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())
    well = Health(recent=(1 << REMEMBERED + 1) - 1)
    async with services.store.write() as tx:
        await write_health(tx, {made.endpoint.id: well})
    await upgrade_tokens(services, NAMES)
    said: list[str] = []
    engine = services.store.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *given: said.append(given[2]))

    await dispatch(services)

    assert {one.state for one in await log_of(services)} == {State.DELIVERED}
    assert any("UPDATE lanes" in statement for statement in said)
    assert [statement for statement in said if "recent=" in statement] == []
    assert await health_of(services, made.endpoint.id) == well
