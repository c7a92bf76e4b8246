"""The rules of `/settings`: scores, what the other grade must be, and moves over days."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from alerts.bots import telegram_door
from alerts.bots.telegram_settings_windows import read_move
from alerts.domain.events import Window
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Condition, Filter, Reach, Threshold
from tests.bots.settings import endpoint, lines, press_all
from tests.bots.talks import Talk, labels, open_talk


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever pressed a button is answered there, however much the machine has to do."""
    monkeypatch.setattr(telegram_door, "SPINNING_SECONDS", 60.0)


@pytest.fixture
async def talk(sqlite_url: str) -> AsyncIterator[Talk]:
    async with open_talk(sqlite_url) as opened:
        yield opened


async def test_what_the_other_grade_must_be_is_chosen_or_typed(talk: Talk) -> None:
    ada, chat = talk.somebody()
    (scores,) = await talk.type(ada, "/settings rules")

    shown = await press_all(talk, ada, scores, ["Trader", "≥ 60", "≥ 80", "‹ Scores"])
    assert "Trader news only while fundamental is at least 80" in lines(shown)
    (typed,) = await talk.type(ada, "/settings while trader above 55.5")
    (unclear,) = await talk.type(ada, "/settings while 80")

    assert "✓ ≥ 55.5" in labels(typed)
    assert lines(unclear)[0] == "I cannot read while 80 as a rule."
    assert (await endpoint(talk, chat)).filter.given == (
        Condition(Kind.FUNDAMENTAL, 8000),
        Condition(Kind.TRADER, 5550),
    )

    await press_all(talk, ada, typed, ["✓ ≥ 55.5"])
    await talk.type(ada, "/settings while fundamental off")
    assert (await endpoint(talk, chat)).filter.given == ()


async def test_a_score_may_be_typed(talk: Talk) -> None:
    ada, chat = talk.somebody()

    (unclear,) = await talk.type(ada, "/settings above 85")
    (beyond,) = await talk.type(ada, "/settings below 101 trader")
    (named,) = await talk.type(ada, "/settings above 85.5 Trader")
    await talk.type(ada, "/settings Fundamental below 40")
    (scores,) = await talk.type(ada, "/settings scores")

    assert lines(unclear)[0] == "I cannot read above 85 as a rule."
    assert "below 101 trader" in lines(beyond)[0]
    assert "✓ ▲ 85.5" in labels(named)
    assert lines(scores)[0] == "Scores to be told of: fundamental below 40, trader above 85.5"
    assert (await endpoint(talk, chat)).filter.thresholds == (
        Threshold(Kind.FUNDAMENTAL, below=4000),
        Threshold(Kind.TRADER, above=8550),
    )

    await talk.type(ada, "/settings above off trader")
    assert (await endpoint(talk, chat)).filter.thresholds == (
        Threshold(Kind.FUNDAMENTAL, below=4000),
    )


async def test_a_move_over_days_may_be_typed(talk: Talk) -> None:
    ada, chat = talk.somebody()

    (unclear,) = await talk.type(ada, "/settings rises 15 points 7 days")
    (shown,) = await talk.type(ada, "/settings rises 15.5 points in 7 days Trader")
    await talk.type(ada, "/settings falls trader 10 7 days")
    await talk.type(ada, "/settings moves fundamental 20% 1 day")

    assert lines(unclear)[0] == "I cannot read rises 15 points 7 days as a move."
    assert "Now: trader up 15.5 points or more within 7 days" in lines(shown)
    assert "✓ ▲ 15.5" in labels(shown)
    fundamental = Reach(Kind.FUNDAMENTAL, Window.DAY_PERCENT, rise=2000, fall=2000)
    trader = Reach(Kind.TRADER, Window.WEEK_POINTS, rise=1550, fall=1000)
    assert (await endpoint(talk, chat)).filter.windows == (fundamental, trader)

    await talk.type(ada, "/settings moves off fundamental")
    await talk.type(ada, "/settings rises off trader")
    held = await endpoint(talk, chat)
    assert held.filter.windows == (replace(trader, rise=None),)


async def test_who_chose_a_move_is_not_told_that_bands_are_all(talk: Talk) -> None:
    ada, _ = talk.somebody()
    await talk.api.push(1, {"btc": 50.0, "eth": 50.0})

    (plain,) = await talk.type(ada, "/subscribe btc")
    await talk.type(ada, "/settings moves 20% 7 days trader")
    (ruled,) = await talk.type(ada, "/subscribe eth")

    assert lines(plain)[-1] == "I tell you as soon as a grade is upgraded or downgraded."
    assert lines(ruled)[-1] == "I tell you as /settings says."


async def test_another_window_ends_the_one_before_only_once_a_size_is_chosen(talk: Talk) -> None:
    ada, chat = talk.somebody()
    (settings,) = await talk.type(ada, "/settings rises 15 points 7 days trader")

    looked = lines(await press_all(talk, ada, settings, ["1 day, %"]))
    held = await endpoint(talk, chat)
    chosen = await press_all(talk, ada, settings, ["▼ 20 %"])
    now = await endpoint(talk, chat)

    assert "Now: trader up 15 points or more within 7 days" in looked
    assert looked[-1].startswith("A size chosen here ends that")
    assert held.filter.windows == (Reach(Kind.TRADER, Window.WEEK_POINTS, rise=1500),)
    assert lines(chosen)[-2:] == [
        "Now: trader down 20 % or more within 1 day",
        "Ended: trader up 15 points or more within 7 days. Of each kind there is one window.",
    ]
    assert now.filter.windows == (Reach(Kind.TRADER, Window.DAY_PERCENT, fall=2000),)

    none = await press_all(talk, ada, chosen, ["Off"])
    assert (await endpoint(talk, chat)).filter.windows == ()
    assert "Off" not in labels(none)


@pytest.mark.parametrize(
    "typed",
    [
        "rises 101 points 7 days trader",
        "falls 101% 1 day trader",
        "moves 500 percent 7 days trader",
        "rises 1000.01% 7 days trader",
        "rises 0 points 7 days trader",
        "rises 0.004 points 7 days trader",
        "rises 1.2.3 points 7 days trader",
        "rises 15 points 3 days trader",
        "rises 15 points trader",
        "rises 15 points 7 days trader fundamental",
        "moves",
        "moves off",
        "rises -5 points 7 days trader",
    ],
)
def test_a_move_that_no_grade_can_make_or_that_is_not_clear_is_none(typed: str) -> None:
    assert read_move(typed, Filter()) is None
