"""An endpoint's week: summed up, owed, and told once."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from alerts.bootstrap import Services, open_services
from alerts.domain.deliveries import State
from alerts.domain.digests import Section
from alerts.domain.grades import TokenId
from alerts.domain.ids import HOUSE_APP
from alerts.errors import Conflict
from alerts.store.tables import digests
from tests.pipeline.conftest import (
    OpenServices,
    TurnedClock,
    day,
    log_of,
    push,
    settings_for,
    subscribe,
    token,
)
from tests.pipeline.digesting import (
    WEEK,
    a_week_of_changes,
    digested,
    due_at,
    event_of,
    tell,
    told,
    trader,
)
from tests.pipeline.owed import announced
from tests.receiver import Receiver


async def test_a_week_is_told_net_to_its_endpoint_alone(
    services: Services, receiver: Receiver
) -> None:
    endpoint = await digested(services, receiver)
    await a_week_of_changes(services)
    due = await due_at(services, endpoint)

    (record,) = await tell(services, due)

    kind = await trader(services, record)
    (up,), (down,), (back,) = kind.upgrades.lines, kind.downgrades.lines, kind.returned.lines
    assert (up.token.id, up.notches, up.moves) == (token("up"), 2, 2)
    assert (down.token.id, down.notches) == (token("down"), -1)
    assert (back.token.id, back.notches, back.moves) == (token("there_and_back"), 0, 2)
    assert up.before is not None
    assert up.after is not None
    assert (up.before.score, up.after.score) == (5000, 9000)
    assert kind.tokens == sum(kind.shares_after) == 4
    event = await event_of(services, record)
    assert event.audience_id == endpoint.id
    (delivery,) = await log_of(services, endpoint.id)
    assert (delivery.event_id, delivery.state) == (event.id, State.PENDING)
    assert await tell(services, due) == []
    assert await due_at(services, endpoint) == due + WEEK


async def test_the_digest_arrives_signed_like_any_event(
    services: Services, receiver: Receiver
) -> None:
    endpoint = await digested(services, receiver)
    await a_week_of_changes(services)
    (record,) = await tell(services, await due_at(services, endpoint))

    await services.dispatcher().run_until_idle()

    (arrived,) = receiver.requests
    body = json.loads(arrived.body)
    assert (body["type"], body["id"]) == ("digest.weekly", record.event_id)
    assert body["data"]["period"] == record.period


async def test_each_week_takes_up_where_the_last_one_ended(
    services: Services, receiver: Receiver
) -> None:
    endpoint = await digested(services, receiver)
    await a_week_of_changes(services)
    due = await due_at(services, endpoint)
    (first,) = await tell(services, due)
    await push(services, day(3), {"up": 10, "down": 35, "there_and_back": 50, "still": 54})

    (second,) = await tell(services, due + WEEK)

    assert second.from_sequence == first.through_sequence
    assert second.weeks == 1
    kind = await trader(services, second)
    assert [line.token.id for line in kind.downgrades.lines] == [token("up")]
    assert kind.upgrades.total == 0


async def test_what_was_told_and_turned_out_wrong_is_corrected_by_the_next_digest(
    services: Services, receiver: Receiver
) -> None:
    endpoint = await digested(services, receiver)
    await announced(services)
    due = await due_at(services, endpoint)
    (first,) = await tell(services, due)
    assert (await trader(services, first)).upgrades.total == 1
    await push(services, day(1), {"a": 55})

    (second,) = await tell(services, due + WEEK)

    kind = await trader(services, second)
    (wrong,) = kind.corrections.lines
    assert wrong.before is not None
    assert wrong.after is not None
    assert (wrong.token.id, wrong.before.band, wrong.after.band) == (token("a"), "Buy", "Neutral")
    assert wrong.after.score == 5500


async def test_weeks_that_were_missed_are_one_digest_that_says_so(
    services: Services, receiver: Receiver
) -> None:
    endpoint = await digested(services, receiver)
    await a_week_of_changes(services)
    due = await due_at(services, endpoint)

    (record,) = await tell(services, due + 2 * WEEK + timedelta(days=3))

    digest = await told(services, record)
    assert digest.weeks == 3
    assert digest.ends_at == due + 2 * WEEK
    assert digest.starts_at == due - WEEK
    assert await due_at(services, endpoint) == due + 3 * WEEK


@pytest.mark.parametrize("when_empty", ["skip", "say"])
async def test_a_week_without_changes_is_passed_over_or_said(
    services: Services, receiver: Receiver, when_empty: str
) -> None:
    endpoint = await digested(services, receiver, when_empty=when_empty)

    (record,) = await tell(services, await due_at(services, endpoint))

    assert (record.event_id is not None) == (when_empty == "say")
    assert len(await log_of(services, endpoint.id)) == (when_empty == "say")


async def test_two_schedulers_at_once_tell_a_week_once(
    open_with: OpenServices, receiver: Receiver
) -> None:
    first, second = await open_with(), await open_with()
    endpoint = await digested(first, receiver)
    await a_week_of_changes(first)
    due = await due_at(first, endpoint)

    runs = [services.digest_run(at=due) for services in (first, second, first, second)]
    found = await asyncio.gather(*(run.tell(endpoint.id) for run in runs))

    assert len([record for record in found if record is not None]) == 1
    assert len(await log_of(first, endpoint.id)) == 1
    async with first.store.read() as tx:
        assert len((await tx.connection.execute(select(digests))).all()) == 1


async def test_a_preview_is_what_will_be_told(services: Services, receiver: Receiver) -> None:
    endpoint = await digested(services, receiver)
    await a_week_of_changes(services)

    week, body = await services.digest_run().preview(endpoint.id, app_id=HOUSE_APP)

    due = await due_at(services, endpoint)
    (record,) = await tell(services, due)
    assert week.window.ends_at == due
    assert json.loads(body)["data"] == json.loads((await event_of(services, record)).body)["data"]
    assert json.loads(body)["id"] == record.event_id


async def test_there_is_no_preview_where_there_is_no_digest(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())

    with pytest.raises(Conflict):
        await services.digest_run().preview(made.endpoint.id, app_id=HOUSE_APP)


async def test_a_late_run_tells_the_week_as_it_was(sqlite_url: str, receiver: Receiver) -> None:
    clock = TurnedClock(datetime(2026, 1, 5, 12, tzinfo=UTC))
    settings = settings_for(sqlite_url, trusted_destinations=receiver.destination)
    async with open_services(settings, clock=clock) as services:
        endpoint = await digested(services, receiver)
        await push(services, clock.at, {"a": 50, "b": 50, "c": 50})
        clock.turn(timedelta(days=2))
        await push(services, clock.at, {"a": 70, "b": 52, "c": 50})
        clock.turn(WEEK)
        await push(services, clock.at, {"a": 10, "b": 75, "c": 48})

        (record,) = await tell(services, clock.at)

        kind = await trader(services, record)
        assert record.scheduled_at == datetime(2026, 1, 12, 8, tzinfo=UTC)
        assert ends(kind.upgrades) == {token("a"): 7000}
        assert ends(kind.highest) == {token("a"): 7000, token("b"): 5200, token("c"): 5000}
        assert (kind.downgrades.total, kind.stale.total) == (0, 0)
        assert kind.shares_after == (0, 0, 2, 1, 0)
        assert await due_at(services, endpoint) == record.scheduled_at + WEEK


def ends(section: Section) -> dict[TokenId, int]:
    return {line.token.id: line.after.score for line in section.lines if line.after is not None}


async def test_nothing_is_late_yet_where_a_week_is_looked_at_before_its_end(
    sqlite_url: str, receiver: Receiver
) -> None:
    clock = TurnedClock(datetime(2026, 1, 6, 12, tzinfo=UTC))
    settings = settings_for(sqlite_url, trusted_destinations=receiver.destination)
    async with open_services(settings, clock=clock) as services:
        endpoint = await digested(services, receiver)
        await push(services, clock.at, {"a": 50})
        clock.turn(timedelta(hours=1))
        await push(services, clock.at, {"a": 70})

        early, _ = await services.digest_run().preview(endpoint.id, app_id=HOUSE_APP)
        clock.turn(timedelta(days=3))
        late, _ = await services.digest_run().preview(endpoint.id, app_id=HOUSE_APP)

    stale = [[kind.stale.total for kind in week.digest.kinds] for week in (early, late)]
    assert [sum(totals) for totals in stale] == [0, 1]
