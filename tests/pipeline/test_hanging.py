"""Endpoints that hang, or are sent slowly, hold their own lanes, however many of them there are."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from alerts.bootstrap import Services
from alerts.domain.deliveries import Answer, Channel, Delivered
from alerts.pipeline.claim import MOST_LANES, claim
from alerts.pipeline.dispatch import LANES, MOST_SENDS, room_beside
from alerts.pipeline.turn import IN_FLIGHT, turn_of
from alerts.ports import Destination, Letter
from tests.pipeline.conftest import (
    day,
    fan_out,
    finished,
    push,
    subscribe,
    until,
    upgrade_tokens,
)
from tests.receiver import Receiver

# More than goes at once, and than goes slowly while somebody else is told.
NAMES = [f"t{number}" for number in range(40)]
RATE = 8.0


class Hanging:
    """A channel on which the endpoints that hang answer when the gate opens."""

    repeatable = True

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.hanging: set[str] = set()
        self.sent: Counter[str] = Counter()

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        del parcel
        self.sent[destination.endpoint_id] += 1
        if destination.endpoint_id in self.hanging:
            await self.gate.wait()
        return Answer(Delivered())


async def others_full(services: Services, receiver: Receiver, *, rate: float | None) -> list[str]:
    """As many endpoints as a worker holds lanes, each with more to be told than goes at once."""
    paths = [f"/{number}" for number in range(LANES)]
    made = [await subscribe(services, receiver.url(path), rate_limit=rate) for path in paths]
    await upgrade_tokens(services, NAMES)
    return [each.endpoint.id for each in made]


@pytest.mark.parametrize("rate", [None, RATE], ids=["hanging", "slow"])
async def test_a_worker_full_of_lanes_that_wait_takes_another(
    services: Services, receiver: Receiver, rate: float | None
) -> None:
    sender = Hanging()
    services = replace(services, senders={Channel.WEBHOOK: sender})
    others = await others_full(services, receiver, rate=rate)
    sender.hanging = set() if rate else set(others)
    running = asyncio.create_task(services.dispatcher().run(asyncio.Event()))

    async def all_are_busy() -> bool:
        return len(sender.sent) == LANES

    await until(all_are_busy)
    healthy = (await subscribe(services, receiver.url("/late"))).endpoint.id
    await push(services, day(2), {NAMES[0]: 50.0}, complete=False)
    await fan_out(services)

    async def it_is_told() -> bool:
        return healthy in sender.sent

    await until(it_is_told)
    # None of the others had come to its end meanwhile.
    assert max(sender.sent[each] for each in others) < len(NAMES)
    sender.gate.set()
    await finished(running)


async def test_however_many_hang_sends_in_flight_are_bounded(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await upgrade_tokens(services, NAMES[:1])
    async with services.store.write() as tx:
        (lane,) = await claim(tx, services.rules, limit=1)
    turn = turn_of(lane, began=0.0, lease=services.rules.lease)
    hanging = [replace(turn, in_flight=IN_FLIGHT) for _ in range(MOST_SENDS // IN_FLIGHT)]

    rooms = [room_beside(turns, 1.0, most=MOST_LANES) for turns in (hanging[1:], hanging)]

    assert rooms == [LANES, 0]
