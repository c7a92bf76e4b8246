"""Our own way out is down for days: no endpoint is closed for it, and the operator is told."""

import json
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from alerts.bootstrap import Services
from alerts.domain.deliveries import EndpointState
from alerts.domain.events import EventType
from alerts.domain.health import CLOSED_AFTER, CLOSED_AT, WARNED_AFTER, WARNED_AT, Health
from alerts.store.endpoints import list_endpoints
from alerts.store.health import read_health, write_health
from tests.channels.names import PUBLIC
from tests.pipeline.conftest import (
    OpenServices,
    dispatch,
    feed,
    pass_time,
    subscribe,
    upgrade_tokens,
)
from tests.receiver import Receiver, Reply

HOUR = timedelta(hours=1)


class Outage:
    """A name server that is out of reach once `is_on`."""

    def __init__(self) -> None:
        self.is_on = False

    def __call__(self, _host: str) -> Sequence[str]:
        if self.is_on:
            raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")
        return [PUBLIC]


async def tried_once(services: Services, outage: Outage, *, unreachable: int) -> None:
    """Endpoints outside, none of which could be reached once; how long ago, nobody remembers."""
    for number in range(unreachable):
        await subscribe(services, f"https://outside{number}.example/hook")
    outage.is_on = True
    await upgrade_tokens(services, ["a"])
    await dispatch(services)


async def fail_for_days(services: Services) -> None:
    """Each endpoint has failed for as long as one may, and is tried once more."""
    long_ago = datetime.now(UTC) - CLOSED_AFTER - HOUR
    await fail_once_more(
        services,
        Health(
            recent=1 << CLOSED_AT,
            failing_since=long_ago,
            failing_attempts=CLOSED_AT,
            warned_at=long_ago,
        ),
    )


async def fail_half_way(services: Services) -> None:
    """Each endpoint has failed for half of that, and is tried once more."""
    since = datetime.now(UTC) - WARNED_AFTER - HOUR
    half_way = Health(recent=1 << WARNED_AT, failing_since=since, failing_attempts=WARNED_AT)
    await fail_once_more(services, half_way)


async def fail_once_more(services: Services, nearly: Health) -> None:
    async with services.store.write() as tx:
        ids = [one.id for one in await list_endpoints(tx, app_id=None, before=None, limit=100)]
        await write_health(tx, dict.fromkeys(ids, nearly))
    await pass_time(services, HOUR)
    await dispatch(services)


async def states(services: Services) -> list[EndpointState]:
    async with services.store.read() as tx:
        found = await list_endpoints(tx, app_id=None, before=None, limit=100)
    return [one.state for one in reversed(found)]


async def test_where_nobody_can_be_reached_nobody_is_closed_and_it_is_said(
    open_with: OpenServices, capfd: pytest.CaptureFixture[str]
) -> None:
    outage = Outage()
    services = await open_with(lookup=outage)
    await tried_once(services, outage, unreachable=3)
    capfd.readouterr()

    await fail_for_days(services)

    assert await states(services) == [EndpointState.ACTIVE] * 3
    said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    spared = [line for line in said if line["event"] == "endpoint.spared"]
    assert [(line["tried"], line["answering"]) for line in spared] == [(3, 0)] * 3
    # Each has the time again that it was given with the first word, so it is not said at each try.
    await pass_time(services, HOUR)
    await dispatch(services)
    assert "endpoint.spared" not in capfd.readouterr().err
    async with services.store.read() as tx:
        health = await read_health(tx, [line["endpoint"] for line in spared])
    assert all(one.warned_at is not None for one in health.values())


@pytest.mark.parametrize("answers", [False, True], ids=["nobody answers", "others answer"])
async def test_half_way_an_app_is_told_only_where_others_answer(
    open_with: OpenServices, receiver: Receiver, *, answers: bool
) -> None:
    outage = Outage()
    services = await open_with(lookup=outage)
    if answers:
        receiver.script("/busy", Reply(503))
        await subscribe(services, receiver.url("/busy"))
    await tried_once(services, outage, unreachable=3)

    await fail_half_way(services)

    told = [one for one in await feed(services) if one.type is EventType.ENDPOINT_FAILING]
    assert len(told) == (4 if answers else 0)
    async with services.store.read() as tx:
        ids = [one.id for one in await list_endpoints(tx, app_id=None, before=None, limit=100)]
        health = (await read_health(tx, ids)).values()
    assert [one.warned_at is not None for one in health] == [answers] * len(ids)
    # It failed all the same, and is asked about again after as many attempts.
    assert all(one.failing_since is not None for one in health)
    assert [one.failing_attempts >= WARNED_AT for one in health] == [answers] * len(ids)


async def test_where_others_answer_it_is_the_endpoint_s_own_fault(
    open_with: OpenServices, receiver: Receiver
) -> None:
    outage = Outage()
    services = await open_with(lookup=outage)
    receiver.script("/busy", Reply(503))
    await subscribe(services, receiver.url("/busy"))
    await tried_once(services, outage, unreachable=3)

    await fail_for_days(services)

    assert await states(services) == [EndpointState.DISABLED] * 4


async def test_of_two_endpoints_alone_nobody_can_tell(open_with: OpenServices) -> None:
    outage = Outage()
    services = await open_with(lookup=outage)
    await tried_once(services, outage, unreachable=2)

    await fail_for_days(services)

    assert await states(services) == [EndpointState.DISABLED] * 2
