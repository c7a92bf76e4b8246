"""`/watch …`: the tokens that come first in a server's digests, and are told at once alone."""

from tests.bots.conftest import Chat, known


async def test_watched_tokens_alone_are_posted_at_once_in_every_channel_of_the_server(
    chat: Chat,
) -> None:
    place = await known(chat)
    elsewhere = await known(chat)
    await chat.set_up(place, at_once="upgrades")
    await chat.set_up(elsewhere, at_once="upgrades")
    await chat.api.push(1, {"btc": 50.0})

    added = await chat.type("watch add", place, symbol="btc")
    await chat.api.upgrade("eth")
    unwatched = [message.channel_id for message in chat.discord.world.messages]
    await chat.api.upgrade("btc", day=3)

    assert "BTC is watched, 1 token in all" in added.text
    assert unwatched == [elsewhere.id]
    (told,) = [one for one in chat.discord.world.messages if one.channel_id == place.id]
    assert "BTC upgraded" in told.payload["embeds"][0]["title"]


async def test_a_digest_has_watched_tokens_first_and_marks_them(chat: Chat) -> None:
    place = await known(chat)
    await chat.set_up(place)
    await chat.api.push(1, {"abc": 50.0, "btc": 50.0})
    await chat.type("watch add", place, symbol="btc")

    await chat.api.push(2, {"abc": 95.0, "btc": 94.0})
    preview = await chat.type("digest preview", place)

    assert "★ **BTC**" in preview.text
    assert preview.text.index("**BTC**") < preview.text.index("**ABC**")


async def test_tokens_are_listed_and_without_the_last_one_all_are_told_again(chat: Chat) -> None:
    place = await known(chat)
    await chat.set_up(place, at_once="upgrades")
    await chat.api.push(1, {"btc": 50.0, "eth": 50.0})
    for symbol in ("btc", "eth"):
        await chat.type("watch add", place, symbol=symbol)

    listed = await chat.type("watch list", place)
    typed = await chat.discord.interactions.type(
        "watch remove", channel=place, options={"symbol": "b"}, focused="symbol"
    )
    one = await chat.type("watch remove", place, symbol="btc")
    none = await chat.type("watch remove", place, symbol="eth")
    empty = await chat.type("watch list", place)

    assert listed.text.split() == ["**BTC**", "btc", "**ETH**", "eth"]
    assert typed.choices == [{"name": "BTC · btc", "value": "demo:btc"}]
    assert "1 token still is watched" in one.text
    assert "is of all" in none.text
    assert "No token is watched" in empty.text
    (endpoint,) = await chat.endpoints()
    assert endpoint.filter.tokens is None


async def test_a_channel_set_up_later_watches_what_its_server_watches(chat: Chat) -> None:
    place = await known(chat)
    await chat.set_up(place)
    await chat.api.push(1, {"btc": 50.0})
    await chat.type("watch add", place, symbol="btc")

    second = chat.discord.world.channel("quiet", guild_id=place.guild_id)
    await chat.discord.gateway.tell("CHANNEL_CREATE", chat.discord.gateway.placed(second))
    made = await chat.set_up(second)
    again = await chat.set_up(place, hour=10)

    for said in (made, again):
        assert "1 token watched" in said.text
    assert {each.filter.tokens for each in await chat.endpoints()} == {("demo:btc",)}


async def test_where_nothing_is_posted_nothing_can_be_watched(chat: Chat) -> None:
    place = await known(chat)
    await chat.api.push(1, {"btc": 50.0})

    answer = await chat.type("watch add", place, symbol="btc")

    assert "`/digest setup` begins it" in answer.text
