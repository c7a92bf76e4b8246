"""Workers that are lost, and what they leave behind."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerts.bootstrap import Services
from alerts.domain.deliveries import Answer, Channel, Delivered
from alerts.pipeline.claim import ClaimedLane, claim
from alerts.ports import Destination, Letter
from alerts.store.deliveries import DeliveryRecord
from alerts.store.outbox import start
from tests.pipeline.conftest import (
    tries,
)

LEASE_OVER = timedelta(seconds=46)
NAMES = [f"t{number}" for number in range(10)]


class LeapingClock:
    """The machine's clock, whose monotonic seconds leap ahead when told to."""

    def __init__(self) -> None:
        self.leapt = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.leapt


class OnceOnly:
    """A channel whose receivers can't tell a repeat; each send waits for its turn to be let go."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.gate = asyncio.Event()

    @property
    def repeatable(self) -> bool:
        return False

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        del destination
        self.sent += [letter.delivery_id for letter in parcel]
        await self.gate.wait()
        return Answer(Delivered("message-1"))


def over(services: Services, sender: OnceOnly) -> Services:
    """The same services, sending webhooks over a channel that can't tell repeats."""
    rules = replace(services.rules, repeatable=frozenset[Channel]())
    return replace(services, senders={Channel.WEBHOOK: sender}, rules=rules)


async def abandon(services: Services) -> list[ClaimedLane]:
    """A worker that claims, begins, suspects too, and is never heard of again."""
    async with services.store.write() as tx:
        claimed = await claim(tx, services.rules, limit=10)
        for lane in claimed if services.rules.repeatable else ():
            suspects = [one for parcel in lane.parcels if parcel.is_suspect for one in parcel.ids]
            await start(tx, suspects, lease_id=lane.lease_id)
    return claimed


async def outcomes(services: Services, delivery: DeliveryRecord) -> list[tuple[int, str]]:
    return [(attempt.number, attempt.outcome) for attempt in await tries(services, delivery)]
