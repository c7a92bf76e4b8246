"""What breaks a dispatch loop is said; what breaks one lane stops no other."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import update

from alerts.bootstrap import Services
from alerts.domain.deliveries import State
from alerts.pipeline.claim import claim
from alerts.pipeline.claimer import BROKEN_WAIT, Claimer
from alerts.pipeline.vault import Vault
from alerts.ports import SigningSecret
from alerts.store.lanes import set_aside
from alerts.store.tables import endpoints
from tests.pipeline.conftest import (
    OpenServices,
    lane_of,
    log_of,
    somebody_waits,
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


class OneBadKey(Vault):
    """Breaks the first claim, and no other."""

    is_over = False

    def secret(self, secret_id: str, ciphertext: bytes) -> SigningSecret:
        if not self.is_over:
            self.is_over = True
            raise ArithmeticError("the key is bent")
        return super().secret(secret_id, ciphertext)


async def test_a_claim_that_broke_once_is_not_searched_for_ever(
    services: Services, receiver: Receiver
) -> None:
    for number in range(9):
        await subscribe(services, receiver.url(f"/{number}"))
    await upgrade_tokens(services, ["a"])
    rules = replace(services.rules, vault=OneBadKey(services.store.cipher))
    claimer = Claimer(services.store, rules)

    claimed = [len(await claimer.claim(3, ())) for _ in range(6)]

    # The three that it may have been are looked at one by one; the others are not.
    assert claimed == [0, 1, 1, 1, 3, 3]


async def test_the_lane_set_aside_is_the_next_one_also_while_another_worker_looks_at_it(
    services: Services, open_with: OpenServices, receiver: Receiver
) -> None:
    other = await open_with()
    for number in range(2):
        await subscribe(services, receiver.url(f"/{number}"))
    await upgrade_tokens(services, ["a"])

    async def set_one_aside() -> str | None:
        async with services.store.write() as tx:
            return await set_aside(tx, BROKEN_WAIT)

    async with other.store.write() as tx:
        (looked_at,) = await claim(tx, other.rules, limit=1)
        setting = asyncio.create_task(set_one_aside())
        await somebody_waits(services)
        # As a claim that breaks does.
        await tx.connection.rollback()

    assert await setting == looked_at.endpoint_id
