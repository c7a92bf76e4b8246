"""What people do in the double is told to python-telegram-bot as Telegram tells it."""

import asyncio

import pytest
from telegram import BotCommand
from telegram.error import BadRequest, Conflict, InvalidToken, NetworkError

from tests.faults import Fault
from tests.telegram.library import ALLOWED, both, keyboard, library
from tests.telegram.world import ADMINISTRATOR


async def test_what_people_do_is_told_until_it_is_confirmed() -> None:
    async with both() as (double, bot):
        ada = double.world.person()
        await double.people.type(ada, "/grade BTC")
        first = await bot.get_updates(allowed_updates=ALLOWED)
        again = await bot.get_updates()

        assert first == again
        (update,) = first
        message = update.message
        assert message is not None
        assert (message.text, message.chat.type) == ("/grade BTC", "private")
        assert [each.type for each in message.entities] == ["bot_command"]

        polling = asyncio.create_task(bot.get_updates(update.update_id + 1, timeout=10))
        await double.updates.wait_until_confirmed()
        await double.people.block(ada)
        (blocked,) = await polling
        assert blocked.my_chat_member is not None
        assert blocked.my_chat_member.new_chat_member.status == "kicked"


async def test_a_second_poller_ends_the_first_and_a_webhook_both() -> None:
    async with both() as (double, bot):
        polling = asyncio.create_task(bot.get_updates(timeout=10))
        await double.updates.wait_for_poll()
        async with library(double) as other:
            await other.get_updates()
        with pytest.raises(Conflict, match="make sure that only one bot instance is running"):
            await polling

        await bot.set_webhook("https://a.example/")
        with pytest.raises(Conflict, match="webhook is active"):
            await bot.get_updates()
        await bot.delete_webhook()
        assert await bot.get_updates() == ()


async def test_a_poll_can_be_refused_without_a_word_about_updates() -> None:
    async with both() as (double, bot):
        double.fail(Fault(404), Fault(502), method="getUpdates")

        with pytest.raises(InvalidToken):
            await bot.get_updates()
        with pytest.raises(NetworkError):
            await bot.get_updates()
        assert await bot.get_updates() == ()


async def test_a_button_is_pressed_answered_once_and_its_message_edited_in_place() -> None:
    async with both() as (double, bot):
        ada = double.world.person()
        chat = double.world.chat_of(ada)
        await double.people.type(ada, "/list")
        await bot.send_message(chat.id, "1/2", reply_markup=keyboard("›", data="v1:list:2"))

        pressed = await double.people.press(ada, chat.messages[-1], "›")
        update = (await bot.get_updates())[-1]
        query = update.callback_query
        assert query is not None
        assert (query.data, query.from_user.id) == ("v1:list:2", ada.id)
        await query.answer("Page 2")
        await query.edit_message_text("2/2", reply_markup=keyboard("‹", data="v1:list:1"))
        with pytest.raises(BadRequest, match="Message is not modified"):
            await query.edit_message_text("2/2", reply_markup=keyboard("‹", data="v1:list:1"))
        with pytest.raises(BadRequest, match="Query is too old"):
            await query.answer()

        assert (await pressed.wait())["text"] == "Page 2"
        assert chat.texts == ["2/2"]


async def test_who_is_an_admin_is_told() -> None:
    async with both() as (double, bot):
        ada, bob = double.world.person(), double.world.person("Bob")
        group = double.world.group(creator=ada)
        group.members[bob.id] = ADMINISTRATOR

        admins = await bot.get_chat_administrators(group.id)

        assert {each.user.id: each.status for each in admins} == {
            ada.id: "creator",
            bob.id: "administrator",
        }
        assert (await bot.get_chat_member(group.id, bob.id)).status == "administrator"
        assert (await bot.get_chat_member(group.id, double.world.person().id)).status == "left"


async def test_the_menu_holds_what_was_put_there() -> None:
    async with both() as (double, bot):
        await bot.set_my_commands([BotCommand("grade", "Look up a grade")])
        with pytest.raises(BadRequest, match="Bot_command_invalid"):
            await bot.set_my_commands([BotCommand("Grade", "x")])

        assert double.commands.of() == {"grade": "Look up a grade"}
        assert [each.command for each in await bot.get_my_commands()] == ["grade"]
