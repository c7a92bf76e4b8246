"""The heartbeat: a worker holds on to the lanes that it has turns for, and to no others."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from alerts.bootstrap import Services
from alerts.domain.deliveries import Answer, Channel, Delivered, State
from alerts.errors import StorageFailed
from alerts.ports import Destination, Letter
from alerts.store.engine import Store, Transaction
from tests.pipeline.conftest import (
    OpenServices,
    dispatch,
    finished,
    lane_of,
    log_of,
    subscribe,
    tries,
    until,
    upgrade_tokens,
)
from tests.receiver import Receiver, Reply


@pytest.fixture
async def services(open_with: OpenServices) -> Services:
    """Services whose heart beats often."""
    services = await open_with(send_deadline_seconds=4, lease_seconds=8)
    return replace(services, rules=replace(services.rules, lease=timedelta(seconds=5)))


class RefusingStore(Store):
    """A store that refuses the heartbeat so many times."""

    def __init__(self, services: Services, *, times: int) -> None:
        super().__init__(services.store.engine, clock=services.clock, cipher=services.store.cipher)
        self.times = times

    @asynccontextmanager
    async def write(
        self, *, waits_for_disk: bool = True, queue: str | None = None
    ) -> AsyncIterator[Transaction]:
        def refuse(*of: object) -> None:
            if self.times and str(of[2]).startswith("UPDATE lanes SET lease_until="):
                self.times -= 1
                raise StorageFailed("there is no room")

        async with super().write(waits_for_disk=waits_for_disk, queue=queue) as tx:
            event.listen(tx.connection.sync_connection, "before_cursor_execute", refuse)
            try:
                yield tx
            finally:
                event.remove(tx.connection.sync_connection, "before_cursor_execute", refuse)


class Breaking:
    """A channel that breaks its word to one endpoint, and lets the others wait."""

    repeatable = True

    def __init__(self) -> None:
        self.broken = ""
        self.gate = asyncio.Event()

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        del parcel
        if destination.endpoint_id == self.broken:
            raise ArithmeticError("a channel is to raise nothing")
        await self.gate.wait()
        return Answer(Delivered())


async def test_the_heartbeat_keeps_a_lane_for_as_long_as_its_turn_lasts(
    services: Services, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    receiver.script("/", Reply(held=gate))
    made = await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])
    running = asyncio.create_task(dispatch(services))
    await receiver.wait_for(1)
    before = await lane_of(services, made.endpoint.id)

    async def is_extended() -> bool:
        now = await lane_of(services, made.endpoint.id)
        return bool(now.lease_id == before.lease_id and now.lease_until > before.lease_until)

    await until(is_extended)
    gate.set()
    await running

    (delivery,) = await log_of(services)
    assert (delivery.state, delivery.attempts) == (State.DELIVERED, 1)


async def test_a_heartbeat_that_is_refused_is_repeated_before_the_lease_is_over(
    services: Services, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    receiver.script("/", Reply(held=gate))
    made = await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])
    # As many as come in the time of a lease.
    store = RefusingStore(services, times=3)
    running = asyncio.create_task(dispatch(replace(services, store=store)))
    await receiver.wait_for(1)
    before = await lane_of(services, made.endpoint.id)

    async def is_extended() -> bool:
        return bool((await lane_of(services, made.endpoint.id)).lease_until > before.lease_until)

    await until(is_extended)
    gate.set()
    await running

    assert store.times == 0
    (delivery,) = await log_of(services)
    assert [attempt.outcome for attempt in await tries(services, delivery)] == ["delivered"]


async def test_a_lane_whose_channel_broke_its_word_is_not_held_on_to_with_the_others(
    services: Services, receiver: Receiver
) -> None:
    sender = Breaking()
    services = replace(services, senders={Channel.WEBHOOK: sender})
    kept = (await subscribe(services, receiver.url("/kept"))).endpoint.id
    broken = sender.broken = (await subscribe(services, receiver.url("/broken"))).endpoint.id
    await upgrade_tokens(services, ["a"])
    running = asyncio.create_task(services.dispatcher().run(asyncio.Event()))

    async def both_are_held() -> bool:
        leases = [(await lane_of(services, each)).lease_id for each in (kept, broken)]
        return None not in leases and len(set(leases)) == 1

    await until(both_are_held)
    before = await lane_of(services, kept)

    async def is_extended() -> bool:
        return bool((await lane_of(services, kept)).lease_until > before.lease_until)

    await until(is_extended)
    assert (await lane_of(services, broken)).lease_until == before.lease_until
    sender.gate.set()
    await finished(running)
    log = {one.endpoint_id: one.state for one in await log_of(services)}
    assert log == {kept: State.DELIVERED, broken: State.SENDING}
