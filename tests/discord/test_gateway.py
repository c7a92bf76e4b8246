"""The double's gateway and slash commands, as discord.py has them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord
import pytest
from discord import app_commands

from tests.discord.bots import TOKEN
from tests.discord.commands import NotOffered
from tests.discord.double import Discord
from tests.discord.interactions import MANAGE_GUILD
from tests.discord.world import May


class Sample(discord.AutoShardedClient):
    """A bot with one group of commands. left: guilds it was removed from."""

    def __init__(self, intents: discord.Intents) -> None:
        super().__init__(intents=intents)
        self.tree = app_commands.CommandTree(self)
        self.left: asyncio.Queue[int] = asyncio.Queue()
        group = app_commands.Group(
            name="digest",
            description="A digest.",
            default_permissions=discord.Permissions(manage_guild=True),
        )
        group.command(name="setup", description="Set it up.")(setup)
        self.tree.add_command(group)

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        await self.left.put(guild.id)


async def choices(
    _interaction: discord.Interaction, current: str
) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=f"{current.upper()} coin", value=current)]


@app_commands.autocomplete(token=choices)
async def setup(
    interaction: discord.Interaction, channel: discord.TextChannel, token: str = ""
) -> None:
    await interaction.response.defer(ephemeral=True)
    assert interaction.guild is not None
    may = channel.permissions_for(interaction.guild.me)
    await interaction.followup.send(f"#{channel.name} {token} send={may.send_messages}")


@asynccontextmanager
async def running(
    double: Discord, patch: pytest.MonkeyPatch, *, token: str = TOKEN
) -> AsyncIterator[Sample]:
    patch.setattr(discord.http.Route, "BASE", double.api_url)
    async with Sample(discord.Intents(guilds=True)) as client:
        task = asyncio.create_task(client.start(token))
        try:
            await double.gateway.wait_for_session()
            yield client
        finally:
            await client.close()
            await task


async def test_a_command_is_typed_and_answered_to_who_typed_it_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Discord() as double:
        channel = double.world.channel("market")
        mute = double.world.channel("mute", guild_id=channel.guild_id)
        mute.may = May.VIEW
        async with running(double, monkeypatch):
            typed = await double.interactions.type(
                "digest setup", channel=channel, options={"channel": channel, "token": "btc"}
            )
            other = await double.interactions.type(
                "digest setup", channel=channel, options={"channel": mute}
            )

    assert typed.text.strip() == "#market btc send=True"
    assert other.text.strip() == "#mute  send=False"


async def test_what_is_being_typed_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Discord() as double:
        channel = double.world.channel()
        async with running(double, monkeypatch):
            typed = await double.interactions.type(
                "digest setup", channel=channel, options={"token": "so"}, focused="token"
            )

    assert typed.choices == [{"name": "SO coin", "value": "so"}]


async def test_who_may_not_manage_the_server_is_shown_no_such_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Discord() as double:
        channel = double.world.channel()
        async with running(double, monkeypatch):
            with pytest.raises(NotOffered):
                await double.interactions.type("digest setup", channel=channel, permissions=0)
            with pytest.raises(NotOffered):
                await double.interactions.type("digest", channel=channel, options={"x": 1})

    wanted = double.interactions.commands["digest"]["default_member_permissions"]
    assert wanted == str(MANAGE_GUILD)


async def test_a_bot_learns_that_it_was_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Discord() as double:
        guild_id = double.world.channel().guild_id
        async with running(double, monkeypatch) as client:
            await double.gateway.tell("GUILD_DELETE", {"id": guild_id})
            async with asyncio.timeout(10):
                assert await client.left.get() == int(guild_id)


async def test_a_wrong_token_is_refused_before_the_gateway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Discord() as double:
        monkeypatch.setattr(discord.http.Route, "BASE", double.api_url)
        async with Sample(discord.Intents(guilds=True)) as client:
            with pytest.raises(discord.LoginFailure):
                await client.start("wrong")

        assert double.gateway.identified == 0
        assert double.invalid_requests == 1


async def test_intents_that_need_a_review_are_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Discord() as double:
        monkeypatch.setattr(discord.http.Route, "BASE", double.api_url)
        async with Sample(discord.Intents(guilds=True, members=True)) as client:
            with pytest.raises(discord.PrivilegedIntentsRequired):
                await client.start(TOKEN)


async def test_a_session_is_resumed_when_the_gateway_closes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Discord() as double:
        channel = double.world.channel()
        async with running(double, monkeypatch):
            await double.gateway.drop()
            await double.gateway.wait_for_session()
            typed = await double.interactions.type(
                "digest setup", channel=channel, options={"channel": channel}
            )

        assert typed.answers
        assert (double.gateway.identified, double.gateway.resumed) == (1, 1)
