"""What our bot posts to a channel: under one nonce, and refused in words that mend it."""

import json

import pytest

from alerts.channels.discord import NONCE_SECONDS
from alerts.channels.discord_address import BotChannel
from alerts.domain.deliveries import (
    Channel,
    Deferred,
    Delivered,
    Disable,
    DisableReason,
    Keep,
    Reason,
    Rejected,
    Scope,
    Unknown,
)
from alerts.ports import Destination
from tests.channels.discords import DIGEST, open_sender
from tests.channels.webhooks import FixedClock
from tests.discord.bots import TOKEN
from tests.discord.world import Channel as Place
from tests.discord.world import May
from tests.faults import Fault


def to(channel: Place) -> Destination:
    return Destination("ep_1", Channel.DISCORD, BotChannel(channel.guild_id, channel.id).kept)


async def test_a_message_bears_a_nonce_of_its_delivery() -> None:
    async with open_sender(bot_token=TOKEN) as (discord, sender):
        channel = discord.world.channel()

        answer = await sender.send(to(channel), [DIGEST])

        (sent,) = discord.world.messages
        assert answer.outcome == Delivered(sent.id)
        assert (sent.channel_id, sent.plain["nonce"]) == (channel.id, DIGEST.delivery_id[-25:])
        assert len(sent.plain["nonce"]) <= 25
        assert sent.payload["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize("status", [500, 502, None])
async def test_what_is_in_doubt_is_asked_again_under_the_same_nonce_and_is_there_once(
    status: int | None,
) -> None:
    async with open_sender(bot_token=TOKEN) as (discord, sender):
        discord.fail(Fault(status, after_effect=True), Fault(status))

        answer = await sender.send(to(discord.world.channel()), [DIGEST])

        (sent,) = discord.world.messages
        assert answer.outcome == Delivered(sent.id)
        assert len(discord.posts()) == 3


async def test_nothing_is_asked_again_under_a_nonce_that_discord_may_have_forgotten() -> None:
    class Hurried(FixedClock):
        """Every look at it is NONCE_SECONDS later."""

        looks = 0

        def monotonic(self) -> float:
            self.looks += 1
            return self.looks * NONCE_SECONDS

    async with open_sender(bot_token=TOKEN, clock=Hurried()) as (discord, sender):
        discord.fail(Fault(502, after_effect=True))

        answer = await sender.send(to(discord.world.channel()), [DIGEST])

        assert answer.outcome == Unknown(Reason.SERVER_ERROR)
        assert len(discord.posts()) == 1


@pytest.mark.parametrize(("status", "code"), [(400, 50083), (403, 160005)])
async def test_a_thread_that_is_shut_is_said_to_be(status: int, code: int) -> None:
    async with open_sender(bot_token=TOKEN) as (discord, sender):
        body = json.dumps({"code": code, "message": "Thread is archived"}).encode()
        discord.fail(Fault(status, body=body, headers={"content-type": "application/json"}))

        answer = await sender.send(to(discord.world.channel()), [DIGEST])

        assert answer.outcome == Rejected(Reason.CLIENT_ERROR)
        assert answer.effect == Keep()
        assert "open it again" in (answer.trace.detail or "")


async def test_what_is_in_doubt_after_that_is_unknown() -> None:
    async with open_sender(bot_token=TOKEN) as (discord, sender):
        discord.fail(*[Fault(502, after_effect=True)] * 3)

        answer = await sender.send(to(discord.world.channel()), [DIGEST])

        assert answer.outcome == Unknown(Reason.SERVER_ERROR)
        assert (len(discord.posts()), len(discord.world.messages)) == (3, 1)


@pytest.mark.parametrize(
    "after",
    [Fault(429, body=b'{"retry_after": 300.0, "global": false}'), Fault(403), Fault(400)],
    ids=["rate limited", "forbidden", "refused"],
)
async def test_a_refusal_under_the_nonce_does_not_say_that_the_first_was_not_stored(
    after: Fault,
) -> None:
    async with open_sender(bot_token=TOKEN) as (discord, sender):
        discord.fail(Fault(502, after_effect=True), after)

        answer = await sender.send(to(discord.world.channel()), [DIGEST])

        assert len(discord.world.messages) == 1
        assert answer.outcome == Unknown(Reason.SERVER_ERROR)


@pytest.mark.parametrize(
    ("may", "fix"),
    [
        (May(0), "give it View Channel"),
        (May.VIEW, "give it Send Messages, Embed Links and Attach Files"),
        (May.VIEW | May.SEND, "Embed Links"),
    ],
)
async def test_a_permission_that_lacks_ends_the_endpoint_and_is_named(may: May, fix: str) -> None:
    async with open_sender(bot_token=TOKEN) as (discord, sender):
        channel = discord.world.channel()
        channel.may = may

        answer = await sender.send(to(channel), [DIGEST])

        assert answer.outcome == Rejected(Reason.AUTH)
        assert answer.effect == Disable(DisableReason.NO_PERMISSION)
        assert fix in (answer.trace.detail or "")


async def test_a_channel_that_was_deleted_ends_the_endpoint() -> None:
    async with open_sender(bot_token=TOKEN) as (discord, sender):
        channel = discord.world.channel()
        del discord.world.channels[channel.id]

        answer = await sender.send(to(channel), [DIGEST])

        assert answer.effect == Disable(DisableReason.GONE)


@pytest.mark.parametrize("token", ["", "another"])
async def test_without_the_right_token_the_channel_waits_and_its_endpoint_stays(
    token: str,
) -> None:
    async with open_sender(bot_token=token) as (discord, sender):
        answer = await sender.send(to(discord.world.channel()), [DIGEST])

        assert isinstance(answer.outcome, Deferred)
        assert (answer.outcome.reason, answer.outcome.scope) == (Reason.AUTH, Scope.ENDPOINT)
        assert answer.effect == Keep()
        assert "GRADEBELL_DISCORD_BOT_TOKEN" in (answer.trace.detail or "")
        assert len(discord.asked) == len(token[:1])
