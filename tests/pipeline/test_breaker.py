"""An endpoint that is down is sent one probe now and then, and what waits for it loses nothing."""

from datetime import timedelta

import pytest
import structlog.testing

from alerts.bootstrap import Services
from alerts.domain.deliveries import Order, State
from alerts.domain.health import FIRST_PAUSE, LONGEST_PAUSE, OPENS_AFTER, Breaker, Health
from alerts.pipeline.endpoints import change_endpoint, enable, pause
from alerts.pipeline.turn import IN_FLIGHT, turn_of
from alerts.store.health import read_health
from tests.pipeline.conftest import (
    OpenServices,
    dispatch,
    log_of,
    pass_time,
    subscribe,
    upgrade_tokens,
)
from tests.pipeline.lost import abandon
from tests.receiver import Receiver, Reply

NAMES = [f"t{number}" for number in range(40)]
# A pause with all of its jitter.
OVER = FIRST_PAUSE * 1.1
# What may be on the wire or begun when the fifth failure is settled.
AT_MOST = OPENS_AFTER - 1 + 2 * IN_FLIGHT


async def health_of(services: Services, endpoint_id: str) -> Health:
    async with services.store.read() as tx:
        return (await read_health(tx, [endpoint_id]))[endpoint_id]


async def breaker_of(services: Services, endpoint_id: str) -> Breaker:
    health = await health_of(services, endpoint_id)
    async with services.store.read() as tx:
        return health.breaker(await tx.now())


async def open_breaker(services: Services, receiver: Receiver, *, order: Order = Order.NONE) -> str:
    """An endpoint at `/` that was down when much was owed to it."""
    receiver.script("/", Reply(500))
    made = await subscribe(services, receiver.url("/"), order=order)
    await upgrade_tokens(services, NAMES)
    await dispatch(services)
    assert await breaker_of(services, made.endpoint.id) is Breaker.OPEN
    return made.endpoint.id


async def test_an_open_breaker_spares_what_waits_and_lets_all_go_once_a_probe_is_taken(
    open_with: OpenServices, receiver: Receiver
) -> None:
    services = await open_with()
    endpoint_id = await open_breaker(services, receiver)
    tried = len(receiver.requests)
    assert OPENS_AFTER <= tried <= AT_MOST
    sent = {request.headers["gradebell-delivery"] for request in receiver.requests}
    before = {one.id: one for one in await log_of(services) if one.id not in sent}
    assert {(one.state, one.attempts) for one in before.values()} == {(State.PENDING, 0)}
    assert {one.due_at for one in before.values()} == {one.created_at for one in before.values()}

    # Another process, which has not seen any of it.
    services = await open_with()
    await pass_time(services, FIRST_PAUSE - timedelta(seconds=5))
    await dispatch(services)
    assert len(receiver.requests) == tried
    await pass_time(services, OVER)
    await dispatch(services)
    assert len(receiver.requests) == tried + 1
    await pass_time(services, OVER)
    await dispatch(services)
    assert len(receiver.requests) == tried + 1
    probed = receiver.requests[-1].headers["gradebell-delivery"]
    assert probed in before

    receiver.script("/", Reply())
    await pass_time(services, OVER)
    await dispatch(services)

    assert await breaker_of(services, endpoint_id) is Breaker.CLOSED
    log = await log_of(services)
    assert {one.attempts for one in log if one.id in before and one.id != probed} == {1}
    assert {one.state for one in log if one.id not in {*sent, probed}} == {State.DELIVERED}
    # What was tried follows its own schedule on.
    await pass_time(services, timedelta(minutes=6))
    await dispatch(services)
    assert {one.state for one in await log_of(services)} == {State.DELIVERED}


async def test_nobody_else_waits_for_it(services: Services, receiver: Receiver) -> None:
    other = await subscribe(services, receiver.url("/other"))
    await open_breaker(services, receiver)

    assert {one.state for one in await log_of(services, other.endpoint.id)} == {State.DELIVERED}


@pytest.mark.parametrize("order", [Order.STRICT, Order.LATEST])
async def test_it_opens_and_closes_whatever_the_order(
    services: Services, receiver: Receiver, order: Order
) -> None:
    await open_breaker(services, receiver, order=order)
    receiver.script("/", Reply())

    await pass_time(services, OVER)
    await dispatch(services)
    await pass_time(services, timedelta(seconds=6))
    await dispatch(services)

    assert {one.state for one in await log_of(services)} == {State.DELIVERED}


async def test_a_wait_asked_for_or_a_delivery_refused_is_no_failure_of_the_endpoint(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/busy", Reply(503, {"retry-after": "0"}))
    receiver.script("/small", Reply(413))
    busy = await subscribe(services, receiver.url("/busy"))
    small = await subscribe(services, receiver.url("/small"))
    await upgrade_tokens(services, NAMES)

    await dispatch(services)

    for made in (busy, small):
        health = await health_of(services, made.endpoint.id)
        assert health.attempts > OPENS_AFTER
        assert (health.opened_at, health.failures, health.success_share) == (None, 0, 0)


async def test_a_probe_that_is_asked_to_wait_waits_and_probes_again(
    services: Services, receiver: Receiver
) -> None:
    endpoint_id = await open_breaker(services, receiver)
    tried = len(receiver.requests)
    receiver.script("/", Reply(429, {"retry-after": "60"}), Reply())

    await pass_time(services, OVER)
    await dispatch(services)
    assert len(receiver.requests) == tried + 1
    await pass_time(services, timedelta(seconds=55))
    await dispatch(services)
    assert len(receiver.requests) == tried + 1
    assert (await health_of(services, endpoint_id)).trips == 1
    await pass_time(services, timedelta(seconds=6))
    await dispatch(services)

    assert await breaker_of(services, endpoint_id) is Breaker.CLOSED


@pytest.mark.parametrize("way", ["enabled", "moved"])
async def test_an_owner_who_says_it_is_mended_need_not_wait_for_the_probe(
    services: Services, receiver: Receiver, way: str
) -> None:
    endpoint_id = await open_breaker(services, receiver)
    receiver.script("/", Reply())

    if way == "enabled":
        await pause(endpoint_id, app_id=None, desk=services.desk)
        await enable(endpoint_id, app_id=None, desk=services.desk)
    else:
        url = receiver.url("/new")
        await change_endpoint(
            endpoint_id, lambda old: old, app_id=None, desk=services.desk, url=url
        )
    assert await health_of(services, endpoint_id) == Health()
    await pass_time(services, timedelta(seconds=6))
    await dispatch(services)

    assert {one.state for one in await log_of(services)} == {State.DELIVERED}


async def test_the_log_says_when_it_opens_and_closes_and_nothing_in_between(
    services: Services, receiver: Receiver
) -> None:
    with structlog.testing.capture_logs() as lines:
        endpoint_id = await open_breaker(services, receiver)
        await pass_time(services, OVER)
        await dispatch(services)
        receiver.script("/", Reply())
        await pass_time(services, LONGEST_PAUSE)
        await dispatch(services)

    told = [line for line in lines if line["event"].startswith("breaker.")]
    assert [line["event"] for line in told] == ["breaker.opened", "breaker.closed"]
    assert {line["endpoint"] for line in told} == {endpoint_id}
    assert told[0]["failures"] == OPENS_AFTER
    assert told[1]["failures"] == OPENS_AFTER + 1


async def test_however_long_a_probe_takes_nothing_goes_beside_it(
    services: Services, receiver: Receiver
) -> None:
    await open_breaker(services, receiver)
    await pass_time(services, OVER)

    (lane,) = await abandon(services)
    turn = turn_of(lane, began=0, lease=services.rules.lease)

    assert len(lane.parcels) == 1
    assert (turn.width, turn.room(now=1), turn.is_waiting(now=1, since=0)) == (1, 0, False)
