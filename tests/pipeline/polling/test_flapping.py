"""A grade that goes to and fro by the hour, polled over a socket and told to a receiver."""

import json
from datetime import timedelta
from typing import Any

from alerts.bootstrap import Services, open_services
from alerts.domain.grades import Kind, TokenId
from alerts.domain.ratings import Rating
from alerts.sources.sandbox.roster import BITCOIN
from alerts.store.ratings import ratings_of
from tests.pipeline.conftest import (
    TurnedClock,
    dispatch,
    fan_out,
    settings_for,
    subscribe,
)
from tests.pipeline.polling.conftest import swept
from tests.pipeline.upstream import Upstream, open_upstream
from tests.receiver import Receiver

HOUR = timedelta(hours=1)


async def pass_hours(
    services: Services, upstream: Upstream, clock: TurnedClock, *, hours: int
) -> None:
    """A sweep later, by our clock and by upstream's calendar, all told that is to be told."""
    upstream.day.advance(hours=hours)
    clock.turn(HOUR)
    await swept(services)
    await fan_out(services)
    await dispatch(services)


def changes(receiver: Receiver) -> list[dict[str, Any]]:
    """What was told of Bitcoin's band."""
    told = [json.loads(seen.body)["data"] for seen in receiver.requests]
    return [data for data in told if data["token"]["id"] == f"sandbox:{BITCOIN}"]


async def held(services: Services) -> Rating:
    token = TokenId(f"sandbox:{BITCOIN}")
    async with services.store.read() as tx:
        return (await ratings_of(tx, [token]))[token][Kind.TRADER]


async def test_a_grade_that_flaps_says_so_once_and_is_told_again_when_it_has_settled(
    sqlite_url: str, clock: TurnedClock, receiver: Receiver
) -> None:
    async with open_upstream(size=60) as upstream:
        settings = settings_for(
            sqlite_url, source="sandbox", trusted_destinations=receiver.destination
        )
        async with open_services(settings, clock=clock, sandbox_url=upstream.url) as services:
            await subscribe(services, receiver.url("/"))
            await pass_hours(services, upstream, clock, hours=18)
            await upstream.switch_on("flap", tokens=[BITCOIN], points=45)
            for _ in range(12):
                await pass_hours(services, upstream, clock, hours=1)

            # There and back twice and once more: after that, silence.
            told = changes(receiver)
            assert ["flapping" in data for data in told] == [False] * 4 + [True]
            rating = await held(services)
            assert rating.is_flapping
            assert rating.rank == told[-1]["to"]["band_rank"]

            await upstream.switch_off()
            for _ in range(5):
                await pass_hours(services, upstream, clock, hours=24)

            said = changes(receiver)
            rating = await held(services)
            policy = services.ladder.policies[Kind.TRADER]
            assert not rating.is_flapping
            assert sum("flapping" in data for data in said) == 1
            assert said[-1]["to"]["band_rank"] == rating.rank
            assert policy.rank_held(rating.rank, rating.score) == rating.rank
