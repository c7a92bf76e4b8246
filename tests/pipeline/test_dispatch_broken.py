"""A dispatch loop that can no longer settle says so, instead of looking alive."""

import asyncio
from dataclasses import replace

import pytest

from alerts.bootstrap import Services
from alerts.domain.deliveries import State
from tests.pipeline.conftest import log_of, subscribe, tries, upgrade_tokens
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
