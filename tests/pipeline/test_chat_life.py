"""All endpoints that a chat is go the same way: paused, closed, removed, moved."""

import pytest

from alerts.channels.telegram_address import TelegramChat
from alerts.domain.channels import TELEGRAM_POOL
from alerts.domain.deliveries import DisableReason, EndpointState, State
from alerts.pipeline.chat_life import (
    chat_endpoints,
    move_chat,
    pause_chat,
    resume_chat,
)
from alerts.pipeline.chats import create_chat
from alerts.pipeline.claim import claim
from alerts.pipeline.endpoints import Wish
from alerts.pipeline.move import move
from alerts.pipeline.places import Place, close_places
from alerts.pipeline.sparing import mute, mutes_of
from alerts.store.endpoints import EndpointRecord
from alerts.store.fan_out import lock_lanes
from alerts.store.outbox import start
from tests.pipeline.chatting import HOUR, Chatting, chatting
from tests.pipeline.conftest import (
    OpenServices,
    day,
    dispatch,
    fan_out,
    log_of,
    pass_time,
    push,
    token,
    upgrade_tokens,
)
from tests.telegram.world import GROUP, Chat

THERE = TelegramChat(-1_000_000_000_007).kept


def states(endpoints: list[EndpointRecord]) -> list[EndpointState]:
    return [each.state for each in endpoints]


async def test_a_chat_is_paused_and_resumed_whole(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        desk = here.services.desk
        await here.follow()
        await here.open_link("app")

        assert states(await pause_chat(here.address, desk=desk)) == [EndpointState.PAUSED] * 2
        await upgrade_tokens(here.services, ["btc"])
        assert states(await resume_chat(here.address, desk=desk)) == [EndpointState.ACTIVE] * 2
        await dispatch(here.services)

        assert here.texts == []
        assert await here.became() == [("demo:btc", "paused", None)] * 2


async def test_a_chat_moves_with_all_its_endpoints_once(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        desk = here.services.desk
        house, opened = await here.follow(), await here.open_link("app")

        assert await move_chat(here.address, THERE, desk=desk)
        assert not await move_chat(here.address, THERE, desk=desk)

        assert await chat_endpoints(here.address, desk=desk) == []
        moved = await chat_endpoints(THERE, desk=desk)
        assert [each.id for each in moved] == [house.id, opened.id]


async def settled_there(here: Chatting, *tokens: str) -> EndpointRecord:
    """What the house has where a chat moves to."""
    desk = here.services.desk
    return await create_chat(THERE, Wish(tokens=tokens), most_rate=0.3, desk=desk)


async def test_two_endpoints_of_one_app_become_one_and_are_owed_what_both_were(
    open_with: OpenServices,
) -> None:
    async with chatting(open_with) as here:
        desk = here.services.desk
        await push(here.services, day(0), {"btc": 50, "eth": 50, "sol": 50})
        moving = await here.follow("btc", "eth")
        await settled_there(here, "eth", "sol")
        until = await here.now() + HOUR
        await mute(THERE, until, token=token("btc"), desk=desk)
        await push(here.services, day(1), {"btc": 95, "eth": 95, "sol": 95})
        await fan_out(here.services)

        assert await move_chat(here.address, THERE, desk=desk)

        (one,) = await chat_endpoints(THERE, desk=desk)
        assert one.id == moving.id
        assert one.filter.tokens == (token("btc"), token("eth"), token("sol"))
        assert await mutes_of(THERE, desk=desk) == [(token("btc"), until)]
        # Each once, and none is lost.
        owed = [(each.token, each.endpoint_id) for each in await log_of(here.services)]
        assert sorted(owed) == [(f"demo:{name}", one.id) for name in ("btc", "eth", "sol")]


async def test_what_was_not_fanned_out_yet_or_was_about_to_be_sent_is_owed_after_a_move(
    open_with: OpenServices,
) -> None:
    async with chatting(open_with) as here:
        desk, rules = here.services.desk, here.services.rules
        await push(here.services, day(0), {"btc": 50, "eth": 50, "sol": 50})
        moving = await here.follow("btc")
        there = await settled_there(here, "eth", "sol")
        await push(here.services, day(1), {"eth": 95}, complete=False)
        await fan_out(here.services)
        async with here.services.store.write() as tx:
            (claimed,) = await claim(tx, rules, limit=9, pools=[TELEGRAM_POOL])
        await push(here.services, day(2), {"sol": 95}, complete=False)

        assert await move_chat(here.address, THERE, desk=desk)

        assert claimed.endpoint_id == there.id
        async with here.services.store.write() as tx:
            ids = [one for parcel in claimed.parcels for one in parcel.ids]
            assert await start(tx, ids, lease_id=claimed.lease_id) == 0
        await fan_out(here.services)
        owed = [(each.token, each.endpoint_id, each.state) for each in await log_of(here.services)]
        assert sorted(owed) == [
            (f"demo:{name}", moving.id, State.PENDING) for name in ("eth", "sol")
        ]


async def test_one_that_was_closed_goes_on_where_the_other_is_in_service(
    open_with: OpenServices,
) -> None:
    async with chatting(open_with) as here:
        desk = here.services.desk
        await here.follow()
        (made,) = await chat_endpoints(here.address, desk=desk)
        await close_places([Place(here.address, made)], DisableReason.GONE, desk=desk)
        await settled_there(here)

        assert await move_chat(here.address, THERE, desk=desk)

        (one,) = await chat_endpoints(THERE, desk=desk)
        assert (one.state, one.disabled_reason, one.filter.tokens) == ("active", None, None)


async def upgraded_group(here: Chatting) -> tuple[Chat, EndpointRecord]:
    """The supergroup that a group became, which nobody told us; and the group's endpoint."""
    old, new = here.telegram.world.group(kind=GROUP), here.telegram.world.group()
    place, desk = TelegramChat(old.id), here.services.desk
    made = await create_chat(
        place.kept, Wish(tokens=("btc",)), most_rate=place.most_rate, desk=desk
    )
    old.migrated_to = new.id
    return new, made


async def test_a_send_follows_a_group_and_finds_what_was_set_up_there_before(
    open_with: OpenServices,
) -> None:
    async with chatting(open_with) as here:
        desk = here.services.desk
        await push(here.services, day(0), {"btc": 50, "eth": 50})
        new, made = await upgraded_group(here)
        there = TelegramChat(new.id)
        await create_chat(there.kept, Wish(tokens=("eth",)), most_rate=there.most_rate, desk=desk)
        await push(here.services, day(1), {"btc": 95, "eth": 50})
        await fan_out(here.services)

        await dispatch(here.services)

        assert len(new.texts) == 1
        (one,) = await chat_endpoints(there.kept, desk=desk)
        assert (one.id, one.filter.tokens) == (made.id, (token("btc"), token("eth")))
        await push(here.services, day(2), {"btc": 95, "eth": 95})
        await fan_out(here.services)
        await pass_time(here.services, HOUR)
        await dispatch(here.services)
        assert len(new.texts) == 2


async def test_a_move_waits_for_nobody_who_holds_what_is_there(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        desk = here.services.desk
        await push(here.services, day(0), {"btc": 50})
        new, made = await upgraded_group(here)
        there = TelegramChat(new.id)
        other = await create_chat(there.kept, Wish(), most_rate=there.most_rate, desk=desk)
        ciphertext, hashed = desk.seal_address(there.kept)
        if here.services.store.has_one_writer:
            pytest.skip("there is one writer at a time, and no lane that another holds")

        async with here.services.store.write() as holding, here.services.store.write() as tx:
            await lock_lanes(holding, [other.id])
            await lock_lanes(tx, [made.id])
            assert not await move(tx, made.id, ciphertext, hashed=hashed)

        async with here.services.store.write() as tx:
            await lock_lanes(tx, [made.id])
            assert await move(tx, made.id, ciphertext, hashed=hashed)
