"""Tokens as they are typed: completed, shown, and asked about where several bear a symbol."""

import pytest

from tests.api.conftest import Api, open_api
from tests.bots.conftest import Chat, known, running
from tests.discord.bots import TOKEN
from tests.discord.double import Discord


async def two_of_btc(api: Api) -> None:
    """Two sources with a token each that bears BTC."""
    await api.upgrade("btc")
    await api.push(1, {"btc": 30.0}, source="more")


async def test_a_grade_is_shown_to_all_and_a_refusal_to_who_typed_it(chat: Chat) -> None:
    place = await known(chat)
    await chat.api.upgrade("btc")

    shown = await chat.discord.interactions.type(
        "grade", channel=place, permissions=0, options={"symbol": "$btc"}
    )
    unknown = await chat.type("grade", place, symbol="BTX")

    assert "Strong Buy" in shown.text
    assert "Trader grade" in shown.text
    assert not shown.is_ephemeral
    assert "no token bears the symbol 'BTX'" in unknown.text
    assert "Do you mean BTC?" in unknown.text
    assert unknown.is_ephemeral


async def test_a_grade_that_is_not_fresh_says_so(chat: Chat) -> None:
    place = await known(chat)
    await chat.api.push(1, {"btc": 50.0, "eth": 50.0})
    await chat.api.push(4, {"eth": 60.0}, complete=False)

    stale, fresh = [
        await chat.discord.interactions.type(
            "grade", channel=place, permissions=0, options={"symbol": symbol}
        )
        for symbol in ("btc", "eth")
    ]

    assert "no fresh data since" in stale.text
    assert "no fresh data" not in fresh.text


async def test_a_symbol_as_long_as_discord_lets_one_type_is_refused_in_so_many_words(
    chat: Chat,
) -> None:
    place = await known(chat)

    answers = [
        await chat.type(command, place, symbol="*" * 6000)
        for command in ("grade", "why", "watch add")
    ]

    assert all(answer.is_ephemeral and answer.text for answer in answers)


async def test_a_symbol_is_completed_the_likeliest_first(chat: Chat) -> None:
    place = await known(chat)
    await chat.api.push(1, dict.fromkeys(("abtc", "btcx", "btc", "btcab", "eth"), 50.0))

    for command, permissions in (("grade", 0), ("watch add", 1 << 5), ("why", 1 << 5)):
        typed = await chat.discord.interactions.type(
            command,
            channel=place,
            permissions=permissions,
            options={"symbol": "BT"},
            focused="symbol",
        )

        assert typed.choices is not None
        values = [choice["value"] for choice in typed.choices]
        assert values == ["demo:btc", "demo:btcx", "demo:btcab", "demo:abtc"]
        assert typed.choices[0]["name"] == "BTC · btc"


async def test_a_symbol_of_several_is_asked_about_and_the_choice_answered(chat: Chat) -> None:
    place = await known(chat)
    await two_of_btc(chat.api)

    asked = await chat.type("grade", place, symbol="btc")
    chosen = await chat.discord.interactions.choose(asked, "more:btc", channel=place)

    assert asked.text.strip() == "2 tokens bear the symbol BTC. Which one do you mean?"
    assert asked.is_ephemeral
    assert "Sell" in chosen.text
    assert chosen.answers[-1]["components"] == []


@pytest.mark.parametrize("command", ["watch add", "watch remove", "why"])
async def test_a_command_for_managers_asks_too(chat: Chat, command: str) -> None:
    place = await known(chat)
    await chat.set_up(place)
    await two_of_btc(chat.api)

    asked = await chat.type(command, place, symbol="btc")
    chosen = await chat.discord.interactions.choose(asked, "demo:btc", channel=place)

    assert "Which one do you mean?" in asked.text
    assert chosen.text.startswith("BTC ")


async def test_what_cannot_be_done_with_a_choice_is_said_in_its_place(chat: Chat) -> None:
    place = await known(chat)
    await two_of_btc(chat.api)

    asked = await chat.type("watch add", place, symbol="btc")
    chosen = await chat.discord.interactions.choose(asked, "demo:btc", channel=place)

    assert "Nothing is posted in this server yet; `/digest setup` begins it." in chosen.text


async def test_a_bot_that_was_started_anew_knows_what_it_had_asked(
    sqlite_url: str, discord: Discord
) -> None:
    given = {"discord_api_url": discord.api_url, "discord_bot_token": TOKEN}
    async with open_api(sqlite_url, **given) as api:
        await two_of_btc(api)
        async with running(api.services, discord):
            place = await known(Chat(api, discord))
            asked = await Chat(api, discord).type("grade", place, symbol="btc")
        async with running(api.services, discord):
            chosen = await discord.interactions.choose(asked, "demo:btc", channel=place)

    assert "Strong Buy" in chosen.text


async def test_upgrades_and_downgrades_of_the_week_are_shown_and_nothing_else(chat: Chat) -> None:
    place = await known(chat)

    quiet = await chat.type("upgrades", place)
    await chat.api.push(1, {"btc": 50.0, "eth": 90.0, "sol": 50.0})
    await chat.api.push(2, {"btc": 95.0, "eth": 30.0, "sol": 57.0})
    shown = await chat.discord.interactions.type("upgrades", channel=place, permissions=0)

    assert "No token was upgraded or downgraded in the last seven days." in quiet.text
    assert "1 upgrade, 1 downgrade among 3 tokens" in shown.text
    assert "▲ Upgrades · 1" in shown.text
    assert "**BTC** Neutral → Strong Buy" in shown.text
    assert "**ETH** Strong Buy → Sell" in shown.text
    assert "SOL" not in shown.text
    assert shown.is_ephemeral
