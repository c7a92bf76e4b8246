"""`/why`: what was posted on a server, what was not, and why, in plain words."""

from dataclasses import replace

from alerts.bots.discord_reasons import MISSES
from alerts.domain.deliveries import EndpointState
from alerts.domain.events import Window
from alerts.domain.grades import Kind
from alerts.domain.ids import HOUSE_APP
from alerts.domain.subscriptions import Miss, Reach
from alerts.pipeline.endpoints import change_endpoint
from tests.bots.conftest import Chat, known
from tests.discord.world import May
from tests.faults import Fault


async def test_what_was_posted_and_what_was_not_is_said_with_the_reason(chat: Chat) -> None:
    place = await known(chat)
    await chat.set_up(place, at_once="upgrades")
    await chat.api.upgrade("btc")
    await chat.type("digest pause", place)
    await chat.api.upgrade("eth", day=4)

    said = await chat.type("why", place)

    first, skipped, posted = said.text.strip().splitlines()
    assert first == f"<#{place.id}> paused; `/digest resume` goes on"
    assert "▲ ETH, trader · not posted. Its owner had paused the endpoint" in skipped
    assert posted.endswith("▲ BTC, trader · posted.")
    assert said.is_ephemeral


async def test_what_discord_refused_is_said_with_what_mends_it(chat: Chat) -> None:
    place = await known(chat)
    await chat.set_up(place, at_once="upgrades")
    await chat.may(place, May.VIEW)
    await chat.api.upgrade("btc")

    said = await chat.type("why", place)

    assert "out of service. Our bot may not see the Discord channel" in said.text
    assert "BTC, trader · not posted. The bot may not post here: give it Send Mess" in said.text


async def test_what_may_be_there_and_what_is_on_its_way_is_said(chat: Chat) -> None:
    place = await known(chat)
    await chat.set_up(place, at_once="upgrades")
    await chat.api.push(1, {"btc": 50.0, "eth": 50.0})
    await chat.api.push(2, {"btc": 95.0, "eth": 50.0})
    chat.discord.fail(*[Fault(502)] * 3)
    await chat.api.deliver()
    await chat.api.push(3, {"btc": 95.0, "eth": 95.0})
    asked = await chat.type("why", place, symbol="eth")

    said = await chat.type("why", place)

    assert "BTC, trader · perhaps posted: look." in said.text
    assert "on its way." in asked.text


async def test_why_a_change_of_one_token_was_not_posted_is_said_for_each_channel(
    chat: Chat,
) -> None:
    place = await known(chat)
    other = chat.discord.world.channel("alerts", guild_id=place.guild_id)
    far = chat.discord.world.channel("far", guild_id=place.guild_id)
    for each in (other, far):
        await chat.discord.gateway.tell("CHANNEL_CREATE", chat.discord.gateway.placed(each))
    await chat.set_up(place)
    await chat.set_up(other, at_once="upgrades and downgrades")
    await chat.set_up(far, at_once="upgrades", bands=3)
    await chat.api.upgrade("btc")

    said = await chat.type("why", place, symbol="btc")

    lines = said.text.strip().splitlines()
    assert "BTC was upgraded (trader grade)" in lines[0]
    told = dict(line.split(" ", 1) for line in lines[1:])
    assert told == {
        f"<#{place.id}>": f"{MISSES[Miss.TYPE]}.",
        f"<#{other.id}>": "posted.",
        f"<#{far.id}>": f"{MISSES[Miss.MIN_NOTCHES]}.",
    }


async def test_a_move_over_days_is_said_where_one_was_asked_for(chat: Chat) -> None:
    place = await known(chat)
    await chat.set_up(place, at_once="upgrades")
    (endpoint,) = await chat.endpoints()
    reach = Reach(Kind.TRADER, Window.WEEK_POINTS, rise=1500)
    wanted = replace(endpoint.filter, types=frozenset(), windows=(reach,))
    await change_endpoint(
        endpoint.id,
        lambda old: replace(old, filter=wanted),
        app_id=endpoint.app_id,
        desk=chat.services.desk,
    )
    await chat.api.push(1, {"btc": 42.0})
    await chat.api.push(2, {"btc": 57.5})
    await chat.api.deliver()

    said = await chat.type("why", place, symbol="btc")
    lately = await chat.type("why", place)

    first, then = said.text.strip().splitlines()
    assert first.startswith("BTC rose 15.5 points within 7 days (trader grade) ")
    assert then == f"<#{place.id}> posted."
    assert "▲ BTC, trader, over days · posted." in lately.text


async def test_a_week_without_changes_is_said_to_have_been_one(chat: Chat) -> None:
    place = await known(chat)
    await chat.set_up(place)
    (endpoint,) = await chat.endpoints()
    run = chat.services.digest_run()
    week, _ = await run.preview(endpoint.id, app_id=HOUSE_APP)
    await chat.services.digest_run(at=week.window.ends_at).tell(endpoint.id)

    said = await chat.type("why", place)

    assert "weekly digest · nothing changed, so nothing was posted." in said.text


async def test_a_token_that_never_moved_and_a_server_without_channels_are_said(
    chat: Chat,
) -> None:
    place = await known(chat)
    nothing = await chat.type("why", place)
    await chat.set_up(place)
    await chat.api.push(1, {"btc": 50.0})

    still = await chat.type("why", place, symbol="btc")
    quiet = await chat.type("why", place)

    assert "Nothing is posted in this server" in nothing.text
    assert "BTC was neither upgraded nor downgraded so far." in still.text
    assert "nothing was due so far" in quiet.text
    assert [each.state for each in await chat.endpoints()] == [EndpointState.ACTIVE]


def test_every_way_to_miss_a_filter_has_its_words() -> None:
    assert set(MISSES) == set(Miss)
