"""Endpoints change while something is on its way to them: nothing is lost or held too long."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import select

from alerts.bootstrap import Services
from alerts.domain.deliveries import SkipReason, State
from alerts.domain.events import SUBSCRIBABLE
from alerts.domain.subscriptions import Filter
from alerts.pipeline.endpoints import Made, change_endpoint, enable, pause
from alerts.store.tables import subscriptions
from tests.pipeline.conftest import (
    dispatch,
    fan_out,
    lane_of,
    log_of,
    subscribe,
    token,
    upgrade_tokens,
)
from tests.pipeline.owed import upgrade
from tests.receiver import Receiver, Reply

BUSY = Reply(503, {"retry-after": "3600"})
BIG_CHANGES = Filter(min_delta=1000)


async def test_what_is_not_begun_yet_goes_to_the_new_url(
    services: Services, receiver: Receiver
) -> None:
    gate = asyncio.Event()
    receiver.script("/old", Reply(held=gate))
    made = await subscribe(services, receiver.url("/old"))
    await upgrade_tokens(services, [f"t{number}" for number in range(20)])
    running = asyncio.create_task(dispatch(services))
    await receiver.wait_for(4)

    await change_endpoint(
        made.endpoint.id,
        lambda endpoint: endpoint,
        app_id=None,
        desk=services.desk,
        url=receiver.url("/new"),
    )
    gate.set()
    await running

    sent = Counter(request.path for request in receiver.requests)
    # Four were on the wire, and as many ready to follow.
    assert 4 <= sent["/old"] <= 8
    assert sent["/new"] == 20 - sent["/old"]
    assert {one.state for one in await log_of(services)} == {State.DELIVERED}


async def test_a_new_url_is_not_held_back_by_what_the_old_one_asked(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/busy", BUSY)
    made = await subscribe(services, receiver.url("/busy"))
    await upgrade_tokens(services, ["a", "b", "c"])
    await dispatch(services)
    assert (await lane_of(services, made.endpoint.id)).held_until is not None

    await change_endpoint(
        made.endpoint.id,
        lambda old: old,
        app_id=None,
        desk=services.desk,
        url=receiver.url("/fresh"),
    )
    await dispatch(services)

    assert {one.state for one in await log_of(services)} == {State.DELIVERED}
    assert len(receiver.at("/fresh")) == 3


async def test_an_endpoint_that_is_enabled_is_not_held_back_by_what_it_asked_before(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", BUSY, Reply())
    made = await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])
    await dispatch(services)
    await pause(made.endpoint.id, app_id=None, desk=services.desk)

    await enable(made.endpoint.id, app_id=None, desk=services.desk)
    await upgrade_tokens(services, ["b"], since=2)
    await dispatch(services)

    _, fresh = await log_of(services)
    assert fresh.state is State.DELIVERED


async def ask_for_more(made: Made, services: Services) -> None:
    wider = Filter(types=frozenset(SUBSCRIBABLE))
    await _change(made, services, wider, tokens=None)


async def ask_for_smaller_changes(made: Made, services: Services) -> None:
    await _change(made, services, Filter(tokens=(token("a"),)))


async def pause_and_enable(made: Made, services: Services) -> None:
    await pause(made.endpoint.id, app_id=None, desk=services.desk)
    await enable(made.endpoint.id, app_id=None, desk=services.desk)


@pytest.mark.parametrize("change", [ask_for_more, ask_for_smaller_changes, pause_and_enable])
async def test_what_was_wanted_before_a_change_is_owed_though_it_is_fanned_out_after_it(
    services: Services, receiver: Receiver, change: Callable[[Made, Services], Awaitable[None]]
) -> None:
    made = await subscribe(services, receiver.url(), wanted=BIG_CHANGES, tokens=["demo:a"])
    await upgrade(services, "a", "b")

    await change(made, services)
    await fan_out(services)
    await dispatch(services)

    log = await log_of(services)
    assert [(one.token, one.state) for one in log] == [(token("a"), State.DELIVERED)]


async def test_what_came_during_a_pause_was_missed_though_it_is_fanned_out_after_it(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())
    await pause(made.endpoint.id, app_id=None, desk=services.desk)
    await upgrade(services, "a")

    await enable(made.endpoint.id, app_id=None, desk=services.desk)
    await fan_out(services)
    await upgrade_tokens(services, ["b"], since=2)
    await dispatch(services)

    missed, fresh = await log_of(services)
    assert (missed.state, missed.reason) == (State.SKIPPED, SkipReason.PAUSED)
    assert fresh.state is State.DELIVERED


async def _change(
    made: Made, services: Services, wanted: Filter, *, tokens: Sequence[str] | None = ()
) -> None:
    await change_endpoint(
        made.endpoint.id,
        lambda old: replace(old, filter=wanted),
        app_id=None,
        desk=services.desk,
        tokens=tokens,
    )


async def test_one_token_more_or_less_leaves_the_rows_of_all_others_as_they_are(
    services: Services, receiver: Receiver
) -> None:
    names = [f"t{number}" for number in range(50)]
    made = await subscribe(services, receiver.url(), tokens=[token(name) for name in names])
    before = await _rows(services)

    await _change(made, services, Filter(tokens=tuple(map(token, [*names, "more"]))))
    await _change(made, services, Filter(tokens=tuple(map(token, [*names[1:], "more"]))))
    after = await _rows(services)

    assert len(before) == len(after) == 2 * len(names)
    gone = {identity for identity, named in before.items() if named == token(names[0])}
    assert before.keys() - after.keys() == gone
    assert [after[identity] for identity in after.keys() - before.keys()] == [token("more")] * 2


async def _rows(services: Services) -> dict[int, str]:
    """Tokens by the row they stand in."""
    query = select(subscriptions.c.id, subscriptions.c.token)
    async with services.store.read() as tx:
        return {row.id: row.token for row in await tx.connection.execute(query)}
