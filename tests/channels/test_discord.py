"""The Discord channel against a Discord of our own: one post, where and to whom it should go."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from alerts.channels.discord import DiscordSender
from alerts.channels.discord_address import read_webhook_url
from alerts.channels.discord_http import open_discord_http
from alerts.channels.discord_messages import Picture
from alerts.channels.discord_restraint import Restraint
from alerts.channels.discord_slots import Slots
from alerts.domain.deliveries import Channel, Delivered, Keep, Reason, Rejected
from alerts.ports import Destination, Letter
from tests.channels.contract import Case, SenderContract
from tests.channels.discords import DIGEST, UPGRADE, URL_OF_NOBODY, open_sender, to
from tests.channels.webhooks import FixedClock
from tests.discord.world import FORUM


class TestDiscordSender(SenderContract):
    @asynccontextmanager
    async def open_case(self, base_url: str, *, deadline_seconds: float) -> AsyncIterator[Case]:
        webhook = read_webhook_url(URL_OF_NOBODY)
        clock = FixedClock()
        async with open_discord_http(base_url, deadline_seconds=deadline_seconds) as http:
            slots = Slots(webhook_gap=0, channel_gap=0)
            sender = DiscordSender(http, Restraint(clock), clock, slots=slots)
            destination = Destination("ep_1", Channel.DISCORD, webhook.kept)
            yield Case(sender, destination, [UPGRADE], (webhook.token,))


async def test_a_message_is_posted_once_and_known_by_its_id() -> None:
    async with open_sender() as (discord, sender):
        webhook = discord.world.webhook()

        answer = await sender.send(to(webhook), [UPGRADE])

        (sent,) = discord.world.messages
        assert answer.outcome == Delivered(sent.id)
        assert answer.effect == Keep()
        assert (sent.channel_id, len(sent.payload["embeds"])) == (webhook.channel_id, 1)
        (asked,) = discord.asked
        assert asked.query == {"wait": "true"}
        assert asked.headers["user-agent"].startswith("DiscordBot (")
        assert "authorization" not in asked.headers


async def test_it_is_posted_into_the_thread_that_the_url_names() -> None:
    async with open_sender() as (discord, sender):
        forum = discord.world.channel("ideas", kind=FORUM)
        thread = discord.world.channel("week 47", parent=forum)
        webhook = discord.world.webhook(forum)

        answer = await sender.send(to(webhook, thread_id=thread.id), [UPGRADE])
        homeless = await sender.send(to(webhook), [UPGRADE])

        assert isinstance(answer.outcome, Delivered)
        assert [sent.channel_id for sent in discord.world.messages] == [thread.id]
        assert homeless.outcome == Rejected(Reason.CLIENT_ERROR)
        assert "thread_id" in (homeless.trace.detail or "")


@pytest.mark.parametrize(
    ("letter", "role", "content", "pinged"),
    [(DIGEST, "77", "<@&77>", ["77"]), (DIGEST, None, "", []), (UPGRADE, "77", "", [])],
    ids=["a digest and a role", "a digest", "a change at once"],
)
async def test_nobody_is_mentioned_but_the_role_that_was_chosen_and_by_the_digest_alone(
    letter: Letter, role: str | None, content: str, pinged: list[str]
) -> None:
    async with open_sender() as (discord, sender):
        await sender.send(to(discord.world.webhook(), role=role), [letter])

        (sent,) = discord.world.messages
        assert (sent.plain["content"], sent.plain["mention_roles"]) == (content, pinged)
        assert sent.payload["allowed_mentions"]["parse"] == []


async def test_a_parcel_of_several_is_one_message() -> None:
    async with open_sender() as (discord, sender):
        answer = await sender.send(to(discord.world.webhook()), [UPGRADE, UPGRADE])

        assert isinstance(answer.outcome, Delivered)
        (sent,) = discord.world.messages
        assert sent.payload["embeds"][0]["title"] == "2 changes"


async def test_a_digest_takes_its_picture_along_and_goes_without_one_that_failed() -> None:
    drawn: list[bytes | None] = [b"\x89PNG", None]

    async def paint(_picture: Picture) -> bytes | None:
        return drawn.pop(0)

    async with open_sender(paint=paint) as (discord, sender):
        for _ in range(2):
            await sender.send(to(discord.world.webhook()), [DIGEST])

        painted, plain = discord.world.messages
        assert painted.files == {"files[0]": ("week.png", b"\x89PNG")}
        assert painted.payload["embeds"][0]["image"] == {"url": "attachment://week.png"}
        assert painted.plain["attachments"][0]["description"]
        assert plain.files == {}
        assert "image" not in plain.payload["embeds"][0]


async def test_an_address_that_is_no_webhook_is_sent_to_nobody() -> None:
    async with open_sender() as (discord, sender):
        stray = Destination("ep_1", Channel.DISCORD, "https://example.com/hook")

        answer = await sender.send(stray, [UPGRADE])

        assert answer.outcome == Rejected(Reason.INVALID_URL)
        assert discord.asked == []
