"""The Telegram channel against a Telegram of our own: sent once, and what becomes of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from alerts.channels.api_http import open_api_http
from alerts.channels.telegram import USER_AGENT, TelegramSender
from alerts.channels.telegram_address import TelegramChat
from alerts.channels.telegram_buttons import Verb, read_data
from alerts.channels.telegram_restraint import TelegramRestraint
from alerts.domain.deliveries import (
    Channel,
    Deferred,
    Delivered,
    Disable,
    DisableReason,
    Keep,
    MoveTo,
    Reason,
    Rejected,
    Scope,
    Unknown,
)
from alerts.ports import Destination
from tests.channels.contract import Case, SenderContract
from tests.channels.telegrams import UPGRADE, at_once, open_sender, to
from tests.channels.webhooks import FixedClock
from tests.faults import Fault
from tests.rates import Rate
from tests.telegram.double import TOKEN, Rates
from tests.telegram.world import GROUP, KICKED, LEFT, Chat


class TestTelegramSender(SenderContract):
    @asynccontextmanager
    async def open_case(self, base_url: str, *, deadline_seconds: float) -> AsyncIterator[Case]:
        async with open_api_http(
            base_url, user_agent=USER_AGENT, deadline_seconds=deadline_seconds
        ) as http:
            sender = TelegramSender(http, at_once(), FixedClock(), TOKEN)
            destination = Destination("ep_1", Channel.TELEGRAM, TelegramChat(7).kept)
            yield Case(sender, destination, [UPGRADE], (TOKEN, TOKEN.partition(":")[2]))


async def test_a_change_is_sent_once_with_its_buttons_and_known_by_its_id() -> None:
    async with open_sender() as (telegram, sender):
        chat = telegram.world.started()

        answer = await sender.send(to(chat), [UPGRADE])

        (message,) = chat.messages
        assert answer.outcome == Delivered(str(message["message_id"]))
        assert answer.effect == Keep()
        assert message["text"].startswith("🟢 BTC upgraded: Emerging → Blue Chip\n")
        assert message["link_preview_options"] == {"is_disabled": True}
        rows = message["reply_markup"]["inline_keyboard"]
        wanted = [read_data(button["callback_data"]) for row in rows for button in row]
        assert [each.verb for each in wanted if each] == [Verb.MUTE, Verb.EDIT, Verb.STOP]
        assert len(telegram.asked) == 1


async def test_of_what_telegram_took_nothing_that_names_the_chat_is_kept() -> None:
    async with open_sender() as (telegram, sender):
        answers = [
            await sender.send(to(chat), [UPGRADE])
            for chat in (telegram.world.started("Ada"), telegram.world.group("Alpha Traders"))
        ]

        assert [answer.trace.response_body for answer in answers] == [b"", b""]
        assert [answer.trace.status_code for answer in answers] == [200, 200]


async def test_several_changes_are_one_message() -> None:
    async with open_sender() as (telegram, sender):
        chat = telegram.world.started()

        answer = await sender.send(to(chat), [UPGRADE] * 4)

        assert isinstance(answer.outcome, Delivered)
        (text,) = chat.texts
        assert text.startswith("4 changes: 🟢 4 up\n")


async def test_a_topic_is_written_to_and_one_that_is_gone_or_closed_is_told_apart() -> None:
    async with open_sender() as (telegram, sender):
        forum = telegram.world.group(is_forum=True)
        topic, closed = telegram.world.topic(forum), telegram.world.topic(forum)
        assert forum.topics is not None
        forum.topics[closed] = False

        sent = await sender.send(to(forum, thread_id=topic), [UPGRADE])
        shut = await sender.send(to(forum, thread_id=closed), [UPGRADE])
        lost = await sender.send(to(forum, thread_id=77), [UPGRADE])

        assert isinstance(sent.outcome, Delivered)
        assert [each["message_thread_id"] for each in forum.messages] == [topic]
        assert shut.effect == Disable(DisableReason.NO_PERMISSION)
        assert lost.effect == Disable(DisableReason.GONE)


def blocked(chat: Chat) -> None:
    chat.ours = KICKED


def left(chat: Chat) -> None:
    chat.ours = LEFT


def gone(chat: Chat) -> None:
    chat.is_gone = True


def muted(chat: Chat) -> None:
    chat.may_write = False


@pytest.mark.parametrize(
    ("kind", "befall", "outcome", "reason"),
    [
        ("private", blocked, Reason.AUTH, DisableReason.BLOCKED),
        ("private", left, Reason.AUTH, DisableReason.BLOCKED),
        ("private", gone, Reason.GONE, DisableReason.GONE),
        ("group", blocked, Reason.GONE, DisableReason.REMOVED),
        ("group", left, Reason.GONE, DisableReason.REMOVED),
        ("group", gone, Reason.GONE, DisableReason.GONE),
        ("group", muted, Reason.AUTH, DisableReason.NO_PERMISSION),
    ],
)
async def test_whoever_cannot_be_written_to_any_more_is_disabled_and_why(
    kind: str, befall: object, outcome: Reason, reason: DisableReason
) -> None:
    async with open_sender() as (telegram, sender):
        chat = telegram.world.group() if kind == "group" else telegram.world.started()
        assert callable(befall)
        befall(chat)

        answer = await sender.send(to(chat), [UPGRADE])

        assert answer.outcome == Rejected(outcome)
        assert answer.effect == Disable(reason)
        assert answer.trace.detail


async def test_a_chat_that_telegram_does_not_know_is_gone() -> None:
    async with open_sender() as (_, sender):
        stranger = Destination("ep_1", Channel.TELEGRAM, TelegramChat(4).kept)

        answer = await sender.send(stranger, [UPGRADE])

        assert answer.effect == Disable(DisableReason.GONE)


async def test_a_group_that_became_a_supergroup_is_followed_at_once() -> None:
    async with open_sender() as (telegram, sender):
        group = telegram.world.group(kind=GROUP)
        made = await telegram.people.upgrade(group)

        answer = await sender.send(to(group), [UPGRADE])

        assert isinstance(answer.outcome, Delivered)
        assert answer.effect == MoveTo(TelegramChat(made.id).kept)
        assert len(made.texts) == 1


async def test_a_group_that_moved_to_where_the_bot_is_not_is_disabled() -> None:
    async with open_sender() as (telegram, sender):
        group = telegram.world.group(kind=GROUP)
        (await telegram.people.upgrade(group)).ours = KICKED

        answer = await sender.send(to(group), [UPGRADE])

        assert answer.effect == Disable(DisableReason.REMOVED)


async def test_markup_that_is_not_taken_goes_once_more_in_plain_words_as_our_fault() -> None:
    async with open_sender() as (telegram, sender):
        chat = telegram.world.started()
        refused = {
            "ok": False,
            "error_code": 400,
            "description": 'Bad Request: can\'t parse entities: Unsupported start tag "tg-time"',
        }
        telegram.fail(Fault(400, body=json.dumps(refused).encode()))

        answer = await sender.send(to(chat), [UPGRADE])

        assert isinstance(answer.outcome, Delivered)
        assert "a fault of ours" in (answer.trace.detail or "")
        (text,) = chat.texts
        assert text.startswith("🟢 BTC upgraded: Emerging → Blue Chip\n")
        assert [call.given.get("parse_mode") for call in telegram.calls()] == ["HTML", None]


async def test_what_telegram_finds_wrong_with_a_message_is_final() -> None:
    async with open_sender() as (telegram, sender):
        refused = b'{"ok":false,"error_code":400,"description":"Bad Request: message is too long"}'
        telegram.fail(Fault(400, body=refused))

        answer = await sender.send(to(telegram.world.started()), [UPGRADE])

        assert answer.outcome == Rejected(Reason.CLIENT_ERROR)
        assert len(telegram.asked) == 1


async def test_a_429_holds_its_chat_for_as_long_as_it_says() -> None:
    async with open_sender(rates=Rates(chat=Rate(1, 60.0))) as (telegram, sender):
        chat = telegram.world.started()
        await sender.send(to(chat), [UPGRADE])

        answer = await sender.send(to(chat), [UPGRADE])
        other = await sender.send(to(telegram.world.started("Bob")), [UPGRADE])

        assert answer.outcome in {
            Deferred(Reason.RATE_LIMITED, timedelta(seconds=seconds), Scope.ENDPOINT)
            for seconds in (59, 60)
        }
        assert isinstance(other.outcome, Delivered)


async def test_a_429_to_two_chats_holds_them_all() -> None:
    rates = Rates(everything=Rate(1, 60.0))
    async with open_sender(rates=rates) as (telegram, sender):
        for name in ("Ada", "Bob", "Eve"):
            await sender.send(to(telegram.world.started(name)), [UPGRADE])

        answer = await sender.send(to(telegram.world.started("Joe")), [UPGRADE])

        assert len(telegram.asked) == 3
        assert isinstance(answer.outcome, Deferred)
        assert answer.outcome.scope is Scope.ENDPOINT
        assert answer.outcome.retry_after is not None
        assert timedelta(seconds=55) < answer.outcome.retry_after <= timedelta(seconds=60)


@pytest.mark.parametrize("after_effect", [True, False])
@pytest.mark.parametrize("status", [500, 502, 504, None])
async def test_where_nobody_says_whether_it_was_stored_it_is_unknown_and_not_sent_again(
    status: int | None, after_effect: bool
) -> None:
    async with open_sender() as (telegram, sender):
        chat = telegram.world.started()
        telegram.fail(Fault(status, after_effect=after_effect))

        answer = await sender.send(to(chat), [UPGRADE])

        reason = Reason.SERVER_ERROR if status else Reason.CONNECTION
        assert answer.outcome == Unknown(reason)
        assert (len(telegram.asked), len(chat.texts)) == (1, int(after_effect))


async def test_an_answer_that_does_not_come_in_time_is_unknown() -> None:
    held = asyncio.Event()
    async with open_sender(deadline_seconds=1.0) as (telegram, sender):
        telegram.fail(Fault(after_effect=True, held=held))

        answer = await sender.send(to(telegram.world.started()), [UPGRADE])

        held.set()
        assert answer.outcome == Unknown(Reason.TIMEOUT)


@pytest.mark.parametrize("token", ["", "7000000001:another", "no token"])
async def test_a_token_that_is_not_taken_disables_nobody_and_is_not_tried_for_each_of_them(
    token: str,
) -> None:
    restraint = TelegramRestraint(chat_gap=0)
    async with open_sender(bot_token=token, restraint=restraint) as (telegram, sender):
        first = await sender.send(to(telegram.world.started()), [UPGRADE])
        next_one = await sender.send(to(telegram.world.started("Bob")), [UPGRADE])

        assert first.outcome == Deferred(Reason.AUTH, None, Scope.ENDPOINT)
        assert isinstance(next_one.outcome, Deferred)
        assert next_one.outcome.is_ours
        assert first.effect == Keep()
        assert "GRADEBELL_TELEGRAM_BOT_TOKEN" in (first.trace.detail or "")
        assert len(telegram.asked) == len(token[:1])


async def test_an_address_that_is_no_chat_is_sent_to_nobody() -> None:
    async with open_sender() as (telegram, sender):
        stray = Destination("ep_1", Channel.TELEGRAM, "https://example.com/hook")

        answer = await sender.send(stray, [UPGRADE])

        assert answer.outcome == Rejected(Reason.INVALID_URL)
        assert telegram.asked == []
