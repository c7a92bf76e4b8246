"""A mass move: every event says that it is part of one, and nobody is told less for it."""

import json
from typing import Any

import pytest

from alerts.bootstrap import Services
from tests.pipeline.conftest import day, dispatch, fan_out, feed, push, subscribe
from tests.receiver import Receiver

NAMES = [f"t{number}" for number in range(100)]
BEFORE = dict.fromkeys(NAMES, 50.0)


def moved(up: int, down: int) -> dict[str, float]:
    return BEFORE | dict.fromkeys(NAMES[:up], 95.0) | dict.fromkeys(NAMES[up : up + down], 5.0)


async def said(services: Services) -> list[Any]:
    return [json.loads(event.body)["data"]["cycle"]["mass_move"] for event in await feed(services)]


@pytest.mark.parametrize(("up", "down"), [(10, 20), (10, 19)], ids=["a mass", "many"])
async def test_every_event_of_the_cycle_says_how_many_changed_at_once(
    services: Services, receiver: Receiver, up: int, down: int
) -> None:
    await subscribe(services, receiver.url("/all"))
    await push(services, day(0), BEFORE)

    await push(services, day(1), moved(up, down))
    await fan_out(services)
    await dispatch(services)

    mass = {"share": 0.3, "upgraded": 10, "downgraded": 20, "tokens": 100}
    assert await said(services) == [mass if up + down == 30 else None] * (up + down)
    assert len(receiver.requests) == up + down


async def test_a_part_is_held_against_all_tokens_of_its_kind(services: Services) -> None:
    await push(services, day(0), BEFORE)

    part = dict.fromkeys(NAMES[:29], 95.0)
    await push(services, day(1), part, complete=False)

    assert await said(services) == [None] * 29
