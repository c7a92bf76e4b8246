"""The bot itself: what it learns, what it takes back, and that there is one of it."""

import asyncio
import re
from pathlib import Path
from typing import Any, Final

import pytest

from alerts.bots.discord import run_bot
from alerts.domain.deliveries import DisableReason, EndpointState
from alerts.errors import SettingsInvalid
from tests.api.conftest import open_api
from tests.bots.conftest import Chat, known, known_again, running
from tests.discord.bots import TOKEN
from tests.discord.commands import SUBCOMMAND
from tests.discord.double import Discord
from tests.discord.world import EVERYTHING, May

README: Final = Path(__file__).parent.parent.parent / "README.md"
Commands = dict[str, dict[str, Any]]


async def test_a_removed_bot_sends_nothing_and_goes_on_when_it_is_invited_again(
    chat: Chat,
) -> None:
    place = await known(chat)
    gateway = chat.discord.gateway
    await chat.set_up(place, at_once="upgrades")

    name = chat.discord.world.guilds.pop(place.guild_id)
    await gateway.tell("GUILD_DELETE", {"id": place.guild_id})
    await chat.wait_until(EndpointState.DISABLED)
    (removed,) = await chat.endpoints()
    await chat.api.upgrade("btc")
    assert chat.discord.world.messages == []
    chat.discord.world.guilds[place.guild_id] = name
    await known_again(chat, place)
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
    elsewhere = await chat.type("digest settings", other)
    second = chat.discord.world.channel("quiet", guild_id=place.guild_id)
    shown = await chat.type("digest settings", second)
    removed = await chat.type("digest remove", second, deleted=True)
    nothing = await chat.type("digest settings", second)

    assert reasons == {DisableReason.GONE, None}
    assert place.id not in elsewhere.text
    gone = "The webhook, its channel or its thread was deleted."
    assert shown.text == f"<#{place.id}>: out of service. {gone}"
    assert "1 deleted channel is forgotten." in removed.text
    assert "No channel has a digest here" in nothing.text
    assert [each.state for each in await chat.endpoints()] == [EndpointState.ACTIVE]


async def test_a_deleted_thread_ends_its_digest(chat: Chat) -> None:
    place = chat.discord.world.channel("market")
    thread = chat.discord.world.channel("week 47", parent=place)
    await chat.discord.gateway.tell("GUILD_CREATE", chat.discord.gateway.guild(place.guild_id))
    await chat.set_up(thread)

    gone = {"id": thread.id, "guild_id": place.guild_id, "parent_id": place.id, "type": 11}
    await chat.discord.gateway.tell("THREAD_DELETE", gone)

    await chat.wait_until(EndpointState.DISABLED)


async def test_a_permission_taken_away_is_named_and_given_back_it_goes_on(chat: Chat) -> None:
    place = await known(chat)
    await chat.set_up(place, at_once="upgrades")
    await chat.may(place, May.VIEW)
    await chat.api.upgrade("btc")

    shown = await chat.type("digest settings", place)
    refused = await chat.type("digest resume", place)
    await chat.may(place, May.VIEW | May.SEND | May.EMBED | May.ATTACH)
    await chat.wait_until(EndpointState.ACTIVE)

    for said in (shown, refused):
        assert "I lack Send Messages, Embed Links, Attach Files in #market" in said.text
        assert "open Edit Channel, Permissions" in said.text


@pytest.mark.parametrize("way", ["what its role may do", "a role of its own"])
async def test_whatever_gives_the_bot_what_it_lacked_it_goes_on(chat: Chat, way: str) -> None:
    place = await known(chat)
    await chat.set_up(place, at_once="upgrades")
    await chat.may(place, May(0))
    await chat.api.upgrade("btc")
    await chat.wait_until(EndpointState.DISABLED)

    tell, guild_id = chat.discord.gateway.tell, place.guild_id
    everyone = chat.discord.gateway.guild(guild_id)["roles"][0]
    allowed = {**everyone, "permissions": str(int(EVERYTHING))}
    if way == "what its role may do":
        await tell("GUILD_ROLE_UPDATE", {"guild_id": guild_id, "role": allowed})
    else:
        role = {**allowed, "id": chat.discord.world.new_id(), "name": "posters"}
        await tell("GUILD_ROLE_CREATE", {"guild_id": guild_id, "role": role})
        member = chat.discord.gateway.member(chat.discord.bots.user)
        await tell("GUILD_MEMBER_UPDATE", {**member, "guild_id": guild_id, "roles": [role["id"]]})

    await chat.wait_until(EndpointState.ACTIVE)


async def test_a_bot_that_was_removed_unseen_goes_on_when_it_is_invited_again(chat: Chat) -> None:
    place = await known(chat)
    await chat.set_up(place, at_once="upgrades")
    name = chat.discord.world.guilds.pop(place.guild_id)
    await chat.api.upgrade("btc")
    (barred,) = await chat.endpoints()

    chat.discord.world.guilds[place.guild_id] = name
    await known_again(chat, place)

    await chat.wait_until(EndpointState.ACTIVE)
    assert barred.disabled_reason is DisableReason.NO_PERMISSION


async def test_help_says_what_there_is(chat: Chat) -> None:
    place = await known(chat)

    answer = await chat.type("help", place)

    for name in chat.discord.interactions.commands:
        assert name == "help" or f"`/{name}" in answer.text


async def test_the_readme_names_every_command_and_no_other(chat: Chat) -> None:
    await known(chat)
    offered = chat.discord.interactions.commands.values()

    rows = re.findall(r"^\| `/(\w+)(.*?) \| (?:all|managers) \|", README.read_text(), re.MULTILINE)
    named = {(name, each) for name, rest in rows for each in re.findall(r"\w+", rest) or [""]}

    subcommands = {(each["name"], one["name"]) for each in offered for one in _groups(each)}
    alone = {(each["name"], "") for each in offered if not _groups(each)}
    assert named == subcommands | alone


def _groups(command: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in command.get("options", ()) if one["type"] == SUBCOMMAND]


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


async def test_commands_are_offered_once_and_again_where_they_differ(
    sqlite_url: str, discord: Discord
) -> None:
    given = {"discord_api_url": discord.api_url, "discord_bot_token": TOKEN}
    offered = discord.interactions
    seen = []
    async with open_api(sqlite_url, **given) as api:
        for spoil in (_leave, _leave, _rename, _widen, _forget):
            spoil(offered.commands)
            async with running(api.services, discord):
                seen.append(offered.registrations)

    assert seen == [1, 1, 2, 3, 4]


def _leave(_commands: Commands) -> None:
    pass


def _rename(commands: Commands) -> None:
    commands["digest"]["options"][0]["description"] = "What it said before."


def _widen(commands: Commands) -> None:
    commands["watch"]["default_member_permissions"] = None


def _forget(commands: Commands) -> None:
    commands["old"] = {**commands.pop("help"), "name": "old"}
