"""Corrections follow what they correct: to those who are told it, after it, and to nobody else."""

import json
from datetime import timedelta

import pytest

from alerts.bootstrap import Services
from alerts.domain.deliveries import Order, State
from alerts.domain.events import EventType
from alerts.pipeline.replay import resend
from tests.pipeline.conftest import (
    day,
    dispatch,
    fan_out,
    lane_of,
    log_of,
    pass_time,
    push,
    subscribe,
)
from tests.pipeline.owed import announced
from tests.receiver import Receiver, Reply


async def corrected(services: Services) -> list[tuple[EventType, State, str | None]]:
    """(type, state, reason) of all deliveries, in the order of their events."""
    log = await log_of(services)
    return [(EventType(one.event_type), one.state, one.reason) for one in log]


def types_at(receiver: Receiver, path: str) -> list[str]:
    return [json.loads(request.body)["type"] for request in receiver.at(path)]


async def restated(services: Services) -> None:
    """`a` was upgraded on day 1, which is restated before anybody was told."""
    await push(services, day(0), {"a": 50})
    await push(services, day(1), {"a": 70})
    await push(services, day(2), {"a": 70})
    await push(services, day(1), {"a": 55})


@pytest.mark.parametrize("order", Order)
async def test_who_is_told_after_the_correction_was_made_is_told_both_in_order(
    services: Services, receiver: Receiver, order: Order
) -> None:
    await subscribe(services, receiver.url("/told"), order=order)
    await subscribe(services, receiver.url("/other"), tokens=["demo:b"])
    await restated(services)

    await fan_out(services, chunk_size=1)
    await dispatch(services)

    assert types_at(receiver, "/told") == ["grade.upgraded", "grade.restated"]
    assert receiver.at("/other") == []


@pytest.mark.parametrize("order", Order)
async def test_a_correction_waits_for_the_retries_of_what_it_corrects(
    services: Services, receiver: Receiver, order: Order
) -> None:
    receiver.script("/", Reply(500), Reply())
    made = await subscribe(services, receiver.url("/"), order=order)
    await restated(services)
    await fan_out(services)

    await dispatch(services)
    assert types_at(receiver, "/") == ["grade.upgraded"]
    due = (await lane_of(services, made.endpoint.id)).due_at
    assert due == min(one.due_at for one in await log_of(services) if one.attempts)
    await pass_time(services, timedelta(minutes=10))
    await dispatch(services)

    assert types_at(receiver, "/") == ["grade.upgraded", "grade.upgraded", "grade.restated"]


async def test_what_was_never_told_in_the_end_is_not_corrected_until_it_is(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(413), Reply())
    await subscribe(services, receiver.url("/"))
    await restated(services)
    await fan_out(services)
    await dispatch(services)
    assert await corrected(services) == [
        (EventType.UPGRADED, State.DEAD, "too_large"),
        (EventType.RESTATED, State.SKIPPED, "untold"),
    ]

    await resend_first(services)
    await dispatch(services)

    assert [state for _, state, _ in await corrected(services)] == [State.DELIVERED] * 2
    assert types_at(receiver, "/") == ["grade.upgraded", "grade.upgraded", "grade.restated"]


async def test_what_is_told_by_hand_is_corrected_though_nobody_was_told_before(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(413), Reply())
    await subscribe(services, receiver.url("/"))
    await announced(services)
    await push(services, day(1), {"a": 55})
    await fan_out(services)
    await dispatch(services)
    assert await corrected(services) == [(EventType.UPGRADED, State.DEAD, "too_large")]

    await resend_first(services)
    await dispatch(services)

    assert types_at(receiver, "/") == ["grade.upgraded", "grade.upgraded", "grade.restated"]


async def test_a_correction_is_not_newer_than_the_news(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/"), order=Order.LATEST)
    await push(services, day(0), {"a": 50})
    await push(services, day(1), {"a": 70})
    await fan_out(services)
    await dispatch(services)
    await push(services, day(2), {"a": 95})
    await push(services, day(1), {"a": 55})

    await fan_out(services)
    await dispatch(services)

    assert types_at(receiver, "/") == ["grade.upgraded", "grade.upgraded", "grade.restated"]


async def resend_first(services: Services) -> None:
    (first, *_) = await log_of(services)
    await resend(first.id, app_id=None, store=services.store, waker=services.waker)
