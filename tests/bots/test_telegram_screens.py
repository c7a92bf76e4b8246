"""Every screen of the settings is one that Telegram takes, and every button of it comes back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from alerts.bots import telegram_settings_rules as rules
from alerts.bots import telegram_settings_screens as screens
from alerts.bots import telegram_settings_windows as windows
from alerts.bots.telegram_says import Said
from alerts.bots.zones import find_zones, regions, zones_of
from alerts.channels.telegram_buttons import keyboard, read_data
from alerts.channels.telegram_markup import as_html, as_plain
from alerts.domain.events import BAND_CHANGES, EventType, Window
from alerts.domain.grades import Kind
from alerts.domain.quiet import QuietHours
from alerts.domain.subscriptions import Condition, Filter, Reach, Threshold
from alerts.domain.weeks import Schedule
from tests.telegram.markup import read_keyboard, read_text

NOTHING = screens.Chosen(
    wanted=Filter(tokens=()),
    time_zone=None,
    quiet_hours=None,
    summary=None,
    next_summary=None,
    is_paused=False,
    now=datetime(2026, 11, 18, 14, tzinfo=UTC),
    language="",
)
MUCH = replace(
    NOTHING,
    wanted=Filter(
        kinds=frozenset({Kind.TRADER}),
        types=BAND_CHANGES | {EventType.MOVED},
        min_notches=2,
        min_delta=1500,
        thresholds=(Threshold(Kind.TRADER, 8525, 1999),),
        given=(Condition(Kind.FUNDAMENTAL, 1234),),
        windows=(
            Reach(Kind.FUNDAMENTAL, Window.WEEK_PERCENT, 99_999, 9999),
            Reach(Kind.TRADER, Window.DAY_POINTS, 1525),
        ),
    ),
    time_zone="America/Argentina/Buenos_Aires",
    quiet_hours=QuietHours(time(22), time(7)),
    summary=Schedule(1, 18, "America/Argentina/Buenos_Aires"),
    next_summary=datetime(2026, 11, 23, 21, 12, tzinfo=UTC),
    is_paused=True,
)


def every_screen(chosen: screens.Chosen) -> Iterator[Said]:
    for screen in (screens.main, screens.grades, screens.changes, screens.size, screens.zone):
        yield screen(chosen)
    yield rules.rules(chosen.wanted, unread="<i>" * 900)
    for kind in Kind:
        yield rules.rules_of(chosen.wanted, kind)
        yield windows.windows_of(chosen.wanted, kind)
        for window in Window:
            ended = Reach(kind, window, 1234, 4321)
            yield windows.windows_of(chosen.wanted, kind, window=window, ended=ended)
    yield windows.windows(chosen.wanted, unread="<u>" * 900)
    yield screens.quiet(chosen, unread="<b>" * 500)
    yield screens.week(chosen, unread="&" * 4000)
    for language in ("", "de", "es", "ru", "zh-hans", "xx"):
        yield screens.zone(replace(chosen, language=language), why="For that.")
    for region in regions():
        for page in range(len(zones_of(region)) // 10 + 1):
            yield screens.zones(chosen, region, page)
    for typed in ("united states", "nowhere" * 900, "a"):
        yield screens.found_zones(chosen, typed, find_zones(typed))


@pytest.mark.parametrize("chosen", [NOTHING, MUCH], ids=["nothing", "much"])
def test_telegram_takes_every_screen_and_gives_every_button_back(chosen: screens.Chosen) -> None:
    for said in every_screen(chosen):
        text, _ = read_text(as_html(said.lines), "HTML")
        assert text == as_plain(said.lines)
        assert read_keyboard(keyboard(said.buttons))
        for button in (each for row in said.buttons for each in row):
            assert read_data(button.wanted.data) == button.wanted


def test_every_zone_of_a_region_is_on_one_of_its_pages() -> None:
    offered = {
        button.wanted.subject.removeprefix("zone.")
        for region in regions()
        for page in range(len(zones_of(region)) // 10 + 1)
        for row in screens.zones(NOTHING, region, page).buttons
        for button in row
    }

    assert {zone for region in regions() for zone in zones_of(region)} <= offered


def test_what_is_chosen_is_said_in_full() -> None:
    assert as_plain(screens.main(MUCH).lines).split("\n") == [
        "⚙️ Settings",
        "Grades: trader",
        "Changes: upgrades, downgrades and moves within a band",
        "Smallest change: 2 bands, and 15 points",
        (
            "Scores: trader above 85.25 or below 19.99; "
            "trader news only while fundamental is at least 12.34"
        ),
        (
            "Moves over days: fundamental up 999.99 % or down 99.99 % or more within 7 days, "
            "trader up 15.25 points or more within 1 day"
        ),
        "Time zone: America/Argentina/Buenos_Aires, 11:00 now",
        "Quiet hours: 22:00–07:00",
        "Weekly summary: Mondays, next on 23 Nov at 18:12",
        "⏸ Paused: nothing comes until /resume.",
    ]
