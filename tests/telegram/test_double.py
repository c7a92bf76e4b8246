"""The double answers as Telegram does: seen by python-telegram-bot, which our bot is made with."""

import asyncio

import pytest
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TimedOut,
)

from tests.faults import Fault
from tests.rates import Rate
from tests.telegram.double import Rates, Telegram
from tests.telegram.library import ALLOWED, both, keyboard, library
from tests.telegram.world import GENERAL, GROUP, LEFT


async def test_a_message_is_stored_as_it_is_shown_with_its_entities() -> None:
    async with both() as (double, bot):
        chat = double.world.started()

        sent = await bot.send_message(
            chat.id,
            'A&amp;B <b>🟢 up</b> <a href="https://a.example/x">more</a> '
            '<tg-time unix="7">then</tg-time>',
            parse_mode="HTML",
            reply_markup=keyboard("Stop"),
        )

        assert chat.texts == ["A&B 🟢 up more then"]
        assert [(each.type, sent.parse_entity(each)) for each in sent.entities] == [
            ("bold", "🟢 up"),
            ("text_link", "more"),
            ("date_time", "then"),
        ]
        assert sent.from_user is not None
        assert sent.from_user.username == "gradebell_bot"
        assert sent.reply_markup is not None


@pytest.mark.parametrize(
    ("html", "complaint"),
    [
        ("<b>x", 'can\'t find end tag corresponding to start tag "b"'),
        ("a < b", 'unsupported start tag "" at byte offset 2'),
        ("é<x>y</x>", 'unsupported start tag "x" at byte offset 2'),
        ("x</b>", "unexpected end tag at byte offset 1"),
        ("<b>x</i>", 'unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<b", "unclosed start tag at byte offset 0"),
    ],
)
async def test_html_that_is_not_well_formed_is_refused_with_the_place(
    html: str, complaint: str
) -> None:
    async with both() as (double, bot):
        with pytest.raises(BadRequest) as refused:
            await bot.send_message(double.world.started().id, html, parse_mode="HTML")

    assert refused.value.message.lower() == f"can't parse entities: {complaint}".lower()


async def test_a_text_is_measured_as_it_is_shown() -> None:
    async with both(rates=Rates(chat=Rate(9, 60.0))) as (double, bot):
        chat = double.world.started()

        await bot.send_message(chat.id, f"<b>{'&lt;' * 4096}</b>", parse_mode="HTML")
        await bot.send_message(chat.id, "🟢" * 4096)
        with pytest.raises(BadRequest, match="Message is too long"):
            await bot.send_message(chat.id, "x" * 4097)
        with pytest.raises(BadRequest, match="Text must be non-empty"):
            await bot.send_message(chat.id, "<b> </b>", parse_mode="HTML")

        assert [len(text) for text in chat.texts] == [4096, 4096]


async def test_the_data_of_a_button_is_64_bytes_at_most() -> None:
    async with both() as (double, bot):
        chat = double.world.started()

        await bot.send_message(chat.id, "x", reply_markup=keyboard("a", data="é" * 32))
        with pytest.raises(BadRequest, match="Button_data_invalid"):
            await bot.send_message(chat.id, "x", reply_markup=keyboard("a", data="é" * 32 + "x"))


async def test_names_that_look_like_links_and_commands_become_some() -> None:
    async with both() as (double, bot):
        sent = await bot.send_message(
            double.world.started().id,
            "evil.com @ada /stop #one $BTC <code>safe.com</code>",
            parse_mode="HTML",
        )

        found = [(each.type, sent.parse_entity(each)) for each in sent.entities]
        assert found == [
            ("url", "evil.com"),
            ("mention", "@ada"),
            ("bot_command", "/stop"),
            ("hashtag", "#one"),
            ("cashtag", "$BTC"),
            ("code", "safe.com"),
        ]


async def test_whoever_may_not_be_written_to_is_named_as_telegram_names_them() -> None:
    async with both() as (double, bot):
        world = double.world
        ada = world.person()
        with pytest.raises(Forbidden, match="bot can't initiate conversation with a user"):
            await bot.send_message(ada.id, "x")
        await double.people.type(ada, "/start")
        await double.people.block(ada)
        with pytest.raises(Forbidden, match="bot was blocked by the user"):
            await bot.send_message(ada.id, "x")
        group = world.group()
        await double.people.kick(group, ada)
        with pytest.raises(Forbidden, match="bot was kicked from the supergroup chat"):
            await bot.send_message(group.id, "x")
        group.ours = LEFT
        with pytest.raises(Forbidden, match="bot is not a member of the supergroup chat"):
            await bot.send_message(group.id, "x")
        mute = world.group(kind=GROUP)
        mute.may_write = False
        with pytest.raises(BadRequest, match="Not enough rights to send text messages"):
            await bot.send_message(mute.id, "x")
        with pytest.raises(BadRequest, match="Chat not found"):
            await bot.send_message(4, "x")


async def test_a_group_that_became_a_supergroup_says_where_it_went() -> None:
    async with both() as (double, bot):
        group = double.world.group(kind=GROUP)
        made = await double.people.upgrade(group)

        with pytest.raises(ChatMigrated) as moved:
            await bot.send_message(group.id, "x")
        await bot.send_message(moved.value.new_chat_id, "x")

        assert made.texts == ["x"]
        told = await bot.get_updates(allowed_updates=ALLOWED)
        assert [each.message.migrate_to_chat_id for each in told if each.message] == [made.id, None]


async def test_a_topic_is_written_to_by_its_number_and_general_without() -> None:
    async with both() as (double, bot):
        forum = double.world.group(is_forum=True)
        topic = double.world.topic(forum)

        sent = await bot.send_message(forum.id, "x", message_thread_id=topic)
        await bot.send_message(forum.id, "x")
        for gone in (GENERAL, 77):
            with pytest.raises(BadRequest, match="Message thread not found"):
                await bot.send_message(forum.id, "x", message_thread_id=gone)

        assert (sent.message_thread_id, sent.is_topic_message) == (topic, True)


async def test_too_much_is_refused_for_as_long_as_it_takes() -> None:
    async with both(rates=Rates(chat=Rate(1, 60.0), everything=Rate(3, 60.0))) as (double, bot):
        ada, bob = double.world.started(), double.world.started("Bob")

        await bot.send_message(ada.id, "x")
        with pytest.raises(RetryAfter) as once:
            await bot.send_message(ada.id, "x")
        await bot.send_message(bob.id, "x")
        with pytest.raises(RetryAfter):
            await bot.send_message(double.world.started("Eve").id, "x")

        assert once.value.retry_after in {59, 60}


async def test_another_token_is_unauthorized_and_none_at_all_is_not_found() -> None:
    async with Telegram() as double:
        for token, words in (("7:wrong", "Unauthorized"), ("wrong", "Not Found")):
            with pytest.raises(InvalidToken) as refused:
                async with library(double, token=token):
                    pass
            assert words in str(refused.value.__cause__)


async def test_an_answer_may_be_lost_after_the_message_was_stored_or_before() -> None:
    async with both() as (double, bot):
        chat = double.world.started()
        held = asyncio.Event()
        double.fail(
            Fault(after_effect=True),
            Fault(502),
            Fault(after_effect=True, held=held),
        )

        with pytest.raises(NetworkError):
            await bot.send_message(chat.id, "cut")
        with pytest.raises(NetworkError):
            await bot.send_message(chat.id, "gateway")
        with pytest.raises(TimedOut):
            await bot.send_message(chat.id, "late", read_timeout=0.1)
        held.set()

        assert chat.texts == ["cut", "late"]
