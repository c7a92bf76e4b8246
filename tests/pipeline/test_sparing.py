"""What a chat asked to be spared: quiet hours hold news back, mutes end it."""

from datetime import time, timedelta

import pytest
from sqlalchemy import event

from alerts.bootstrap import Services
from alerts.domain.quiet import QuietHours
from alerts.errors import Conflict, InvalidInput
from alerts.pipeline.chat_life import chat_endpoints
from alerts.pipeline.endpoints import remove
from alerts.pipeline.replay import resend, send_test
from alerts.pipeline.sparing import (
    mute,
    mutes_of,
    set_quiet_hours,
    set_time_zone,
    unmute,
)
from alerts.store.mutes import drop_mutes
from tests.pipeline.chatting import HOUR, chatting
from tests.pipeline.conftest import (
    OpenServices,
    day,
    dispatch,
    fan_out,
    lane_of,
    log_of,
    pass_time,
    push,
    subscribe,
    token,
    upgrade_tokens,
)
from tests.pipeline.digesting import due_at
from tests.receiver import Receiver

HELD = ("pending", "quiet_hours")
MINUTE = timedelta(minutes=1)
NIGHT = QuietHours(time(22), time(7))


async def test_what_comes_in_quiet_hours_waits_for_their_end(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        made = await here.follow()
        await here.be_quiet(2 * HOUR)
        await upgrade_tokens(here.services, ["btc"])
        (before,) = await log_of(here.services)

        await dispatch(here.services)

        (held,) = await log_of(here.services)
        assert here.texts == []
        assert (held.state, held.deferred_reason, held.attempts) == (*HELD, 0)
        assert timedelta(0) <= await here.now() + 2 * HOUR - held.due_at < MINUTE
        assert (await lane_of(here.services, made.id)).due_at == held.due_at
        # It grows no older meanwhile.
        assert 2 * HOUR - MINUTE < held.expires_at - before.expires_at <= 2 * HOUR

        await here.wake_up(2 * HOUR)
        await dispatch(here.services)

        assert len(here.texts) == 1


async def test_a_quiet_longer_than_news_lives_ends_none_of_it(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        await here.follow(time_to_live=12 * HOUR)
        await here.be_quiet(14 * HOUR)
        await upgrade_tokens(here.services, ["btc"])
        await dispatch(here.services)

        await here.wake_up(14 * HOUR)
        await dispatch(here.services)

        assert await here.became() == [("demo:btc", "delivered", "quiet_hours")]


async def test_quiet_hours_that_are_no_more_let_go_of_what_they_held(
    open_with: OpenServices,
) -> None:
    async with chatting(open_with) as here:
        await here.follow()
        await here.be_quiet()
        await upgrade_tokens(here.services, ["btc"])
        (owed,) = await log_of(here.services)
        await dispatch(here.services)

        await here.be_quiet(3 * HOUR)
        await dispatch(here.services)
        assert here.texts == []
        await set_quiet_hours(here.address, None, desk=here.services.desk)
        (freed,) = await log_of(here.services)
        await dispatch(here.services)

        assert len(here.texts) == 1
        # It is no younger than the minutes that it was held for.
        assert timedelta(0) <= freed.expires_at - owed.expires_at < MINUTE


async def test_tests_and_what_is_resent_by_hand_come_in_quiet_hours_too(
    open_with: OpenServices,
) -> None:
    async with chatting(open_with) as here:
        services = here.services
        made = await here.follow()
        await upgrade_tokens(services, ["btc"])
        await dispatch(services)
        (told,) = await log_of(services)
        await here.be_quiet()
        await mute(here.address, await here.now() + HOUR, desk=services.desk)

        await send_test(made.id, app_id=None, store=services.store, waker=services.waker)
        await pass_time(services, MINUTE)
        await dispatch(services)
        assert len(here.texts) == 2
        await resend(told.id, app_id=None, store=services.store, waker=services.waker)
        await pass_time(services, MINUTE)
        await dispatch(services)

        assert len(here.texts) == 3


async def test_a_change_that_was_reversed_in_quiet_hours_is_told_as_such_after_them(
    open_with: OpenServices,
) -> None:
    async with chatting(open_with) as here:
        await here.follow()
        await here.be_quiet()
        for number, score in enumerate((50, 95, 50)):
            await push(here.services, day(number), {"btc": score})
            await fan_out(here.services)
            await dispatch(here.services)

        assert await here.became() == [("demo:btc", *HELD)] * 2

        await here.wake_up(2 * HOUR)
        await dispatch(here.services)

        (text,) = here.texts
        assert text.startswith("While you were away (")
        assert "BTC was upgraded to Strong Buy and is back at Neutral" in text
        assert await here.became() == [("demo:btc", "delivered", "quiet_hours")] * 2


async def test_what_is_muted_is_skipped_and_a_mute_that_is_lifted_brings_nothing_back(
    open_with: OpenServices,
) -> None:
    async with chatting(open_with) as here:
        desk = here.services.desk
        await here.follow()
        until = await here.now() + HOUR
        await mute(here.address, until, token=token("btc"), desk=desk)
        assert await mutes_of(here.address, desk=desk) == [(token("btc"), until)]
        await upgrade_tokens(here.services, ["btc", "eth"])
        await dispatch(here.services)

        assert await unmute(here.address, token=token("btc"), desk=desk)
        await dispatch(here.services)

        assert await here.became() == [
            ("demo:btc", "muted", None),
            ("demo:eth", "delivered", None),
        ]
        assert not await unmute(here.address, token=token("btc"), desk=desk)
        assert await mutes_of(here.address, desk=desk) == []


async def test_everything_is_muted_until_then_and_no_longer(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        desk = here.services.desk
        await here.follow()
        await mute(here.address, await here.now() + HOUR, desk=desk)
        await upgrade_tokens(here.services, ["btc"])
        await dispatch(here.services)
        # Of the same thing there is one mute, the last.
        await mute(here.address, await here.now(), desk=desk)
        await upgrade_tokens(here.services, ["eth"], since=2)
        await dispatch(here.services)

        assert await here.became() == [
            ("demo:btc", "muted", None),
            ("demo:eth", "delivered", None),
        ]


async def test_what_is_muted_in_quiet_hours_is_not_told_after_them(
    open_with: OpenServices,
) -> None:
    async with chatting(open_with) as here:
        desk = here.services.desk
        await here.follow()
        await here.be_quiet()
        await mute(here.address, await here.now() + HOUR, token=token("btc"), desk=desk)
        await upgrade_tokens(here.services, ["btc", "eth"])

        await dispatch(here.services)

        assert await here.became() == [("demo:btc", "muted", None), ("demo:eth", *HELD)]


async def test_webhooks_pay_nothing_for_what_chats_can_ask(
    services: Services, receiver: Receiver
) -> None:
    await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["btc"])
    said: list[str] = []
    engine = services.store.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *given: said.append(given[2]))

    await dispatch(services)

    assert len(receiver.requests) == 1
    assert [one for one in said if "mutes" in one or "deferred_reason =" in one] == []


async def test_a_chat_s_mutes_go_with_it_and_when_they_are_over(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        desk = here.services.desk
        made = await here.follow()
        now = await here.now()
        await mute(here.address, now - HOUR, desk=desk)
        await mute(here.address, now + HOUR, token=token("btc"), desk=desk)

        async with here.services.store.write() as tx:
            assert await drop_mutes(tx, now, 10) == 1
        await remove(made.id, app_id=None, desk=desk)
        async with here.services.store.write() as tx:
            assert await drop_mutes(tx, now + 2 * HOUR, 10) == 0


async def test_quiet_hours_want_a_zone_that_exists_and_an_end(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        desk = here.services.desk
        await here.follow()
        with pytest.raises(Conflict, match="choose a time zone"):
            await set_quiet_hours(here.address, NIGHT, desk=desk)
        with pytest.raises(InvalidInput) as refused:
            await set_time_zone(here.address, "Europe/Nowhere", desk=desk)
        assert refused.value.field == "time_zone"

        (zoned,) = await set_time_zone(here.address, "Europe/Berlin", desk=desk)
        (quiet,) = await set_quiet_hours(here.address, NIGHT, desk=desk)
        with pytest.raises(InvalidInput):
            await set_quiet_hours(here.address, QuietHours(time(7), time(7)), desk=desk)

        assert (zoned.time_zone, zoned.quiet_hours) == ("Europe/Berlin", None)
        assert await chat_endpoints(here.address, desk=desk) == [quiet]
        assert (quiet.time_zone, quiet.quiet_hours) == ("Europe/Berlin", NIGHT)


async def test_the_digest_that_a_chat_set_up_goes_by_its_zone(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        made = await here.follow(digest={"weekday": 1, "hour": 9, "time_zone": "UTC"})
        before = await due_at(here.services, made)

        await set_time_zone(here.address, "Asia/Tokyo", desk=here.services.desk)

        after = await due_at(here.services, made)
        assert (before.hour, after.hour) == (9, 0)


async def test_an_app_s_endpoint_is_spared_what_the_chat_was_spared_before(
    open_with: OpenServices,
) -> None:
    async with chatting(open_with) as here:
        desk = here.services.desk
        await here.follow("demo:eth")
        await here.be_quiet()
        await mute(here.address, await here.now() + HOUR, token=token("btc"), desk=desk)

        opened = await here.open_link("app")

        (own, other) = await chat_endpoints(here.address, desk=desk)
        assert other == opened
        assert (other.time_zone, other.quiet_hours) == ("UTC", own.quiet_hours)
        await upgrade_tokens(here.services, ["btc", "eth"])
        await dispatch(here.services)
        assert sorted(await here.became()) == [
            ("demo:btc", "muted", None),
            ("demo:eth", *HELD),
            ("demo:eth", *HELD),
        ]
