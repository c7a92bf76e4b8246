"""The bot itself: what it learns, what it takes back, and that there is one of it."""

import asyncio

import pytest

from alerts.bots.discord import run_bot
from alerts.domain.deliveries import DisableReason, EndpointState
from alerts.errors import SettingsInvalid
from tests.api.conftest import open_api
from tests.bots.conftest import Chat, known, running
from tests.discord.bots import TOKEN
from tests.discord.double import Discord
from tests.discord.world import May


async def test_a_removed_bot_sends_nothing_and_goes_on_when_it_is_invited_again(
    chat: Chat,
) -> None:
    place = await known(chat)
    gateway = chat.discord.gateway
    await chat.set_up(place, upgrades=True)

    name = chat.discord.world.guilds.pop(place.guild_id)
    await gateway.tell("GUILD_DELETE", {"id": place.guild_id})
    await chat.wait_until(EndpointState.DISABLED)
    (removed,) = await chat.endpoints()
    await chat.api.upgrade("btc")
    assert chat.discord.world.messages == []
    chat.discord.world.guilds[place.guild_id] = name
    await gateway.tell("GUILD_CREATE", gateway.guild(place.guild_id))
    await chat.wait_until(EndpointState.ACTIVE)
    await chat.api.upgrade("eth", day=4)

    assert removed.disabled_reason is DisableReason.REMOVED
    assert removed.digest is not None
    (endpoint,) = await chat.endpoints()
    assert endpoint.digest == removed.digest
    assert [message.channel_id for message in chat.discord.world.messages] == [place.id]


async def test_an_outage_of_a_server_is_no_removal(chat: Chat) -> None:
    place = await known(chat)
    await chat.set_up(place)
    other = await known(chat)
    await chat.set_up(other)

    await chat.discord.gateway.tell("GUILD_DELETE", {"id": place.guild_id, "unavailable": True})
    await chat.discord.gateway.tell("GUILD_DELETE", {"id": other.guild_id})
    await chat.wait_until(EndpointState.DISABLED)

    states = sorted(each.state for each in await chat.endpoints())
    assert states == [EndpointState.ACTIVE, EndpointState.DISABLED]


async def test_a_deleted_channel_ends_its_digest_and_no_other(chat: Chat) -> None:
    place = await known(chat)
    other = await known(chat)
    for each in (place, other):
        await chat.set_up(each)

    await chat.discord.gateway.tell("CHANNEL_DELETE", place.plain())
    await chat.wait_until(EndpointState.DISABLED)

    reasons = {each.disabled_reason for each in await chat.endpoints()}
    assert reasons == {DisableReason.GONE, None}


async def test_a_deleted_thread_ends_its_digest(chat: Chat) -> None:
    place = chat.discord.world.channel("market")
    thread = chat.discord.world.channel("week 47", parent=place)
    await chat.discord.gateway.tell("GUILD_CREATE", chat.discord.gateway.guild(place.guild_id))
    await chat.set_up(thread)

    gone = {"id": thread.id, "guild_id": place.guild_id, "parent_id": place.id, "type": 11}
    await chat.discord.gateway.tell("THREAD_DELETE", gone)

    await chat.wait_until(EndpointState.DISABLED)


async def test_a_permission_taken_away_is_named_in_the_settings_until_it_is_given_back(
    chat: Chat,
) -> None:
    place = await known(chat)
    await chat.set_up(place, upgrades=True)
    place.may = May.VIEW
    await chat.api.upgrade("btc")

    shown = await chat.type("digest settings", place)
    place.may = May.VIEW | May.SEND | May.EMBED | May.ATTACH
    await chat.discord.gateway.tell("CHANNEL_UPDATE", chat.discord.gateway.placed(place))
    resumed = await chat.type("digest resume", place)

    assert "may not see the Discord channel, or not post in it" in shown.text
    assert "is told again" in resumed.text
    (endpoint,) = await chat.endpoints()
    assert endpoint.state is EndpointState.ACTIVE


async def test_a_grade_is_shown_by_symbol_and_completed_while_it_is_typed(chat: Chat) -> None:
    place = await known(chat)
    await chat.api.upgrade("btc")

    typed = await chat.discord.interactions.type(
        "grade", channel=place, permissions=0, options={"symbol": "bt"}, focused="symbol"
    )
    shown = await chat.discord.interactions.type(
        "grade", channel=place, permissions=0, options={"symbol": "$btc"}
    )
    unknown = await chat.type("grade", place, symbol="BTX")

    assert typed.choices == [{"name": "BTC · btc", "value": "demo:btc"}]
    assert "Strong Buy" in shown.text
    assert "Trader grade" in shown.text
    assert not shown.is_ephemeral
    assert "no token bears the symbol 'BTX'" in unknown.text
    assert "Do you mean BTC?" in unknown.text


async def test_help_says_what_there_is(chat: Chat) -> None:
    place = await known(chat)

    answer = await chat.type("help", place)

    for name in chat.discord.interactions.commands:
        assert name == "help" or f"`/{name}" in answer.text


async def test_a_second_bot_waits_while_the_first_is_there(chat: Chat) -> None:
    stop = asyncio.Event()
    second = asyncio.create_task(run_bot(chat.services, stop))
    place = await known(chat)

    answer = await chat.type("help", place)

    assert len(answer.answers) == 1
    assert chat.discord.gateway.identified == 1
    stop.set()
    await second


async def test_without_a_token_that_discord_takes_it_ends_with_the_setting_s_name(
    sqlite_url: str, discord: Discord
) -> None:
    for token in ("", "another"):
        given = {"discord_api_url": discord.api_url, "discord_bot_token": token}
        async with open_api(sqlite_url, **given) as api:
            with pytest.raises(SettingsInvalid, match="GRADEBELL_DISCORD_BOT_TOKEN"):
                await run_bot(api.services, asyncio.Event())


async def test_the_bot_goes_on_where_the_gateway_closed(sqlite_url: str, discord: Discord) -> None:
    given = {"discord_api_url": discord.api_url, "discord_bot_token": TOKEN}
    async with open_api(sqlite_url, **given) as api, running(api.services, discord):
        chat = Chat(api, discord)
        place = await known(chat)
        await discord.gateway.drop()
        await discord.gateway.wait_for_session()

        answer = await chat.set_up(place)

        assert "gets its digest" in answer.text
        assert discord.gateway.identified == 1
