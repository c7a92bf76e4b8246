"""The Discord channel against a Discord of our own: one post, told as what it came to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from alerts.channels.discord import (
    INVALID_SPAN_SECONDS,
    DiscordSender,
    Paint,
    Restraint,
    open_discord_sender,
)
from alerts.channels.discord_address import read_webhook_url
from alerts.channels.discord_http import Reply
from alerts.channels.discord_messages import Picture
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
from alerts.ports import Destination, Letter
from tests.channels.contract import Case, SenderContract
from tests.channels.webhooks import FixedClock
from tests.discord.double import Discord, Fault
from tests.discord.limits import Rate, Rates
from tests.discord.world import FORUM, Webhook

UPGRADE = Letter(
    "dlv_1",
    "evt_1",
    json.dumps(
        {
            "id": "evt_1",
            "type": "endpoint.test",
            "timestamp": "2026-11-20T00:00:00Z",
            "recorded_at": "2026-11-20T00:04:07Z",
            "sequence": 7,
            "data": {},
        }
    ).encode(),
)
DIGEST = Letter(
    "dlv_2",
    "evt_2",
    json.dumps(
        {
            "id": "evt_2",
            "type": "digest.weekly",
            "timestamp": "2026-11-20T00:00:00Z",
            "recorded_at": "2026-11-20T00:04:07Z",
            "sequence": 8,
            "data": {
                "period": "2026-W47",
                "weeks": 1,
                "starts_at": "2026-11-13T00:00:00Z",
                "ends_at": "2026-11-20T00:00:00Z",
                "time_zone": "Europe/Berlin",
                "from_sequence": 1,
                "through_sequence": 7,
                "kinds": [],
            },
        }
    ).encode(),
)
URL_OF_NOBODY = f"https://discord.com/api/webhooks/1300000000000000000/{'t0ken-' * 12}"


def to(webhook: Webhook, *, thread_id: str | None = None, role: str | None = None) -> Destination:
    url = webhook.url if thread_id is None else f"{webhook.url}?thread_id={thread_id}"
    kept = read_webhook_url(url).kept
    return Destination("ep_1", Channel.DISCORD, kept, role=role)


@asynccontextmanager
async def open_sender(
    *, rates: Rates | None = None, paint: Paint | None = None, deadline_seconds: float = 5.0
) -> AsyncIterator[tuple[Discord, DiscordSender]]:
    async with (
        Discord(rates=rates) as discord,
        open_discord_sender(
            discord.api_url, clock=FixedClock(), deadline_seconds=deadline_seconds, paint=paint
        ) as sender,
    ):
        yield discord, sender


class TestDiscordSender(SenderContract):
    @asynccontextmanager
    async def open_case(self, base_url: str, *, deadline_seconds: float) -> AsyncIterator[Case]:
        webhook = read_webhook_url(URL_OF_NOBODY)
        clock = FixedClock()
        async with open_discord_sender(
            base_url, clock=clock, deadline_seconds=deadline_seconds
        ) as sender:
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
    async with open_sender(rates=Rates(webhook=Rate(1, 60.0))) as (discord, sender):
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


async def test_an_address_that_is_no_webhook_is_sent_to_nobody() -> None:
    async with open_sender() as (discord, sender):
        stray = Destination("ep_1", Channel.DISCORD, "https://example.com/hook")

        answer = await sender.send(stray, [UPGRADE])

        assert answer.outcome == Rejected(Reason.INVALID_URL)
        assert discord.asked == []


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
