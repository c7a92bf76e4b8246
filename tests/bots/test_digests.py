"""`/digest …`: set up, looked at, sent, paused and ended by those who manage a server."""

import asyncio
import re
from typing import Any

import pytest

from alerts.domain.deliveries import EndpointState
from tests.bots.conftest import SETUP, Chat, known
from tests.discord.commands import NotOffered
from tests.discord.interactions import MANAGE_GUILD
from tests.discord.world import May, Role

TIME = re.compile(r"<t:(\d+):F>")


async def test_a_digest_is_set_up_shown_and_posted_as_it_was_shown(chat: Chat) -> None:
    place = await known(chat)
    made = await chat.set_up(place)
    await chat.api.push(1, {"btc": 50.0, "eth": 90.0})
    await chat.api.push(2, {"btc": 95.0, "eth": 30.0})

    preview = await chat.type("digest preview", place)
    sent = await chat.type("digest now", place)
    await chat.api.deliver()

    assert f"<#{place.id}> gets its digest on Mondays at 9:00, Europe/Berlin" in made.text
    assert made.is_ephemeral
    assert preview.is_ephemeral
    assert "Next post <t:" in preview.text
    assert "It is on its way." in sent.text
    (message,) = chat.discord.world.messages
    assert message.channel_id == place.id
    shown = [_plain(embed) for embed in preview.answers[-1]["embeds"]]
    assert shown == [_plain(embed) for embed in message.payload["embeds"]]
    assert "**BTC** Neutral → Strong Buy" in str(shown)
    assert preview.files == message.files != {}
    described = [each["description"] for each in message.payload["attachments"]]
    assert [each["description"] for each in preview.answers[-1]["attachments"]] == described
    assert message.plain["nonce"]


def _plain(embed: dict[str, Any]) -> dict[str, Any]:
    """An embed without what the library adds to it, which Discord takes for granted."""
    fields = [{**each, "inline": each.get("inline", False)} for each in embed.get("fields", ())]
    return {**embed, "fields": fields, "type": "rich", "flags": 0}


async def test_a_second_set_up_changes_the_first_and_takes_it_back_into_service(
    chat: Chat,
) -> None:
    place = await known(chat)
    await chat.set_up(place)
    await chat.type("digest pause", place)

    again = await chat.set_up(place, hour=18, role=Role("1300000000000000055"), at_once="upgrades")

    (endpoint,) = await chat.endpoints()
    assert endpoint.digest is not None
    assert (endpoint.digest["hour"], endpoint.role) == (18, "1300000000000000055")
    assert endpoint.state is EndpointState.ACTIVE
    assert sorted(endpoint.filter.types) == ["grade.upgraded"]
    assert "at 18:00" in again.text


async def test_two_who_set_up_one_channel_at_once_are_both_answered(chat: Chat) -> None:
    place = await known(chat)

    made = await asyncio.gather(*(chat.set_up(place, hour=hour) for hour in range(4)))

    (endpoint,) = await chat.endpoints()
    assert [each.text for each in made if "gets its digest" not in each.text] == []
    assert endpoint.digest is not None
    assert endpoint.digest["hour"] in range(4)


async def test_upgrades_are_posted_at_once_where_that_was_chosen(chat: Chat) -> None:
    place = await known(chat)
    await chat.set_up(place, at_once="upgrades")

    await chat.api.upgrade("btc")

    (message,) = chat.discord.world.messages
    assert message.channel_id == place.id
    assert message.plain["mention_roles"] == []


@pytest.mark.parametrize(
    ("may", "missing"),
    [
        (May(0), "View Channel, Send Messages, Embed Links, Attach Files"),
        (May.VIEW | May.SEND, "Embed Links, Attach Files"),
    ],
)
async def test_what_the_bot_may_not_do_is_named_and_nothing_is_made(
    chat: Chat, may: May, missing: str
) -> None:
    place = await known(chat, may=may)

    answer = await chat.set_up(place)

    assert f"I lack {missing} in #market" in answer.text
    assert await chat.endpoints() == []


async def test_settings_show_every_channel_of_the_server_and_no_other_server_s(
    chat: Chat,
) -> None:
    here = await known(chat)
    second = chat.discord.world.channel("quiet", guild_id=here.guild_id)
    await chat.discord.gateway.tell("CHANNEL_CREATE", chat.discord.gateway.placed(second))
    elsewhere = await known(chat)
    for place in (here, second, elsewhere):
        await chat.set_up(place)
    await chat.type("digest pause", here, channel=second)

    shown = await chat.type("digest settings", here)

    assert f"<#{here.id}>: Next post <t:" in shown.text
    assert f"<#{second.id}>: paused" in shown.text
    assert elsewhere.id not in shown.text


async def test_a_digest_is_paused_resumed_and_removed(chat: Chat) -> None:
    place = await known(chat)
    await chat.set_up(place, quiet_weeks=True)

    await chat.type("digest pause", place)
    preview = await chat.type("digest preview", place)
    refused = await chat.type("digest now", place)
    again = await chat.type("digest pause", place)
    resumed = await chat.type("digest resume", place)
    removed = await chat.type("digest remove", place)
    gone = await chat.type("digest preview", place)

    assert "But just now it is paused; `/digest resume` goes on." in preview.text
    assert "out of service" in refused.text
    assert "nothing is posted there anyway" in again.text.casefold()
    assert "is told again" in resumed.text
    assert "nothing any more" in removed.text
    assert "`/digest setup` makes one" in gone.text
    assert await chat.endpoints() == []


async def test_a_week_without_changes_is_not_posted_now_and_keeps_its_time(chat: Chat) -> None:
    place = await known(chat)
    made = await chat.set_up(place)

    preview = await chat.type("digest preview", place)
    answer = await chat.type("digest now", place)

    assert "Nothing changed so far" in preview.text
    assert "nothing is posted" in answer.text
    times = [TIME.findall(said.text) for said in (made, preview, answer)]
    assert times == [times[0]] * 3


async def test_a_digest_that_was_posted_early_is_not_posted_again_in_its_week(
    chat: Chat,
) -> None:
    place = await known(chat)
    made = await chat.set_up(place, quiet_weeks=True)

    sent = await chat.type("digest now", place)
    again = await chat.type("digest now", place)
    await chat.api.deliver()

    assert "posted already" in again.text
    first, then = (int(TIME.findall(said.text)[0]) for said in (made, sent))
    assert 6.9 < (then - first) / 86400 < 7.1
    assert len(chat.discord.world.messages) == 1


async def test_names_stand_in_answers_letter_by_letter(chat: Chat) -> None:
    place = await known(chat)
    grade = {"token_id": "1", "symbol": "EVIL", "name": "**@everyone** <@&1>", "score": 50}
    body = {"source": "demo", "kind": "trader", "as_of": "2026-01-02T00:00:00Z"}
    await chat.api.post("/v1/cycles", json={**body, "grades": [grade]})

    shown = await chat.type("grade", place, symbol="EVIL")

    assert r"\*\*\@everyone\*\* \<\@&1\>" in shown.text


async def test_zones_are_completed_and_others_refused(chat: Chat) -> None:
    place = await known(chat)

    typed = await chat.discord.interactions.type(
        "digest setup", channel=place, options={"zone": "new y"}, focused="zone"
    )
    answer = await chat.set_up(place, zone="Mars/Olympus")

    assert typed.choices is not None
    assert [choice["value"] for choice in typed.choices] == ["America/New_York"]
    assert "zone: must be a time zone" in answer.text


async def test_only_who_may_manage_the_server_is_offered_them(chat: Chat) -> None:
    place = await known(chat)

    with pytest.raises(NotOffered):
        await chat.discord.interactions.type("digest settings", channel=place, permissions=0)

    wanted = chat.discord.interactions.commands["digest"]["default_member_permissions"]
    assert int(wanted) == MANAGE_GUILD


async def test_a_role_that_would_not_hear_is_named_and_everyone_is_refused(chat: Chat) -> None:
    place = await known(chat)

    heard = await chat.set_up(place, role=Role("1300000000000000055"))
    unheard = await chat.set_up(place, role=Role("1300000000000000056", mentionable=False))
    preview = await chat.type("digest preview", place)
    everyone = await chat.set_up(place, role=Role(place.guild_id))

    assert "notified" not in heard.text
    assert "; mentions <@&1300000000000000055>. Next post" in heard.text
    assert "; mentions <@&1300000000000000056>. Next post" in unheard.text
    assert "<@&1300000000000000056> will stand there, but nobody of it is notified" in unheard.text
    assert "It will mention <@&1300000000000000056>." in preview.text
    assert "role: must be one of your own, not @everyone." in everyone.text


async def test_a_channel_that_the_bot_does_not_see_is_refused_with_what_mends_it(
    chat: Chat,
) -> None:
    place = await known(chat)
    unseen = chat.discord.world.channel("secret", guild_id=place.guild_id)

    chosen = await chat.type("digest setup", place, channel=unseen, **SETUP)
    typed_there = await chat.set_up(unseen)

    for answer in (chosen, typed_there):
        assert "allow View Channel" in answer.text
    assert await chat.endpoints() == []


async def test_what_was_chosen_is_kept_and_shown(chat: Chat) -> None:
    place = await known(chat)

    made = await chat.set_up(
        place, at_once="upgrades and downgrades", grades="trader", bands=2, quiet_weeks=True
    )
    shown = await chat.type("digest settings", place)

    chosen = (
        "; upgrades and downgrades at once; trader grades; changes of 2 bands or more"
        "; weeks without changes, too"
    )
    assert f"Europe/Berlin{chosen}" in made.text
    assert f"Europe/Berlin{chosen}" in shown.text
    (endpoint,) = await chat.endpoints()
    wanted, digest = endpoint.filter, endpoint.digest or {}
    assert sorted(wanted.types) == ["grade.downgraded", "grade.upgraded"]
    assert (sorted(wanted.kinds), wanted.min_notches) == (["trader"], 2)
    assert (digest["kinds"], digest["min_notches"], digest["when_empty"]) == (["trader"], 2, "say")
