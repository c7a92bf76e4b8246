"""What breaks a dispatch loop is said; what breaks one lane stops no other."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import update

from alerts.bootstrap import Services
from alerts.domain.deliveries import State
from alerts.store.tables import endpoints
from tests.pipeline.conftest import (
    lane_of,
    log_of,
    subscribe,
    tries,
    until,
    upgrade_tokens,
)
from tests.receiver import Receiver


def no_chance() -> float:
    raise ArithmeticError("the dice are gone")


class OneBadThrow:
    """Breaks the first settlement, and no other."""

    def __init__(self) -> None:
        self.is_over = False

    def __call__(self) -> float:
        if not self.is_over:
            self.is_over = True
            return no_chance()
        return 0.0


async def test_a_loop_that_cannot_settle_ends_and_says_why(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])
    broken = replace(services, terms=replace(services.terms, jitter=no_chance))

    async with asyncio.timeout(20):
        with pytest.raises(ArithmeticError, match="dice"):
            await broken.dispatcher().run(asyncio.Event())

    (delivery,) = await log_of(services)
    assert delivery.state is State.SENDING


async def test_an_answer_that_broke_the_loop_is_settled_on_the_way_out(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])
    broken = replace(services, terms=replace(services.terms, jitter=OneBadThrow()))

    async with asyncio.timeout(20):
        with pytest.raises(ArithmeticError, match="dice"):
            await broken.dispatcher().run(asyncio.Event())

    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.attempts) == (State.DELIVERED, 1)
    assert [attempt.outcome for attempt in await tries(services, delivery)] == ["delivered"]


async def test_a_lane_that_cannot_be_claimed_is_set_aside_and_the_others_go_on(
    services: Services, receiver: Receiver
) -> None:
    paths = [f"/{number}" for number in range(6)]
    made = [(await subscribe(services, receiver.url(path))).endpoint.id for path in paths]
    async with services.store.write() as tx:
        # Not what any release wrote, but it can be decrypted.
        headers = services.store.cipher.encrypt(b"no headers")
        bad = update(endpoints).where(endpoints.c.id == made[2]).values(headers=headers)
        await tx.connection.execute(bad)
    await upgrade_tokens(services, ["a", "b"])
    stop = asyncio.Event()
    running = asyncio.create_task(services.dispatcher().run(stop))

    await receiver.wait_for(10)

    async def the_bad_one_is_held() -> bool:
        return (await lane_of(services, made[2])).held_until is not None

    await until(the_bad_one_is_held)
    stop.set()
    await running
    assert {request.path for request in receiver.requests} == set(paths) - {"/2"}
    log = await log_of(services)
    assert {one.endpoint_id for one in log if one.state is State.PENDING} == {made[2]}
