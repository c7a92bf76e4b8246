"""What an answer comes to: the schedule, held lanes, closed endpoints."""

import asyncio
import base64
import json
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from alerts.bootstrap import Services
from alerts.domain.deliveries import DisableReason, EndpointState, State
from alerts.domain.events import EventType
from alerts.domain.retries import STANDARD_SCHEDULE
from alerts.pipeline.access import create_app
from alerts.pipeline.secrets import rotate_secret
from alerts.store.endpoints import find_endpoint
from tests.pipeline.conftest import (
    OpenServices,
    dispatch,
    feed,
    lane_of,
    log_of,
    pass_time,
    subscribe,
    tries,
    upgrade_tokens,
)
from tests.receiver import Received, Receiver, Reply

NAMES = [f"t{number}" for number in range(12)]
OVER = timedelta(seconds=8)


def signed_by(request: Received, secret: bytes) -> bool:
    try:
        Webhook("whsec_" + base64.b64encode(secret).decode()).verify(request.body, request.headers)
    except WebhookVerificationError:
        return False
    return True


async def test_a_failure_is_tried_again_by_the_schedule_to_its_end(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(500))
    await subscribe(services, receiver.url("/"), time_to_live=timedelta(days=30))
    await upgrade_tokens(services, ["a"])
    waits = []

    for delay in STANDARD_SCHEDULE.delays:
        await pass_time(services, delay * 1.1)
        await dispatch(services)
        (delivery,) = await log_of(services)
        waits.append(delivery.due_at - (await tries(services, delivery))[-1].ended_at)

    assert (delivery.state, delivery.reason) == (State.DEAD, "server_error")
    attempts = await tries(services, delivery)
    assert [attempt.number for attempt in attempts] == list(range(1, 11))
    assert [attempt.position for attempt in attempts] == list(range(10))
    for wait, delay in zip(waits, STANDARD_SCHEDULE.delays[1:], strict=False):
        assert delay <= wait <= delay * 1.1 + timedelta(seconds=2)


async def test_an_endpoint_with_a_schedule_of_its_own_is_tried_again_by_that(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("*", Reply(500))
    await subscribe(services, receiver.url("/own"), retry_schedule_seconds=(0, 7200))
    await subscribe(services, receiver.url("/plain"))
    await upgrade_tokens(services, ["a"])

    await dispatch(services)

    first = {one.due_at - one.created_at for one in await log_of(services)}
    assert max(first) >= timedelta(seconds=7200)
    assert timedelta(seconds=5) <= min(first) < timedelta(seconds=60)
    await pass_time(services, timedelta(hours=3))
    await dispatch(services)
    assert {one.state for one in await log_of(services)} == {State.DEAD, State.PENDING}


async def test_every_attempt_bears_the_same_id_and_the_same_bytes(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(500), Reply())
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])
    await dispatch(services)
    await pass_time(services, OVER)

    await dispatch(services)

    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


@pytest.mark.parametrize("status", [429, 503])
async def test_an_endpoint_that_asks_for_a_wait_is_left_alone_and_nobody_else(
    services: Services, receiver: Receiver, status: int
) -> None:
    receiver.script("/busy", Reply(status, {"retry-after": "7"}))
    busy = await subscribe(services, receiver.url("/busy"))
    other = await subscribe(services, receiver.url("/other"))
    await upgrade_tokens(services, NAMES)

    await dispatch(services)

    sent = {request.headers["gradebell-delivery"] for request in receiver.at("/busy")}
    log = await log_of(services, busy.endpoint.id)
    assert 1 <= len(sent) <= 4
    assert {one.id for one in log if one.attempts} == sent
    assert {one.state for one in log} == {State.PENDING}
    assert all(one.state is State.DELIVERED for one in await log_of(services, other.endpoint.id))

    receiver.script("/busy", Reply())
    await pass_time(services, timedelta(seconds=5))
    await dispatch(services)
    assert len(receiver.at("/busy")) == len(sent)
    await pass_time(services, OVER)
    await dispatch(services)

    log = await log_of(services, busy.endpoint.id)
    assert {one.state for one in log} == {State.DELIVERED}
    assert {one.attempts for one in log if one.id not in sent} == {1}


async def test_an_overloaded_endpoint_that_names_no_wait_has_the_schedules_first_step(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(502))
    made = await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, NAMES)

    await dispatch(services)

    lane = await lane_of(services, made.endpoint.id)
    (first, *_) = await log_of(services)
    ended = (await tries(services, first))[0].ended_at
    assert timedelta(seconds=5) <= lane.held_until - ended < timedelta(seconds=7)


async def test_a_plain_failure_holds_nothing_else(services: Services, receiver: Receiver) -> None:
    receiver.script("/", Reply(500), Reply())
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, NAMES)

    await dispatch(services)

    states = [one.state for one in await log_of(services)]
    assert states.count(State.DELIVERED) == len(NAMES) - 1


async def test_gone_disables_the_endpoint_and_tells_the_apps_other_endpoints(
    services: Services, receiver: Receiver
) -> None:
    app = await create_app("tenant", store=services.store)
    receiver.script("/gone", Reply(410))
    gone = await subscribe(services, receiver.url("/gone"), app_id=app.id)
    await subscribe(services, receiver.url("/sibling"), app_id=app.id, tokens=["demo:none"])
    await subscribe(services, receiver.url("/stranger"), tokens=["demo:none"])
    await upgrade_tokens(services, NAMES)

    await dispatch(services)

    log = await log_of(services, gone.endpoint.id)
    sent = {request.headers["gradebell-delivery"] for request in receiver.at("/gone")}
    assert 1 <= len(sent) <= 4
    for one in log:
        expected = (State.DEAD, "gone", 1) if one.id in sent else (State.SKIPPED, "disabled", 0)
        assert (one.state, one.reason, one.attempts) == expected
    async with services.store.read() as tx:
        closed = await find_endpoint(tx, gone.endpoint.id, app_id=None)
    assert closed is not None
    assert (closed.state, closed.disabled_reason) == (EndpointState.DISABLED, DisableReason.GONE)
    (notice,) = receiver.at("/sibling")
    told = json.loads(notice.body)
    assert told["type"] == "endpoint.disabled"
    assert told["data"]["endpoint"]["id"] == gone.endpoint.id
    assert receiver.at("/stranger") == []
    assert [event.type for event in await feed(services)].count(EventType.ENDPOINT_DISABLED) == 1


async def test_too_large_is_final_and_holds_nothing_else(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(413), Reply())
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a", "b", "c"])

    await dispatch(services)

    found = sorted((one.state.value, one.reason or "") for one in await log_of(services))
    assert found == [("dead", "too_large"), ("delivered", ""), ("delivered", "")]


async def test_an_endpoint_that_does_not_answer_in_time_is_tried_again(
    open_with: OpenServices, receiver: Receiver
) -> None:
    services = await open_with(send_deadline_seconds=0.1)
    gate = asyncio.Event()
    receiver.script("/", Reply(held=gate))
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])

    await dispatch(services)
    gate.set()

    (delivery,) = await log_of(services)
    (attempt,) = await tries(services, delivery)
    assert (delivery.state, delivery.reason) == (State.PENDING, "timeout")
    assert (attempt.outcome, attempt.status_code) == ("deferred", None)


async def test_a_rotated_secret_signs_beside_the_old_one_until_the_overlap_ends(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())
    fresh = await rotate_secret(
        made.endpoint.id, timedelta(hours=1), app_id=None, desk=services.desk
    )
    await upgrade_tokens(services, ["a"])
    await dispatch(services)
    await pass_time(services, timedelta(hours=1))
    await upgrade_tokens(services, ["b"], since=2)
    await dispatch(services)

    during, after = receiver.requests
    assert (signed_by(during, made.secret), signed_by(during, fresh)) == (True, True)
    assert (signed_by(after, made.secret), signed_by(after, fresh)) == (False, True)
    counts = []
    for one in await log_of(services):
        (attempt,) = await tries(services, one)
        counts.append(len(attempt.secret_ids))
    assert counts == [2, 1]


async def test_a_wake_up_starts_a_delivery_at_once(services: Services, receiver: Receiver) -> None:
    await subscribe(services, receiver.url())
    stop = asyncio.Event()
    running = asyncio.create_task(services.dispatcher().run(stop))

    await upgrade_tokens(services, ["a"])
    await receiver.wait_for(1)

    stop.set()
    await running
