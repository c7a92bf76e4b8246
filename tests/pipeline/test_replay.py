"""Again because somebody asks: resend, replay, test sends; and why something did not come."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.bootstrap import Services
from alerts.domain.deliveries import State, Trigger
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Filter, Miss
from alerts.errors import Conflict, InvalidInput, NotFound
from alerts.pipeline.access import create_app
from alerts.pipeline.endpoints import change_endpoint, enable, pause
from alerts.pipeline.replay import Wanted, count_replayable, explain, replay, resend, send_test
from alerts.store.deliveries import DeliveryRecord
from alerts.store.endpoints import EndpointRecord
from tests.pipeline.conftest import (
    day,
    dispatch,
    fan_out,
    feed,
    log_of,
    pass_time,
    push,
    subscribe,
    token,
    tries,
    upgrade_tokens,
)
from tests.receiver import Receiver, Reply

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOBODYS = "app_" + "9" * 26


async def again(services: Services, delivery: DeliveryRecord) -> DeliveryRecord:
    return await resend(delivery.id, app_id=None, store=services.store, waker=services.waker)


async def replayed(
    services: Services,
    endpoint: EndpointRecord,
    *,
    only: str | None = None,
    dry_run: bool = False,
    since: datetime = LONG_AGO,
    until: datetime | None = None,
    app_id: str | None = None,
) -> int:
    wanted = Wanted(since=since, until=until, only=only)
    if dry_run:
        return await count_replayable(endpoint.id, wanted, app_id=app_id, store=services.store)
    record = await replay(
        endpoint.id, wanted, app_id=app_id, store=services.store, waker=services.waker
    )
    return record.total


async def one_of_each(services: Services, receiver: Receiver) -> EndpointRecord:
    """An endpoint with a delivery each: dead, skipped, delivered."""
    made = await subscribe(services, receiver.url("/"))
    receiver.script("/", Reply(413))
    await upgrade_tokens(services, ["dead"])
    await dispatch(services)
    receiver.script("/", Reply())
    await pause(made.endpoint.id, app_id=None, desk=services.desk)
    await upgrade_tokens(services, ["skipped"], since=2)
    await enable(made.endpoint.id, app_id=None, desk=services.desk)
    await upgrade_tokens(services, ["delivered"], since=4)
    await dispatch(services)
    states = [one.state for one in await log_of(services) if one.event_type == "grade.upgraded"]
    assert states == [State.DEAD, State.SKIPPED, State.DELIVERED]
    return made.endpoint


@pytest.mark.parametrize("status", [413, 204])
async def test_a_resend_is_the_same_message_once_more(
    services: Services, receiver: Receiver, status: int
) -> None:
    receiver.script("/", Reply(status), Reply())
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])
    await dispatch(services)
    (delivery,) = await log_of(services)

    reopened = await again(services, delivery)
    await dispatch(services)

    assert (reopened.state, reopened.trigger) == (State.PENDING, Trigger.MANUAL)
    first, second = receiver.requests
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.attempts) == (State.DELIVERED, 2)
    attempts = await tries(services, delivery)
    assert [(one.number, one.trigger) for one in attempts] == [(1, "schedule"), (2, "manual")]


async def test_a_resend_asks_no_subscription_and_lives_anew(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url(), time_to_live=timedelta(hours=1))
    await upgrade_tokens(services, ["a"])
    await pass_time(services, timedelta(hours=2))
    await dispatch(services)

    def change(old: EndpointRecord) -> EndpointRecord:
        return replace(old, filter=Filter(kinds=frozenset({Kind.FUNDAMENTAL})))

    await change_endpoint(made.endpoint.id, change, app_id=None, desk=services.desk)
    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.reason) == (State.SKIPPED, "expired")

    await again(services, delivery)
    await dispatch(services)

    (delivery,) = await log_of(services)
    assert delivery.state is State.DELIVERED


async def test_what_is_on_its_way_cannot_be_resent(services: Services, receiver: Receiver) -> None:
    await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a"])
    (delivery,) = await log_of(services)

    with pytest.raises(Conflict):
        await again(services, delivery)


async def test_nothing_is_resent_to_who_takes_nothing(
    services: Services, receiver: Receiver
) -> None:
    endpoint = await one_of_each(services, receiver)
    await pause(endpoint.id, app_id=None, desk=services.desk)

    with pytest.raises(Conflict):
        await again(services, (await log_of(services))[0])
    with pytest.raises(Conflict):
        await replayed(services, endpoint)


async def test_what_is_somebody_elses_is_not_there(services: Services, receiver: Receiver) -> None:
    endpoint = await one_of_each(services, receiver)
    (delivery, *_) = await log_of(services)

    with pytest.raises(NotFound):
        await resend(delivery.id, app_id=NOBODYS, store=services.store, waker=services.waker)
    with pytest.raises(NotFound):
        await replayed(services, endpoint, app_id=NOBODYS)
    with pytest.raises(NotFound):
        await replayed(services, endpoint, app_id=NOBODYS, dry_run=True)
    with pytest.raises(NotFound):
        await send_test(endpoint.id, app_id=NOBODYS, store=services.store, waker=services.waker)
    with pytest.raises(NotFound):
        await explain(endpoint.id, delivery.event_id, app_id=NOBODYS, store=services.store)


@pytest.mark.parametrize(
    ("only", "tokens"),
    [
        ("failed", {"demo:dead"}),
        ("missing", {"demo:skipped"}),
        (None, {"demo:dead", "demo:skipped"}),
    ],
)
async def test_a_replay_sends_what_failed_or_was_missed(
    services: Services, receiver: Receiver, only: str | None, tokens: set[str]
) -> None:
    endpoint = await one_of_each(services, receiver)
    before = len(receiver.requests)
    counted = await replayed(services, endpoint, only=only, dry_run=True)
    assert len(receiver.requests) == before

    count = await replayed(services, endpoint, only=only)
    await dispatch(services)

    assert count == counted == len(tokens)
    sent = [json.loads(one.body)["data"]["token"]["id"] for one in receiver.requests[before:]]
    assert set(sent) == tokens
    assert await replayed(services, endpoint, only=only) == 0


async def test_a_replay_keeps_to_its_time(services: Services, receiver: Receiver) -> None:
    endpoint = await one_of_each(services, receiver)
    made = {one.token: one.created_at for one in await log_of(services)}
    since, until = made[token("dead")], made[token("skipped")]

    assert await replayed(services, endpoint, since=since, until=until, dry_run=True) == 1
    assert await replayed(services, endpoint, since=until, dry_run=True) == 1
    with pytest.raises(InvalidInput) as refused:
        await replayed(services, endpoint, since=until, until=since)
    assert refused.value.field == "until"
    with pytest.raises(InvalidInput) as refused:
        await replayed(services, endpoint, only="everything")
    assert refused.value.field == "only"


async def test_a_test_send_carries_a_real_past_change_to_one_endpoint(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url("/mine"), tokens=["demo:none"])
    await subscribe(services, receiver.url("/other"), tokens=["demo:none"])
    await upgrade_tokens(services, ["a"])

    delivery = await send_test(
        made.endpoint.id, app_id=None, store=services.store, waker=services.waker
    )
    await dispatch(services)

    (request,) = receiver.requests
    told = json.loads(request.body)
    assert (request.path, told["type"], told["id"]) == (
        "/mine",
        "endpoint.test",
        delivery.event_id,
    )
    assert told["data"]["test"] is True
    assert told["data"]["token"]["id"] == "demo:a"


async def test_a_test_send_works_before_anything_ever_changed(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())

    await send_test(made.endpoint.id, app_id=None, store=services.store, waker=services.waker)
    await dispatch(services)

    assert json.loads(receiver.requests[0].body)["data"]["test"] is True


class TestExplain:
    @pytest.mark.parametrize(
        ("wanted", "miss"),
        [
            (Filter(tokens=(token("other"),)), Miss.TOKEN),
            (Filter(kinds=frozenset({Kind.FUNDAMENTAL})), Miss.KIND),
            (Filter(types=frozenset({EventType.MOVED})), Miss.TYPE),
            (Filter(min_notches=3), Miss.MIN_NOTCHES),
            (Filter(min_delta=9000), Miss.MIN_DELTA),
        ],
        ids=lambda value: value.value if isinstance(value, Miss) else None,
    )
    async def test_every_miss_has_its_reason(
        self, services: Services, receiver: Receiver, wanted: Filter, miss: Miss
    ) -> None:
        tokens = None if wanted.tokens is None else list(wanted.tokens)
        made = await subscribe(services, receiver.url(), wanted=wanted, tokens=tokens)
        await upgrade_tokens(services, ["a"])
        (event,) = await feed(services)

        found = await explain(made.endpoint.id, event.id, app_id=None, store=services.store)

        assert (found.miss, found.delivery) == (miss, None)
        assert (found.event.id, found.endpoint.id) == (event.id, made.endpoint.id)

    async def test_what_was_before_the_subscription_is_said_so(
        self, services: Services, receiver: Receiver
    ) -> None:
        await upgrade_tokens(services, ["a"])
        made = await subscribe(services, receiver.url())
        (event,) = await feed(services)

        found = await explain(made.endpoint.id, event.id, app_id=None, store=services.store)

        assert found.miss is Miss.BEFORE_SUBSCRIPTION

    async def test_where_there_is_a_delivery_it_is_the_answer(
        self, services: Services, receiver: Receiver
    ) -> None:
        made = await subscribe(services, receiver.url())
        await upgrade_tokens(services, ["a"])
        (event,) = await feed(services)

        found = await explain(made.endpoint.id, event.id, app_id=None, store=services.store)

        assert found.miss is None
        assert found.delivery is not None
        assert found.delivery.event_id == event.id

    async def test_an_event_that_is_not_the_apps_to_see_is_not_there(
        self, services: Services, receiver: Receiver
    ) -> None:
        app = await create_app("tenant", store=services.store)
        made = await subscribe(services, receiver.url(), app_id=app.id)
        await push(services, day(0), dict.fromkeys("abcde", 50.0))
        await push(services, day(1), {"a": 50})
        await fan_out(services)
        (held,) = await feed(services)

        with pytest.raises(NotFound):
            await explain(made.endpoint.id, held.id, app_id=None, store=services.store)
