"""The double answers as Discord does: seen by discord.py, which thousands of bots run on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp
import discord
import pytest

from tests.discord.bots import TOKEN
from tests.discord.double import Discord
from tests.discord.limits import Rates
from tests.discord.world import FORUM, May, Webhook
from tests.faults import Fault
from tests.rates import Rate


@asynccontextmanager
async def library(
    double: Discord, webhook: Webhook, patch: pytest.MonkeyPatch
) -> AsyncIterator[discord.Webhook]:
    # discord.py has no other way to be told where Discord is.
    patch.setattr(discord.http.Route, "BASE", double.api_url)
    async with aiohttp.ClientSession() as session:
        yield discord.Webhook.partial(int(webhook.id), webhook.token, session=session)


async def test_a_webhook_is_looked_up_posted_to_and_its_message_edited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Discord() as double:
        made = double.world.webhook(double.world.channel("signals"))
        async with library(double, made, monkeypatch) as webhook:
            fetched = await webhook.fetch()
            embed = discord.Embed(title="Weekly grades").set_image(url="attachment://week.png")
            picture = discord.File(BytesIO(b"\x89PNG"), "week.png", description="12 upgrades")
            message = await webhook.send(embed=embed, file=picture, wait=True)
            await webhook.edit_message(message.id, content="corrected")

        assert (fetched.name, str(fetched.channel_id)) == ("Gradebell", made.channel_id)
        (sent,) = double.world.messages
        assert sent.files["files[0]"] == ("week.png", b"\x89PNG")
        assert message.attachments[0].description == "12 upgrades"
        assert sent.plain["content"] == "corrected"
        assert sent.plain["edited_timestamp"] is not None


async def test_a_message_is_posted_into_a_thread_and_a_forum_wants_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Discord() as double:
        forum = double.world.channel("ideas", kind=FORUM)
        thread = double.world.channel("week 47", parent=forum)
        async with library(double, double.world.webhook(forum), monkeypatch) as webhook:
            await webhook.send("hello", thread=discord.Object(int(thread.id)))
            with pytest.raises(discord.HTTPException) as homeless:
                await webhook.send("hello")
            with pytest.raises(discord.NotFound) as lost:
                await webhook.send("hello", thread=discord.Object(4))

        assert [sent.channel_id for sent in double.world.messages] == [thread.id]
        assert (homeless.value.code, lost.value.code) == (220001, 10003)


@pytest.mark.parametrize(
    ("embeds", "problem"),
    [
        ([discord.Embed(title="x" * 257)], "In embeds.0.title: Must be 256 or fewer in length."),
        (
            [discord.Embed().add_field(name="a", value="x" * 1025)],
            "In embeds.0.fields.0.value: Must be 1024 or fewer in length.",
        ),
        (
            [discord.Embed().add_field(name="a", value="")],
            "In embeds.0.fields.0.value: This field is required",
        ),
        (
            [discord.Embed(description="x" * 4001), discord.Embed(description="x" * 2000)],
            "In embeds: Embed size exceeds maximum size of 6000",
        ),
        ([discord.Embed(url="ftp://a", title="a")], "Scheme must be one of"),
    ],
)
async def test_what_is_too_long_is_refused_with_a_tree_of_where(
    monkeypatch: pytest.MonkeyPatch, embeds: list[discord.Embed], problem: str
) -> None:
    async with Discord() as double:
        async with library(double, double.world.webhook(), monkeypatch) as webhook:
            with pytest.raises(discord.HTTPException) as refused:
                await webhook.send(embeds=embeds)

        assert (refused.value.status, refused.value.code) == (400, 50035)
        assert problem in refused.value.text
        assert double.world.messages == []


async def test_what_is_just_short_enough_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    embed = discord.Embed(title="x" * 256, description="x" * 4096).set_footer(text="x" * 600)
    embed.add_field(name="y" * 24, value="z" * 1024)
    async with Discord() as double:
        async with library(double, double.world.webhook(), monkeypatch) as webhook:
            await webhook.send(embed=embed)

        assert len(embed) == 6000
        assert len(double.world.messages) == 1


async def test_a_webhook_that_is_gone_and_one_with_another_token_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Discord() as double:
        made = double.world.webhook()
        async with library(double, made, monkeypatch) as webhook:
            made.token = "another"
            with pytest.raises(discord.HTTPException) as refused:
                await webhook.send("hello")
            del double.world.webhooks[made.id]
            with pytest.raises(discord.NotFound) as gone:
                await webhook.send("hello")

        assert (refused.value.status, refused.value.code) == (401, 50027)
        assert gone.value.code == 10015
        assert double.invalid_requests == 1


async def test_too_many_in_a_row_wait_and_the_channel_s_own_limit_is_in_no_header() -> None:
    rates = Rates(webhook=Rate(2, 60.0), channel=Rate(3, 600.0))
    async with Discord(rates=rates) as double, aiohttp.ClientSession() as session:
        first = double.world.webhook()
        second = double.world.webhook(double.world.channels[first.channel_id])
        answers: list[tuple[int, dict[str, str], Any]] = []
        for webhook in (first, first, first, second, second):
            url = f"{double.api_url}/webhooks/{webhook.id}/{webhook.token}"
            async with session.post(url, json={"content": "x"}) as answer:
                headers = {name.lower(): value for name, value in answer.headers.items()}
                body = await answer.json() if answer.status == 429 else {}
                answers.append((answer.status, headers, body))

    assert [status for status, _, _ in answers] == [204, 204, 429, 204, 429]
    assert [headers["x-ratelimit-remaining"] for _, headers, _ in answers[:2]] == ["1", "0"]
    _, headers, body = answers[2]
    assert (body["global"], headers["x-ratelimit-scope"], headers["via"]) == (
        False,
        "user",
        "1.1 google",
    )
    assert 0 < body["retry_after"] <= 60
    assert answers[3][1]["x-ratelimit-remaining"] == "1"
    assert 60 < answers[4][2]["retry_after"] <= 600


async def test_a_5xx_after_the_message_was_stored_makes_the_library_post_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Why our own sender is no discord.py.
    async with Discord() as double:
        double.fail(Fault(502, after_effect=True))
        async with library(double, double.world.webhook(), monkeypatch) as webhook:
            await webhook.send("hello", wait=True)

        assert len(double.world.messages) == 2


async def test_a_lost_answer_leaves_the_message_there() -> None:
    async with Discord() as double, aiohttp.ClientSession() as session:
        webhook = double.world.webhook()
        double.fail(Fault(after_effect=True))

        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(
                f"{double.api_url}/webhooks/{webhook.id}/{webhook.token}", json={"content": "x"}
            )

        assert len(double.world.messages) == 1


@pytest.mark.parametrize(
    ("allowed", "everyone", "roles"),
    [
        (discord.AllowedMentions.none(), False, []),
        (discord.AllowedMentions(roles=[discord.Object(7)], everyone=False), False, ["7"]),
        (discord.AllowedMentions.all(), True, ["7", "8"]),
    ],
)
async def test_only_who_may_be_mentioned_is_pinged(
    monkeypatch: pytest.MonkeyPatch,
    allowed: discord.AllowedMentions,
    everyone: bool,
    roles: list[str],
) -> None:
    async with Discord() as double:
        async with library(double, double.world.webhook(), monkeypatch) as webhook:
            await webhook.send("@everyone <@&7> <@&8>", allowed_mentions=allowed)

        (sent,) = double.world.messages
        assert (sent.plain["mention_everyone"], sent.plain["mention_roles"]) == (everyone, roles)


async def test_a_bot_s_message_is_one_under_one_nonce_and_needs_its_permissions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Discord() as double:
        monkeypatch.setattr(discord.http.Route, "BASE", double.api_url)
        channel = double.world.channel()
        async with discord.Client(intents=discord.Intents(guilds=True)) as client:
            await client.login(TOKEN)
            place = client.get_partial_messageable(int(channel.id))
            first = await place.send("hello", nonce="dlv_1")
            again = await place.send("hello", nonce="dlv_1")
            channel.may = May.VIEW
            with pytest.raises(discord.Forbidden) as mute:
                await place.send("hello")
            channel.may = May(0)
            with pytest.raises(discord.Forbidden) as blind:
                await client.fetch_channel(int(channel.id))

        assert first.id == again.id
        assert len(double.world.messages) == 1
        assert (mute.value.code, blind.value.code) == (50013, 50001)
