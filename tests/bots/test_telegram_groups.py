"""Groups: whose word counts there, and what becomes of a group."""

from collections.abc import AsyncIterator

import pytest

from alerts.bots.chats import ChatDesk
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.deliveries import DisableReason, EndpointState
from alerts.store.endpoints import EndpointRecord
from tests.bots.talks import Talk, open_talk, said_by_bot
from tests.faults import Fault
from tests.telegram.world import ADMINISTRATOR, GROUP, MEMBER, Chat

GROUP_ANONYMOUS_BOT = {"id": 1087968824, "is_bot": True, "first_name": "Group"}


@pytest.fixture
async def talk(sqlite_url: str) -> AsyncIterator[Talk]:
    async with open_talk(sqlite_url) as opened:
        yield opened


async def endpoint_of(talk: Talk, chat: Chat) -> EndpointRecord | None:
    return await ChatDesk(talk.services).find(TelegramChat(chat.id))


async def test_in_a_group_only_admins_change_what_is_told(talk: Talk) -> None:
    ada, _ = talk.somebody()
    bob, _ = talk.somebody("Bob")
    group = talk.telegram.world.group(creator=ada)
    group.members[bob.id] = MEMBER

    (refused,) = await talk.type(bob, "/start", chat=group)
    (answered,) = await talk.type(bob, "/help", chat=group)
    assert await endpoint_of(talk, group) is None
    await talk.type(ada, "/start", chat=group)

    assert "for its admins alone" in refused["text"]
    assert "crypto tokens" in answered["text"]
    assert await endpoint_of(talk, group) is not None


async def test_whoever_becomes_an_admin_is_believed_and_who_they_are_is_asked_once(
    talk: Talk,
) -> None:
    ada, _ = talk.somebody()
    group = talk.telegram.world.group(creator=ada)

    for _ in range(3):
        await talk.type(ada, "/start", chat=group)

    assert len(talk.telegram.calls("getChatAdministrators")) == 1


async def test_a_group_that_begins_again_hears_what_it_follows(talk: Talk) -> None:
    ada, _ = talk.somebody()
    group = talk.telegram.world.group(creator=ada)
    await talk.api.push(1, {"btc": 50.0})
    await talk.type(ada, "/subscribe BTC", chat=group)
    await talk.type(ada, "/pause", chat=group)

    (back,) = await talk.type(ada, "/start", chat=group)

    assert back["text"].splitlines() == [
        "Welcome back. This chat follows 1 token: /list",
        "It is paused: /resume goes on.",
    ]


async def test_an_admin_who_stays_nameless_is_one(talk: Talk) -> None:
    group = talk.telegram.world.group()
    command = [{"type": "bot_command", "offset": 0, "length": 6}]
    said = {"text": "/start", "entities": command, "sender_chat": group.plain()}
    message = group.keep(GROUP_ANONYMOUS_BOT, said)

    await talk.telegram.updates.tell("message", message)
    await talk.telegram.updates.wait_until_confirmed()

    assert await endpoint_of(talk, group) is not None


async def test_a_press_is_judged_by_who_presses_and_where_whatever_it_says(talk: Talk) -> None:
    ada, private = talk.somebody()
    bob, _ = talk.somebody("Bob")
    group = talk.telegram.world.group(creator=ada)
    await talk.type(ada, "/start", chat=group)
    (asked,) = await talk.type(ada, "/stop", chat=group)
    (in_private,) = await talk.type(bob, "/help")

    pressed = await talk.press(bob, asked, "Delete all")
    forged = await talk.telegram.people.forge(bob, in_private, "v1:erase")
    await talk.telegram.updates.wait_until_confirmed()

    assert pressed.answer is not None
    assert "for its admins alone" in pressed.answer["text"]
    assert said_by_bot(group)[-1] == asked
    assert forged.answer is not None
    assert await endpoint_of(talk, group) is not None
    assert private.texts == []


@pytest.mark.parametrize("data", ["v0:erase", "v1:nothing", "hello", "v1:erase extra", "v2:mute:x"])
async def test_an_old_or_unknown_button_says_so(talk: Talk, data: str) -> None:
    ada, _ = talk.somebody()
    (message,) = await talk.type(ada, "/help")

    forged = await talk.telegram.people.forge(ada, message, data)

    assert "This button is old" in (await forged.wait())["text"]


async def test_a_command_of_another_bot_is_not_ours(talk: Talk) -> None:
    ada, _ = talk.somebody()
    group = talk.telegram.world.group(creator=ada)

    assert await talk.type(ada, "/help@OtherBot", chat=group) == []
    assert await talk.type(ada, "/nonsense", chat=group) == []
    assert len(await talk.type(ada, "/HELP@Gradebell_Bot", chat=group)) == 1
    assert len(await talk.type(ada, "/nonsense")) == 1


async def test_who_is_an_admin_cannot_be_asked_and_that_is_said(talk: Talk) -> None:
    ada, _ = talk.somebody()
    group = talk.telegram.world.group(creator=ada)
    talk.telegram.fail(Fault(502), method="getChatAdministrators")

    (refused,) = await talk.type(ada, "/start", chat=group)

    assert "try again in a moment" in refused["text"]
    assert await endpoint_of(talk, group) is None


async def test_who_blocks_the_bot_is_told_nothing_and_goes_on_with_start(talk: Talk) -> None:
    ada, chat = talk.somebody()
    await talk.type(ada, "/start")
    people, updates = talk.telegram.people, talk.telegram.updates

    await people.block(ada)
    await updates.wait_until_confirmed()
    blocked = await endpoint_of(talk, chat)
    await people.unblock(ada)
    await updates.wait_until_confirmed()

    assert blocked is not None
    assert blocked.disabled_reason is DisableReason.BLOCKED
    assert "/start goes on" in chat.texts[-1]
    await talk.type(ada, "/start")
    back = await endpoint_of(talk, chat)
    assert back is not None
    assert back.state is EndpointState.ACTIVE


async def test_a_group_that_removes_the_bot_is_told_nothing(talk: Talk) -> None:
    ada, _ = talk.somebody()
    group = talk.telegram.world.group(creator=ada)
    other = talk.telegram.world.group("Other", creator=ada)
    for each in (group, other):
        await talk.type(ada, "/start", chat=each)

    await talk.telegram.people.kick(group, ada)
    await talk.telegram.updates.wait_until_confirmed()

    removed, left = await endpoint_of(talk, group), await endpoint_of(talk, other)
    assert removed is not None
    assert removed.disabled_reason is DisableReason.REMOVED
    assert left is not None
    assert left.state is EndpointState.ACTIVE
    await talk.telegram.people.invite(group, ada)
    await talk.telegram.updates.wait_until_confirmed()
    assert "/start goes on" in group.texts[-1]


async def test_the_topics_of_a_forum_that_removed_the_bot_end_with_what_is_told_next(
    talk: Talk,
) -> None:
    ada, _ = talk.somebody()
    await talk.api.push(1, {"btc": 50.0})
    forum = talk.telegram.world.group(creator=ada, is_forum=True)
    place = TelegramChat(forum.id, talk.telegram.world.topic(forum))
    await talk.type(ada, "/subscribe btc", chat=forum, topic=place.thread_id)

    await talk.telegram.people.kick(forum, ada)
    await talk.telegram.updates.wait_until_confirmed()
    await talk.api.push(2, {"btc": 95.0})
    await talk.api.deliver()

    removed = await ChatDesk(talk.services).find(place)
    assert removed is not None
    assert removed.disabled_reason is DisableReason.REMOVED
    await talk.telegram.people.invite(forum, ada)
    await talk.telegram.updates.wait_until_confirmed()
    assert "in the topic where it is to be told" in forum.texts[-1]
    await talk.type(ada, "/start", chat=forum, topic=place.thread_id)
    again = await ChatDesk(talk.services).find(place)
    assert again is not None
    assert again.state is EndpointState.ACTIVE


async def test_a_group_that_invites_the_bot_is_greeted(talk: Talk) -> None:
    ada, _ = talk.somebody()
    group = talk.telegram.world.group(creator=ada)
    group.ours = "left"

    await talk.telegram.people.invite(group, ada)
    await talk.telegram.updates.wait_until_confirmed()

    assert "An admin sets up" in group.texts[-1]


async def test_a_group_that_becomes_a_supergroup_is_told_there(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await talk.api.push(1, {"btc": 50.0, "eth": 50.0})
    group = talk.telegram.world.group(kind=GROUP, creator=ada)
    await talk.type(ada, "/start t-demo-cbtc", chat=group)
    before = await endpoint_of(talk, group)

    made = await talk.telegram.people.upgrade(group)
    await talk.telegram.updates.wait_until_confirmed()
    after = await endpoint_of(talk, made)
    await talk.api.push(2, {"btc": 95.0, "eth": 50.0})
    await talk.api.deliver()

    assert before is not None
    assert after is not None
    assert after.id == before.id
    assert await endpoint_of(talk, group) is None
    assert "BTC upgraded" in made.texts[-1]


async def test_what_was_set_up_in_both_groups_is_merged(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await talk.api.push(1, {"btc": 50.0, "eth": 50.0})
    group = talk.telegram.world.group(kind=GROUP, creator=ada)
    await talk.type(ada, "/start t-demo-cbtc", chat=group)
    made = talk.telegram.world.group(creator=ada)
    await talk.type(ada, "/start t-demo-ceth", chat=made)

    for chat, said in (
        (group, {"migrate_to_chat_id": made.id}),
        (made, {"migrate_from_chat_id": group.id}),
    ):
        await talk.telegram.updates.tell("message", chat.keep(ada.plain(), said))
    await talk.telegram.updates.wait_until_confirmed()

    after = await endpoint_of(talk, made)
    assert after is not None
    assert after.filter.tokens == ("demo:btc", "demo:eth")
    assert await endpoint_of(talk, group) is None


async def test_an_administrator_is_one_as_the_creator_is(talk: Talk) -> None:
    bob, _ = talk.somebody("Bob")
    group = talk.telegram.world.group()
    group.members[bob.id] = ADMINISTRATOR

    await talk.type(bob, "/start", chat=group)

    assert await endpoint_of(talk, group) is not None
