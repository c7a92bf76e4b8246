"""How often one webhook, and one channel, is posted to, however many endpoints lead there."""

import asyncio
import json
from datetime import timedelta

import pytest

from alerts.channels.discord_address import BotChannel, IncomingWebhook
from alerts.channels.discord_http import Reply
from alerts.channels.discord_slots import CHANNEL_GAP_SECONDS, WEBHOOK_GAP_SECONDS, Slots
from alerts.domain.deliveries import Deferred, Delivered, Reason, Scope
from tests.channels.discords import UPGRADE, open_sender, to

NOW = 1000.0
CHANNEL = "1300000000000000077"
FIRST, SECOND = (IncomingWebhook(f"130000000000000000{n}", "t" * 68) for n in (1, 2))


def said(channel: str | None = CHANNEL, **headers: str) -> Reply:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    body = b"" if channel is None else json.dumps({"channel_id": channel}).encode()
    return Reply(200, names, body, was_sent=True, timings_ms={}, failure=None)


def waits(slots: Slots, *places: IncomingWebhook | BotChannel, now: float = NOW) -> list[float]:
    return [slots.take(place, now, patience=100) for place in places]


def test_a_webhook_takes_five_posts_in_two_seconds_and_its_threads_share_them() -> None:
    threads = [IncomingWebhook(FIRST.id, FIRST.token, f"130000000000000005{n}") for n in range(6)]

    found = waits(Slots(), *threads)

    assert found == pytest.approx([number * WEBHOOK_GAP_SECONDS for number in range(6)])
    assert found[5] == pytest.approx(2)


def test_webhooks_of_one_channel_share_its_thirty_a_minute_once_that_is_known() -> None:
    slots = Slots()
    assert waits(slots, FIRST, SECOND) == [0, 0]

    for place in (FIRST, SECOND):
        slots.note(place, said(), NOW)

    found = waits(slots, *(place for _ in range(15) for place in (FIRST, SECOND)), now=NOW + 1)
    assert found == pytest.approx([1 + number * CHANNEL_GAP_SECONDS for number in range(30)])


def test_our_bot_and_a_webhook_share_a_channel_too() -> None:
    slots = Slots()
    slots.note(FIRST, said(), NOW - 60)

    assert waits(slots, BotChannel("1300000000000000009", CHANNEL), FIRST) == [
        0,
        CHANNEL_GAP_SECONDS,
    ]


def test_what_discord_says_of_a_webhook_s_limit_counts_where_it_is_less() -> None:
    slots = Slots()
    spent = {"x_ratelimit_remaining": "0", "x_ratelimit_reset_after": "30.5"}
    slots.note(FIRST, said(None, **spent), NOW)
    odd = {"x_ratelimit_remaining": "0", "x_ratelimit_reset_after": "soon"}
    slots.note(SECOND, said(None, **odd), NOW)

    assert waits(slots, FIRST, SECOND) == [30.5, 0]


def test_a_slot_that_is_too_far_is_not_taken() -> None:
    slots = Slots(webhook_gap=60)
    waits(slots, FIRST)

    assert [slots.take(FIRST, NOW, patience=59) for _ in range(2)] == [60, 60]


async def test_a_post_waits_for_its_slot_and_one_that_is_far_away_is_given_back() -> None:
    async with open_sender(slots=Slots(webhook_gap=0.2, channel_gap=60)) as (discord, sender):
        here = discord.world.channel("market")
        first, second = discord.world.webhook(here), discord.world.webhook(here)
        elsewhere = discord.world.webhook()
        begun = asyncio.get_running_loop().time()
        sends = [sender.send(to(place), [UPGRADE]) for place in (elsewhere, first, first)]
        for answer in await asyncio.gather(*sends):
            assert isinstance(answer.outcome, Delivered)
        assert discord.asked[-1].arrived - begun >= 0.2
        await sender.send(to(second), [UPGRADE])

        answer = await sender.send(to(first), [UPGRADE])

        assert len(discord.asked) == 4
        assert isinstance(answer.outcome, Deferred)
        assert (answer.outcome.reason, answer.outcome.scope) == (
            Reason.RATE_LIMITED,
            Scope.ENDPOINT,
        )
        assert not answer.outcome.was_asked
        assert answer.outcome.retry_after is not None
        assert timedelta(seconds=50) < answer.outcome.retry_after <= timedelta(seconds=60)
