"""`/settings`: one message in which a person chooses everything with a thumb."""

import re
from collections.abc import AsyncIterator
from datetime import time

import pytest

from alerts.bots import telegram_door
from alerts.bots.chats import ChatDesk
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.events import BAND_CHANGES, EventType
from alerts.domain.grades import Kind
from alerts.domain.quiet import QuietHours
from tests.bots.settings import endpoint, lines, press_all
from tests.bots.talks import Talk, labels, open_talk, said_by_bot
from tests.telegram.world import ADMINISTRATOR, MEMBER

FRESH = [
    "⚙️ Settings",
    "Grades: fundamental and trader",
    "Changes: upgrades and downgrades",
    "Smallest change: 1 band",
    "Scores: none",
    "Moves over days: none",
    "Time zone: not chosen",
    "Quiet hours: off",
    "Weekly summary: off",
    "No token is followed yet: /subscribe BTC begins it.",
]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever pressed a button is answered there, however much the machine has to do."""
    monkeypatch.setattr(telegram_door, "SPINNING_SECONDS", 60.0)


@pytest.fixture
async def talk(sqlite_url: str) -> AsyncIterator[Talk]:
    async with open_talk(sqlite_url) as opened:
        yield opened


async def test_who_has_chosen_nothing_sees_what_holds_then(talk: Talk) -> None:
    ada, chat = talk.somebody()

    (settings,) = await talk.type(ada, "/settings")

    assert lines(settings) == FRESH
    assert labels(settings) == [
        "Grades",
        "Changes",
        "Smallest change",
        "Scores",
        "Moves over days",
        "Time zone",
        "Quiet hours",
        "Weekly summary",
        "📋 List",
    ]
    assert await ChatDesk(talk.services).find(TelegramChat(chat.id)) is None


async def test_everything_is_chosen_in_one_message(talk: Talk) -> None:
    ada, chat = talk.somebody()
    (settings,) = await talk.type(ada, "/settings")

    shown = await press_all(talk, ada, settings, ["Grades", "Trader"])
    shown = await press_all(talk, ada, shown, ["Changes", "Moves", "Upgrades"])
    shown = await press_all(talk, ada, shown, ["Smallest", "2 bands"])
    shown = await press_all(talk, ada, shown, ["Smallest", "10 points"])
    shown = await press_all(talk, ada, shown, ["Scores", "Trader", "▲ 85", "▼ 20", "✓ ▼ 20"])
    shown = await press_all(talk, ada, shown, ["‹ Scores", "‹ Settings"])
    shown = await press_all(talk, ada, shown, ["Moves over", "Trader", "▲ 15", "▼ 10"])
    shown = await press_all(talk, ada, shown, ["‹ Moves", "‹ Settings"])
    shown = await press_all(talk, ada, shown, ["Quiet", "London", "22:00"])
    shown = await press_all(talk, ada, shown, ["Weekly", "Fr", "18:00", "‹ Settings"])

    said = lines(shown)
    assert said[1:8] == [
        "Grades: trader",
        "Changes: upgrades and moves within a band",
        "Smallest change: 2 bands, and 10 points",
        "Scores: trader above 85",
        "Moves over days: trader up 15 points or down 10 points or more within 7 days",
        "Time zone: Europe/London, HH:MM now",
        "Quiet hours: 22:00–07:00",
    ]
    assert re.fullmatch(
        r"Weekly summary: Fridays, next on [0-9]{1,2} [A-Z][a-z]{2} at 18:[0-9]{2}", said[8]
    )
    held = await endpoint(talk, chat)
    assert held.filter.kinds == {Kind.TRADER}
    assert held.filter.types == {EventType.UPGRADED, EventType.MOVED}
    assert (held.filter.min_notches, held.filter.min_delta) == (2, 1000)
    assert held.quiet_hours == QuietHours(time(22), time(7))
    digest = dict(held.digest or {})
    assert (digest["weekday"], digest["hour"], digest["time_zone"]) == (5, 18, "Europe/London")
    assert (digest["kinds"], digest["min_notches"]) == (["trader"], 2)
    assert len(said_by_bot(chat)) == 1


async def test_a_choice_is_taken_back(talk: Talk) -> None:
    ada, chat = talk.somebody()
    (settings,) = await talk.type(ada, "/settings")
    shown = await press_all(talk, ada, settings, ["Changes", "Moves", "‹ Settings"])
    shown = await press_all(talk, ada, shown, ["Smallest", "20 points"])

    shown = await press_all(talk, ada, shown, ["Changes", "✓ Moves", "‹ Settings"])
    shown = await press_all(talk, ada, shown, ["Weekly", "London", "Not now"])
    shown = await press_all(talk, ada, shown, ["Weekly", "Mo", "Off"])

    assert lines(shown)[2:4] == ["Changes: upgrades and downgrades", "Smallest change: 1 band"]
    held = await endpoint(talk, chat)
    assert (held.filter.types, held.filter.min_delta, held.digest) == (BAND_CHANGES, 0, None)


async def test_a_zone_is_typed_and_quiet_hours_are_offered_then(talk: Talk) -> None:
    ada, chat = talk.somebody()

    (exact,) = await talk.type(ada, "/settings zone berlin")
    (several,) = await talk.type(ada, "/settings zone germany")
    (unknown,) = await talk.type(ada, "/settings zone <b>atlantis")
    (quiet,) = await talk.type(ada, "/settings quiet 10:30pm to 6")
    (shown,) = await talk.type(ada, "/settings")

    assert lines(exact)[:2] == [
        "Your time zone is Europe/Berlin, HH:MM now.",
        "Shall it be quiet at night?",
    ]
    assert "Not now" in labels(exact)
    assert [each.split(" · ")[0] for each in labels(several)[:2]] == ["✓ Berlin", "Busingen"]
    assert lines(unknown)[0] == "I know no time zone like <b>atlantis."
    assert lines(quiet)[7] == "Quiet hours: 22:30–06:00"
    assert lines(shown)[6:8] == [
        "Time zone: Europe/Berlin, HH:MM now",
        "Quiet hours: 22:30–06:00",
    ]
    assert (await endpoint(talk, chat)).time_zone == "Europe/Berlin"


async def test_a_zone_is_found_by_the_clock_far_from_home(talk: Talk) -> None:
    person = talk.telegram.world.person("Bruno", language_code="pt-br")
    (settings,) = await talk.type(person, "/settings zone")
    assert labels(settings)[0].startswith("Sao Paulo · ")

    shown = await press_all(talk, person, settings, ["Asia", "›", "›", "Kathmandu"])

    assert lines(shown)[0] == "Your time zone is Asia/Kathmandu, HH:MM now."


async def test_the_summary_moves_with_the_zone(talk: Talk) -> None:
    ada, chat = talk.somebody()
    await talk.type(ada, "/settings zone Tokyo")
    (week,) = await talk.type(ada, "/settings week wed 7")
    assert lines(week)[0].startswith("Weekly summary: Wednesdays, next on ")

    await talk.type(ada, "/settings zone Lisbon")

    digest = (await endpoint(talk, chat)).digest or {}
    assert (digest["weekday"], digest["hour"]) == (3, 7)
    assert digest["time_zone"] == "Europe/Lisbon"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("quiet 25-7", "I cannot read 25-7 as hours."),
        ("quiet 7-7", "I cannot read 7-7 as hours."),
        ("week someday", "I cannot read someday as a day and an hour."),
        ("moves a lot trader", "I cannot read moves a lot trader as a move."),
        ("volume 11", "⚙️ Settings"),
    ],
)
async def test_what_cannot_be_read_is_said_where_it_is_chosen(
    talk: Talk, typed: str, said: str
) -> None:
    ada, _ = talk.somebody()

    (answer,) = await talk.type(ada, f"/settings {typed}")

    assert answer["text"].split("\n")[0] == said
    assert labels(answer)
    # How it is typed stands there, too.
    assert f"/settings {typed.split(maxsplit=1)[0]} " in answer["text"] or said == "⚙️ Settings"


@pytest.mark.parametrize("data", ["v1:set:nonsense", "v1:set:zone.Atlantis", "v1:set:size.99"])
async def test_what_no_button_says_breaks_nothing(talk: Talk, data: str) -> None:
    ada, chat = talk.somebody()
    (settings,) = await talk.type(ada, "/settings")

    pressed = await talk.telegram.people.forge(ada, settings, data)
    await talk.telegram.updates.wait_until_confirmed()

    assert (await pressed.wait())["text"] == ""
    assert len(said_by_bot(chat)) == 1


async def test_in_a_group_the_settings_are_for_its_admins(talk: Talk) -> None:
    admin, member = (talk.telegram.world.person(name) for name in ("Ada", "Mallory"))
    group = talk.telegram.world.group()
    group.members |= {admin.id: ADMINISTRATOR, member.id: MEMBER}
    (refused,) = await talk.type(member, "/settings", chat=group)
    (settings,) = await talk.type(admin, "/settings", chat=group)

    pressed = await talk.press(member, settings, "Grades")
    answer = await pressed.wait()
    await talk.press(admin, settings, "Grades")

    assert "admins" in refused["text"]
    assert "admins" in answer["text"]
    assert said_by_bot(group)[-1]["text"].startswith("Which grades?")
