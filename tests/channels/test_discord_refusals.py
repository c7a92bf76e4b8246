"""The Discord channel against a Discord that refuses, limits and loses: what becomes of a post."""

import asyncio
import json
from datetime import timedelta

import pytest

from alerts.channels.discord_http import Reply
from alerts.channels.discord_restraint import INVALID_SPAN_SECONDS, Restraint
from alerts.domain.deliveries import (
    Deferred,
    Delivered,
    Disable,
    DisableReason,
    Reason,
    Rejected,
    Scope,
    Unknown,
)
from tests.channels.discords import UPGRADE, open_sender, to
from tests.channels.webhooks import FixedClock
from tests.discord.limits import Rates
from tests.faults import Fault
from tests.rates import Rate


async def test_a_webhook_that_was_deleted_ends_the_endpoint() -> None:
    async with open_sender() as (discord, sender):
        webhook = discord.world.webhook()
        del discord.world.webhooks[webhook.id]

        answer = await sender.send(to(webhook), [UPGRADE])

        assert answer.outcome == Rejected(Reason.GONE)
        assert answer.effect == Disable(DisableReason.GONE)
        assert answer.trace.detail == "the webhook was deleted in Discord"


async def test_a_thread_that_was_deleted_ends_the_endpoint_too() -> None:
    async with open_sender() as (discord, sender):
        webhook = discord.world.webhook()

        answer = await sender.send(to(webhook, thread_id="1300000000000000001"), [UPGRADE])

        assert answer.effect == Disable(DisableReason.GONE)
        assert "thread" in (answer.trace.detail or "")


async def test_another_token_ends_the_endpoint_with_a_reason_of_its_own() -> None:
    async with open_sender() as (discord, sender):
        webhook = discord.world.webhook()
        destination = to(webhook)
        webhook.token = "another"

        answer = await sender.send(destination, [UPGRADE])

        assert answer.outcome == Rejected(Reason.AUTH)
        assert answer.effect == Disable(DisableReason.UNAUTHORIZED)


async def test_a_429_holds_the_endpoint_to_the_fraction_of_a_second() -> None:
    async with open_sender(rates=Rates(channel=Rate(1, 60.0))) as (discord, sender):
        webhook = discord.world.webhook()
        await sender.send(to(webhook), [UPGRADE])

        answer = await sender.send(to(webhook), [UPGRADE])
        other = await sender.send(to(discord.world.webhook()), [UPGRADE])

        assert isinstance(answer.outcome, Deferred)
        assert answer.outcome.scope is Scope.ENDPOINT
        told = json.loads(answer.trace.response_body)["retry_after"]
        assert answer.outcome.retry_after == timedelta(seconds=told)
        assert isinstance(other.outcome, Delivered)


async def test_a_global_429_keeps_every_webhook_of_this_process_quiet() -> None:
    async with open_sender(rates=Rates(everything=Rate(1, 60.0))) as (discord, sender):
        for _ in range(2):
            await sender.send(to(discord.world.webhook()), [UPGRADE])

        answer = await sender.send(to(discord.world.webhook()), [UPGRADE])

        assert len(discord.asked) == 2
        assert isinstance(answer.outcome, Deferred)
        assert answer.outcome.scope is Scope.ENDPOINT
        wait = answer.outcome.retry_after
        assert wait is not None
        assert timedelta(0) < wait <= timedelta(seconds=60)


async def test_the_wall_before_discord_is_obeyed_like_a_global_limit() -> None:
    async with open_sender() as (discord, sender):
        html = Fault(429, headers={"retry-after": "3600", "content-type": "text/html"})
        discord.fail(html)
        first = await sender.send(to(discord.world.webhook()), [UPGRADE])

        await sender.send(to(discord.world.webhook()), [UPGRADE])

        assert first.outcome == Deferred(
            Reason.RATE_LIMITED, timedelta(seconds=3600), Scope.ENDPOINT
        )
        assert len(discord.asked) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
@pytest.mark.parametrize("after_effect", [True, False])
async def test_after_a_5xx_nobody_knows_and_it_is_not_posted_again(
    status: int, after_effect: bool
) -> None:
    async with open_sender() as (discord, sender):
        discord.fail(Fault(status, after_effect=after_effect))

        answer = await sender.send(to(discord.world.webhook()), [UPGRADE])

        assert answer.outcome == Unknown(Reason.SERVER_ERROR)
        assert len(discord.asked) == 1
        assert len(discord.world.messages) == after_effect


async def test_an_answer_lost_after_the_message_was_stored_is_unknown() -> None:
    async with open_sender() as (discord, sender):
        discord.fail(Fault(after_effect=True))

        answer = await sender.send(to(discord.world.webhook()), [UPGRADE])

        assert answer.outcome == Unknown(Reason.CONNECTION)
        assert len(discord.world.messages) == 1


async def test_an_answer_that_does_not_come_in_time_is_unknown() -> None:
    held = asyncio.Event()
    async with open_sender(deadline_seconds=1.0) as (discord, sender):
        discord.fail(Fault(after_effect=True, held=held))

        answer = await sender.send(to(discord.world.webhook()), [UPGRADE])

        held.set()
        assert answer.outcome == Unknown(Reason.TIMEOUT)
        assert answer.trace.detail == "no whole answer in time"


async def test_what_discord_finds_wrong_with_a_message_is_final() -> None:
    async with open_sender() as (discord, sender):
        body = b'{"code": 50035, "message": "Invalid Form Body", "errors": {"embeds": {}}}'
        discord.fail(Fault(400, body=body), Fault(400, body=b'{"code": 200000, "message": "x"}'))
        webhook = discord.world.webhook()

        wrong, blocked = [await sender.send(to(webhook), [UPGRADE]) for _ in range(2)]

        assert wrong.outcome == blocked.outcome == Rejected(Reason.CLIENT_ERROR)
        assert wrong.trace.response_body == body
        assert blocked.trace.detail == "the server's AutoMod blocked the message"


class Turned(FixedClock):
    """A clock that a test turns."""

    seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


def refused(status: int, *, scope: str = "user") -> Reply:
    return Reply(
        status=status,
        headers={"x-ratelimit-scope": scope},
        body=b'{"retry_after": 1, "global": false}',
        was_sent=True,
        timings_ms={},
        failure=None,
    )


def test_too_many_refusals_stop_all_asking_until_enough_of_them_are_old() -> None:
    clock = Turned()
    restraint = Restraint(clock, most_invalid=3)
    for reply in (refused(401), refused(404), refused(403), refused(429, scope="shared")):
        restraint.note(reply, None)
    assert restraint.wait() == timedelta(0)

    clock.seconds += 10
    restraint.note(refused(429), timedelta(seconds=1))

    assert restraint.wait() == timedelta(seconds=INVALID_SPAN_SECONDS - 10)
    clock.seconds += INVALID_SPAN_SECONDS - 10
    assert restraint.wait() == timedelta(0)
