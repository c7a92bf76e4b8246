"""A settlement that waits holds up no other lane's, where the database lets several write."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from alerts.bootstrap import open_services
from alerts.domain.deliveries import Answer, Channel, Delivered, State
from alerts.pipeline.settler import ANSWERS_OF_A_SECOND
from alerts.ports import Destination, Letter
from alerts.store.health import lock_held
from tests.pipeline.conftest import dispatch, log_of, settings_for, subscribe, until, upgrade_tokens
from tests.pipeline.test_lock_order import somebody_waits
from tests.receiver import Receiver

# As many as are on the wire to an endpoint at once: a lane with room for more asks for it with
# whatever is settled next.
NAMES = ["w", "x", "y", "z"]


class Prompted:
    """A repeatable channel that answers when it is told to, endpoint by endpoint."""

    repeatable = True

    def __init__(self) -> None:
        self.open: dict[str, list[asyncio.Future[Answer]]] = {}

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        del parcel
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.open.setdefault(destination.endpoint_id, []).append(answer)
        return await answer

    def deliver(self, endpoint_id: str) -> None:
        """Answer this endpoint's oldest send."""
        self.open[endpoint_id].pop(0).set_result(Answer(Delivered()))


async def test_a_lane_that_cannot_be_settled_yet_holds_up_no_crowd_of_others(
    postgresql_url: str, receiver: Receiver
) -> None:
    settings = settings_for(postgresql_url, trusted_destinations=receiver.destination)
    sender = Prompted()
    async with open_services(settings) as other, open_services(settings) as opened:
        services = replace(opened, senders={Channel.WEBHOOK: sender})
        locked, *free = [
            (await subscribe(services, receiver.url(f"/{number}"))).endpoint.id
            for number in range(1 + ANSWERS_OF_A_SECOND // len(NAMES))
        ]
        await upgrade_tokens(services, NAMES)
        running = asyncio.create_task(dispatch(services))

        async def all_are_on_the_wire() -> bool:
            return [len(sends) for sends in sender.open.values()] == [4] * (1 + len(free))

        async def delivered() -> list[str]:
            ended = [one for one in await log_of(services) if one.state is State.DELIVERED]
            return sorted(one.endpoint_id for one in ended)

        async def free_is_settled() -> bool:
            return await delivered() == sorted(free * 4)

        await until(all_are_on_the_wire)
        async with other.store.write() as tx:
            await lock_held(tx, [locked])
            sender.deliver(locked)
            await until(partial(somebody_waits, services))
            # Of a lane that is being settled: its turn comes afterwards.
            for _ in NAMES[1:]:
                sender.deliver(locked)
            for endpoint_id in free * len(NAMES):
                sender.deliver(endpoint_id)
            await until(free_is_settled)
        await running

        assert await delivered() == sorted([locked, *free] * 4)
