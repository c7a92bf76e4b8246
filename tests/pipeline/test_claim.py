"""Consent is read at the last moment: what is expired or no longer wanted is not sent."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, update

from alerts.bootstrap import Services
from alerts.domain.deliveries import EndpointState, Order, State
from alerts.domain.events import BAND_CHANGES, EventType
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Filter
from alerts.pipeline.endpoints import change_endpoint, enable, pause
from alerts.pipeline.turn import IN_FLIGHT
from alerts.store.endpoints import EndpointRecord
from alerts.store.tables import endpoints
from tests.pipeline.conftest import (
    day,
    dispatch,
    fan_out,
    log_of,
    pass_time,
    push,
    subscribe,
    token,
    tries,
    upgrade_tokens,
)
from tests.pipeline.lost import abandon
from tests.receiver import Receiver, Reply


async def change_filter(services: Services, endpoint: EndpointRecord, wanted: Filter) -> None:
    def change(old: EndpointRecord) -> EndpointRecord:
        return replace(old, filter=wanted)

    await change_endpoint(endpoint.id, change, app_id=None, desk=services.desk)


async def states(services: Services) -> list[tuple[str, str | None, int]]:
    return [(one.state.value, one.reason, one.attempts) for one in await log_of(services)]


async def test_what_waits_for_a_paused_endpoint_is_skipped(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a", "b"])

    await pause(made.endpoint.id, app_id=None, desk=services.desk)
    await dispatch(services)

    assert await states(services) == [("skipped", "paused", 0)] * 2
    assert receiver.requests == []


async def test_what_waits_for_a_disabled_endpoint_is_skipped(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a"])

    async with services.store.write() as tx:
        await tx.connection.execute(update(endpoints).values(state=EndpointState.DISABLED))
    await dispatch(services)

    assert await states(services) == [("skipped", "disabled", 0)]


async def test_a_token_that_was_unsubscribed_is_not_told_of(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a", "b"])

    await change_filter(services, made.endpoint, Filter(tokens=(token("b"),)))
    await dispatch(services)

    assert await states(services) == [("skipped", "unsubscribed", 0), ("delivered", None, 1)]
    assert len(receiver.requests) == 1


async def test_widening_a_filter_loses_nothing_that_was_owed(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url(), wanted=Filter(min_notches=2))
    await upgrade_tokens(services, ["a"])

    await change_filter(services, made.endpoint, Filter(min_notches=1))
    await dispatch(services)

    assert await states(services) == [("delivered", None, 1)]


async def test_a_retry_goes_on_after_a_pause_that_it_did_not_meet(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(500), Reply())
    made = await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])
    await dispatch(services)

    await pause(made.endpoint.id, app_id=None, desk=services.desk)
    await enable(made.endpoint.id, app_id=None, desk=services.desk)
    await pass_time(services, timedelta(seconds=6))
    await dispatch(services)

    assert await states(services) == [("delivered", None, 2)]


async def test_what_expired_before_its_first_attempt_is_skipped(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url(), time_to_live=timedelta(hours=1))
    await upgrade_tokens(services, [f"t{number}" for number in range(30)])

    await pass_time(services, timedelta(hours=1))
    await push(services, day(2), {"t0": 50.0}, complete=False)
    await fan_out(services)
    await dispatch(services)

    assert await states(services) == [("skipped", "expired", 0)] * 30 + [("delivered", None, 1)]


async def test_one_claim_ends_much_that_is_too_old_and_no_more_of_the_rest(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url(), time_to_live=timedelta(hours=1))
    await upgrade_tokens(services, [f"old{number}" for number in range(500)])
    await pass_time(services, timedelta(hours=2))
    for number, score in enumerate((50.0, 95.0)):
        new = {f"new{place}": score for place in range(50)}
        await push(services, day(number), new, kind=Kind.FUNDAMENTAL)
    await fan_out(services)

    (lane,) = await abandon(services)

    found = Counter(one.state for one in await log_of(services))
    assert found[State.SKIPPED] == 500
    assert found[State.SENDING] == len(lane.parcels) == 2 * IN_FLIGHT


async def test_what_expired_between_attempts_is_dead(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(500))
    await subscribe(services, receiver.url("/"), time_to_live=timedelta(hours=1))
    await upgrade_tokens(services, ["a"])
    await dispatch(services)

    await pass_time(services, timedelta(hours=1))
    await dispatch(services)

    assert await states(services) == [("dead", "expired", 1)]
    assert len(receiver.requests) == 1


async def test_a_retry_that_would_come_too_late_is_not_waited_for(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(500))
    await subscribe(services, receiver.url("/"), time_to_live=timedelta(seconds=4))
    await upgrade_tokens(services, ["a"])

    await dispatch(services)

    assert await states(services) == [("dead", "expired", 1)]


async def test_under_latest_what_waits_behind_something_newer_is_superseded(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url(), order=Order.LATEST)
    await push(services, day(0), {"a": 50, "b": 50})
    await push(services, day(1), {"a": 95, "b": 95})
    await push(services, day(2), {"a": 5, "b": 95})
    await push(services, day(3), {"a": 95, "b": 95})
    await fan_out(services)

    await dispatch(services)

    assert await states(services) == [
        ("skipped", "superseded", 0),
        ("delivered", None, 1),
        ("skipped", "superseded", 0),
        ("delivered", None, 1),
    ]
    assert len(receiver.requests) == 2


@pytest.mark.parametrize(
    ("scores", "became"),
    [
        ((50, 65, 72), ("delivered", "delivered")),
        ((50, 65, 72, 79), ("delivered", "superseded", "delivered")),
        ((50, 65, 72, 10), ("superseded", "superseded", "delivered")),
        ((50, 57, 65), ("superseded", "delivered")),
    ],
    ids=["a move after a band", "moves after a band", "a band after all", "a band after a move"],
)
async def test_a_move_takes_no_place_of_a_band_that_was_not_told(
    services: Services, receiver: Receiver, scores: Sequence[int], became: Sequence[str]
) -> None:
    wanted = Filter(types=BAND_CHANGES | {EventType.MOVED})
    await subscribe(services, receiver.url(), order=Order.LATEST, wanted=wanted)
    for number, score in enumerate(scores):
        await push(services, day(number), {"a": score})
    await fan_out(services)

    await dispatch(services)

    assert [reason or state for state, reason, _ in await states(services)] == list(became)
    said = [json.loads(seen.body)["sequence"] for seen in receiver.requests]
    assert said == sorted(said)
    assert len(said) == became.count("delivered")


@pytest.mark.parametrize("order", [Order.NONE, Order.STRICT])
async def test_only_latest_supersedes(services: Services, receiver: Receiver, order: Order) -> None:
    await subscribe(services, receiver.url(), order=order)
    for number, score in enumerate((50, 95, 5)):
        await push(services, day(number), {"a": score})
    await fan_out(services)

    await dispatch(services)

    assert await states(services) == [("delivered", None, 1)] * 2


async def test_a_delivered_event_is_an_attempt_with_all_that_was_seen(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(200, body=b"thanks"))
    await subscribe(services, receiver.url("/"), headers={"x-team": "desk"})
    await upgrade_tokens(services, ["a"])

    await dispatch(services)

    (delivery,) = await log_of(services)
    (attempt,) = await tries(services, delivery)
    assert (attempt.number, attempt.position, attempt.trigger) == (1, 0, "schedule")
    assert (attempt.outcome, attempt.reason, attempt.status_code) == ("delivered", None, 200)
    assert attempt.response_body == b"thanks"
    assert attempt.remote_address == "127.0.0.1"
    assert attempt.timings_ms["total"] > 0
    assert len(attempt.secret_ids) == 1
    assert attempt.started_at <= attempt.ended_at
    assert receiver.requests[0].headers["x-team"] == "desk"


async def test_sending_reads_no_filter_which_may_name_ten_thousand_tokens(
    services: Services, receiver: Receiver
) -> None:
    names = [f"t{number}" for number in range(20)]
    await subscribe(services, receiver.url())
    await upgrade_tokens(services, names)
    said: list[str] = []
    engine = services.store.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *given: said.append(given[2]))

    await dispatch(services)

    assert len(receiver.requests) == len(names)
    assert [statement for statement in said if "endpoints.filter" in statement] == []
