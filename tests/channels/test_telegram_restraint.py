"""Where a chat on Telegram is, and when it may be written to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.channels.api_http import Reply
from alerts.channels.telegram_address import TelegramChat, read_chat
from alerts.channels.telegram_restraint import TelegramRestraint
from alerts.domain.deliveries import Deferred, Delivered, Scope
from tests.channels.telegrams import UPGRADE, open_sender, to


@pytest.mark.parametrize("chat", [TelegramChat(7), TelegramChat(-1001), TelegramChat(-1001, 5)])
def test_a_chat_is_kept_so_that_it_is_found_again(chat: TelegramChat) -> None:
    assert read_chat(chat.kept) == chat


@pytest.mark.parametrize(
    "address", ["chats/0", "chats/07", "chats/7/0", "chats/7/", "channels/1/2"]
)
def test_what_is_no_chat_is_none(address: str) -> None:
    assert read_chat(address) is None


def test_the_topics_of_a_group_share_its_pace() -> None:
    restraint = TelegramRestraint(chat_gap=1.0, group_gap=3.0)
    forum, other = TelegramChat(-1001, 5), TelegramChat(7)

    waits = [
        restraint.take(replace(forum, thread_id=topic), 100.0, patience=5.0) for topic in (5, 6, 7)
    ]

    # The third is given back, and takes no slot.
    assert waits == [0.0, 3.0, 6.0]
    assert restraint.take(forum, 103.5, patience=5.0) == 2.5
    assert [restraint.take(other, at, patience=5.0) for at in (100.0, 100.5)] == [0.0, 0.5]


def test_one_chat_that_is_told_to_wait_holds_up_nobody_else() -> None:
    restraint = TelegramRestraint()
    refused = Reply(
        status=429,
        headers={},
        body=b'{"ok":false,"error_code":429,"parameters":{"retry_after":43838}}',
        was_sent=True,
        timings_ms={},
        failure=None,
    )

    restraint.note(TelegramChat(7), refused, 100.0)
    restraint.note(TelegramChat(7), refused, 101.0)
    restraint.note(TelegramChat(8), refused, 200.0)
    assert restraint.wait(200.0) == timedelta(0)

    restraint.note(TelegramChat(9), refused, 205.0)
    assert restraint.wait(206.0) == timedelta(seconds=43837)


async def test_a_topic_whose_forum_is_told_much_waits_for_its_turn_and_asks_nothing() -> None:
    async with open_sender(restraint=TelegramRestraint(group_gap=60)) as (telegram, sender):
        forum = telegram.world.group(is_forum=True)
        topics = [telegram.world.topic(forum) for _ in range(2)]

        first, second = [await sender.send(to(forum, thread_id=one), [UPGRADE]) for one in topics]

        assert isinstance(first.outcome, Delivered)
        assert isinstance(second.outcome, Deferred)
        assert second.outcome.scope is Scope.ENDPOINT
        assert not second.outcome.was_asked
        assert len(telegram.asked) == 1
