"""A mass move: every event says that it is part of one, and nobody is told less for it."""

import json
from typing import Any

import pytest

from alerts.bootstrap import Services
from alerts.domain.deliveries import State
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.endpoints import Wish, create_discord
from tests.discord.double import Discord
from tests.pipeline.chatting import chatting
from tests.pipeline.conftest import (
    OpenServices,
    day,
    dispatch,
    fan_out,
    feed,
    log_of,
    push,
    subscribe,
)
from tests.receiver import Receiver

NAMES = [f"t{number}" for number in range(100)]
SAID = "Part of a mass move: 30 of 100 trader grades changed band at once, 10 up and 20 down"
BEFORE = dict.fromkeys(NAMES, 50.0)


def moved(up: int, down: int) -> dict[str, float]:
    return BEFORE | dict.fromkeys(NAMES[:up], 95.0) | dict.fromkeys(NAMES[up : up + down], 5.0)


async def said(services: Services) -> list[Any]:
    return [json.loads(event.body)["data"]["cycle"]["mass_move"] for event in await feed(services)]


@pytest.mark.parametrize(("up", "down"), [(10, 20), (10, 19)], ids=["a mass", "many"])
async def test_every_event_of_the_cycle_says_how_many_changed_at_once(
    services: Services, receiver: Receiver, up: int, down: int
) -> None:
    await subscribe(services, receiver.url("/all"))
    await push(services, day(0), BEFORE)

    await push(services, day(1), moved(up, down))
    await fan_out(services)
    await dispatch(services)

    mass = {"share": 0.3, "upgraded": 10, "downgraded": 20, "tokens": 100}
    assert await said(services) == [mass if up + down == 30 else None] * (up + down)
    assert len(receiver.requests) == up + down


async def test_a_part_is_held_against_all_tokens_of_its_kind(services: Services) -> None:
    await push(services, day(0), BEFORE)

    part = dict.fromkeys(NAMES[:29], 95.0)
    await push(services, day(1), part, complete=False)

    assert await said(services) == [None] * 29


async def turned(services: Services) -> None:
    """The market turns: 30 of 100 change band; what is owed of it is sent."""
    await push(services, day(0), BEFORE)
    await push(services, day(1), moved(10, 20))
    await fan_out(services)
    await services.dispatcher().run_until_idle()
    assert [one.state for one in await log_of(services)] == [State.DELIVERED] * 30


async def test_a_chat_on_telegram_is_told_of_it_in_one_message_that_says_so(
    open_with: OpenServices,
) -> None:
    async with chatting(open_with) as talk:
        await talk.follow()

        await turned(talk.services)

        (text,) = talk.texts
        assert text.splitlines()[:2] == ["30 changes: 🟢 10 up · 🔴 20 down", SAID]


async def test_a_channel_on_discord_is_told_of_it_in_one_message_that_says_so(
    open_with: OpenServices,
) -> None:
    async with Discord() as discord:
        services = await open_with(discord_api_url=discord.api_url)
        address = await services.desk.vet_discord(discord.world.webhook().url)
        await create_discord(HOUSE_APP, address, Wish(), desk=services.desk)

        await turned(services)

        (sent,) = discord.world.messages
        (embed,) = sent.payload["embeds"]
        assert embed["title"] == "30 changes: ▲ 10 up · ▼ 20 down"
        assert embed["description"].splitlines()[0] == SAID
