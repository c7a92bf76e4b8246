"""What a fault comes to over several sweeps: who is told what, how often, and what is kept."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from alerts.bootstrap import Services
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.pipeline.poll import ask_anew
from alerts.ports import SourceState
from alerts.sources.sandbox.roster import BITCOIN, ETHEREUM
from alerts.store.tokens import find_token
from tests.pipeline.conftest import TurnedClock, feed
from tests.pipeline.polling.conftest import TOKENS, OpenAsking, ratings, swept_by, told
from tests.pipeline.polling.raw import RawUpstream
from tests.pipeline.upstream import Upstream, open_upstream, poll_once, state_of

BTC, ETH = f"token_metrics:{BITCOIN}", f"token_metrics:{ETHEREUM}"
BAND_CHANGES = {EventType.UPGRADED, EventType.DOWNGRADED}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """One page, some days after the first."""
    async with open_upstream(size=TOKENS) as running:
        running.day.advance(15)
        yield running


async def said(services: Services) -> list[dict[str, Any]]:
    return [json.loads(event.body) for event in await feed(services)]


async def test_a_key_that_was_rotated_is_told_once_not_hammered_and_a_new_one_goes_on(
    timed: Services, upstream: Upstream, clock: TurnedClock, ask_with: OpenAsking
) -> None:
    old, new = await ask_with(), await ask_with(api_key="tm-new")
    await swept_by(timed, old, clock)
    await upstream.switch_on("auth-rotate", key="tm-new")
    for _ in range(6):
        clock.turn(timedelta(minutes=10))
        await poll_once(timed, plan=old)
    assert await upstream.requests() <= 3
    assert await told(timed) == [EventType.SOURCE_FAILING]

    await ask_anew(Kind.TRADER, store=timed.store, plan=new)
    await swept_by(timed, new, clock)

    assert (await state_of(timed, source=new.source.name)).state is SourceState.OK
    assert await told(timed) == [EventType.SOURCE_FAILING, EventType.SOURCE_RECOVERED]


async def test_a_clock_that_is_off_is_shown_and_decides_nothing(
    timed: Services, upstream: Upstream, clock: TurnedClock, ask_with: OpenAsking
) -> None:
    plan = await ask_with()
    await swept_by(timed, plan, clock)
    before = (await state_of(timed, source=plan.source.name)).clock_skew_seconds
    assert before is not None
    await upstream.switch_on("clock-skew", skew_seconds=172_800)

    await swept_by(timed, plan, clock)

    after = (await state_of(timed, source=plan.source.name)).clock_skew_seconds
    assert after is not None
    # Our own clock was turned by an hour meanwhile.
    assert abs(after - before - (172_800 - 3600)) <= 60
    assert await told(timed) == []


async def test_a_redirect_takes_the_key_nowhere(
    timed: Services, upstream: Upstream, clock: TurnedClock, ask_with: OpenAsking, raw: RawUpstream
) -> None:
    plan = await ask_with()
    raw.grades({1: 50})
    await upstream.switch_on("redirect", location=f"{raw.url}/v2/tm-grade")

    await swept_by(timed, plan, clock)

    assert raw.requests == []
    detail = (await state_of(timed, source=plan.source.name)).detail
    assert detail is not None
    assert "a redirect to 127.0.0.1, not followed" in detail


async def test_labels_change_under_their_ids_and_that_is_no_news(
    timed: Services, upstream: Upstream, clock: TurnedClock, ask_with: OpenAsking
) -> None:
    plan = await ask_with()
    await swept_by(timed, plan, clock)
    before = await ratings(timed)
    await upstream.switch_on("symbol-swap", tokens=[BITCOIN, ETHEREUM])

    await swept_by(timed, plan, clock)

    async with timed.store.read() as tx:
        found = [await find_token(tx, token) for token in (BTC, ETH)]
    assert [token.symbol for token in found if token is not None] == ["ETH", "BTC"]
    assert await ratings(timed) == before
    assert await told(timed) == []


async def test_what_is_said_for_a_month_after_a_rename_uses_both_symbols(
    timed: Services, upstream: Upstream, clock: TurnedClock, ask_with: OpenAsking
) -> None:
    plan = await ask_with()
    await swept_by(timed, plan, clock)
    await upstream.switch_on("rename", tokens=[BITCOIN], symbol="XBT", name="Other")
    await upstream.switch_on("restate", tokens=[BITCOIN], points=45)

    await swept_by(timed, plan, clock)

    token = {"id": BTC, "symbol": "XBT", "name": "Other", "formerly": "BTC"}
    assert [event["data"]["token"] for event in await said(timed)] == [token]

    clock.turn(timedelta(days=31))
    await upstream.switch_off()
    await upstream.switch_on("rename", tokens=[BITCOIN], symbol="XBT", name="Other")
    await swept_by(timed, plan, clock)

    (_, event) = await said(timed)
    assert event["data"]["token"] == {"id": BTC, "symbol": "XBT", "name": "Other"}


async def test_a_day_that_is_restated_is_told_once_and_its_correction_names_what_it_revises(
    timed: Services, upstream: Upstream, clock: TurnedClock, ask_with: OpenAsking
) -> None:
    plan = await ask_with()
    await swept_by(timed, plan, clock)
    await upstream.switch_on("restate", tokens=[BITCOIN], points=45)
    for _ in range(3):
        await swept_by(timed, plan, clock)
    await upstream.switch_off()
    for _ in range(3):
        await swept_by(timed, plan, clock)

    first, second = await said(timed)
    assert {first["type"], second["type"]} <= BAND_CHANGES
    assert first["type"] != second["type"]
    assert (first["data"]["revises"], second["data"]["revises"]) == (None, first["id"])


async def test_a_grade_that_flaps_within_its_margin_is_told_to_nobody(
    timed: Services, upstream: Upstream, clock: TurnedClock, ask_with: OpenAsking
) -> None:
    plan = await ask_with()
    await swept_by(timed, plan, clock)
    await upstream.switch_on("flap", points=2)

    for _ in range(6):
        upstream.day.advance(hours=1)
        await swept_by(timed, plan, clock)

    assert await told(timed) == []


async def test_a_mass_that_moves_at_once_says_so_in_each_of_its_events(
    timed: Services, upstream: Upstream, clock: TurnedClock, ask_with: OpenAsking
) -> None:
    plan = await ask_with()
    await swept_by(timed, plan, clock)
    await upstream.switch_on("mass-move", points=45, percent=60)

    await swept_by(timed, plan, clock)

    found = await said(timed)
    changed = [event for event in found if event["type"] in BAND_CHANGES]
    mass = found[0]["data"]["cycle"]["mass_move"]
    assert mass["tokens"] == TOKENS
    assert mass["upgraded"] + mass["downgraded"] == len(changed) >= 18
    assert all(event["data"]["cycle"]["mass_move"] == mass for event in found)


async def test_days_that_are_missing_come_to_one_net_change_a_token(
    timed: Services, upstream: Upstream, clock: TurnedClock, ask_with: OpenAsking
) -> None:
    plan = await ask_with()
    await swept_by(timed, plan, clock)
    start, before = upstream.day.now, await ratings(timed)
    gap = {"since": start.isoformat(), "until": (start + timedelta(days=3)).isoformat()}
    await upstream.switch_on("date-gap", **gap)
    for _ in range(2):
        upstream.day.advance(1)
        await swept_by(timed, plan, clock)
        assert await told(timed) == []
    upstream.day.advance(2)

    await swept_by(timed, plan, clock)

    found = [event for event in await said(timed) if event["type"] in BAND_CHANGES]
    after = await ratings(timed)
    moved = {token for token, held in before.items() if after[token].rank != held.rank}
    assert moved
    assert sorted(event["data"]["token"]["id"] for event in found) == sorted(moved)


async def test_unheard_of_labels_are_carried_and_decide_nothing(
    timed: Services, upstream: Upstream, clock: TurnedClock, ask_with: OpenAsking
) -> None:
    plan = await ask_with()
    await swept_by(timed, plan, clock)
    await upstream.switch_on("new-signal")

    await swept_by(timed, plan, clock)

    assert {rating.label for rating in (await ratings(timed)).values()} == {"Unheard Of"}
    assert await told(timed) == []


async def test_every_request_can_be_quoted_to_upstream(
    timed: Services, upstream: Upstream, clock: TurnedClock, ask_with: OpenAsking
) -> None:
    plan = await ask_with()
    with capture_logs() as lines:
        await swept_by(timed, plan, clock)
        await upstream.switch_on("200-html", count=1)
        await swept_by(timed, plan, clock)

    asked = [line for line in lines if "request_id" in line]
    assert [(line["event"], line["request_id"]) for line in asked] == [
        ("source.polled", "sandbox-00000001"),
        ("source.troubled", "sandbox-00000002"),
    ]
    detail = (await state_of(timed, source=plan.source.name)).detail
    assert detail is not None
    assert "request id sandbox-00000002" in detail
