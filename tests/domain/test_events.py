"""Payloads, byte for byte: each is a file in tests/golden, and changes only on purpose."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerts.domain import notices
from alerts.domain.deliveries import Channel, DisableReason
from alerts.domain.digests import digest_event
from alerts.domain.events import (
    Audience,
    AudienceKind,
    Draft,
    EventType,
    MassMove,
    Window,
    rfc3339,
)
from alerts.domain.grades import Kind
from alerts.domain.health import Health
from alerts.domain.ids import HOUSE_APP
from alerts.domain.payloads import TokenView, rebased_event, restated_event
from alerts.domain.ratings import BandPolicy, HoldReason
from alerts.domain.summaries import Wants
from tests.builders import FUNDAMENTAL, SOURCE, cycle_view, day, token, token_view
from tests.channels.made_weeks import week_of
from tests.domain.telling import (
    AFTER,
    BITCOIN,
    UPGRADED,
    absences,
    body,
    crossing,
    data,
    draft,
    fundamental,
    moving,
)

GOLDEN = Path(__file__).parent.parent / "golden"
HOUSE = Audience(AudienceKind.APP, HOUSE_APP)
ENDPOINT = "ep_" + "1" * 26

# One of the last fifty was delivered, and that came before the spell.
FAILING = Health(recent=1 << 50 | 1 << 49, failing_since=day(1.5), failing_attempts=49)

LADDER = BandPolicy(2, ("Low", "Middle", "High"), (3333, 6667), 200, 500)


def restated() -> Draft:
    return restated_event(
        json.loads(body(UPGRADED)),
        token=BITCOIN,
        cycle=cycle_view(fundamental(41, 79)),
        policy=FUNDAMENTAL,
        score=7900,
        rank=3,
        revision=1,
    )


EVENTS = {
    "grade.upgraded": UPGRADED,
    "grade.downgraded": draft(fundamental(0, 95), fundamental(1, 12.34), view=token_view()),
    "grade.downgraded.mass": draft(
        fundamental(0, 95), fundamental(1, 12.34), view=token_view(), mass=MassMove(14, 382, 998)
    ),
    "grade.upgraded.renamed": draft(
        fundamental(0, 50),
        fundamental(1, 65),
        view=TokenView(token(1), "POL", "Polygon", formerly="MATIC"),
    ),
    "grade.moved": draft(fundamental(0, 61), fundamental(2.5, 66), fundamental(3, 71.5)),
    "grade.crossed": crossing(
        fundamental(0, 84.2), fundamental(1, 84.9), fundamental(2, 85.3), above=8500
    ),
    "grade.rose": moving(
        fundamental(0, 50),
        fundamental(2, 58.2),
        fundamental(3, 59.4),
        window=Window.WEEK_POINTS,
        size=900,
    ),
    "grade.fell": moving(
        fundamental(0, 78.5), fundamental(1, 62.8), window=Window.DAY_PERCENT, size=2000
    ),
    "grade.initiated": draft(fundamental(0, None, t2=50), fundamental(1, 60, AFTER)),
    "grade.withdrawn": draft(fundamental(0, 61, {"vc": 4}, t2=50), *absences(7)),
    "grade.reinstated": draft(
        fundamental(0, 61, t2=50), *absences(7), fundamental(10, 38, AFTER, t2=50)
    ),
    "grade.revised": draft(fundamental(0, 50), fundamental(1, 65), fundamental(1, 30)),
    "grade.restated": restated(),
    "ratings.rebased": rebased_event(
        cycle_view(fundamental(3, 50)), old_version=1, policy=LADDER, ratings=998
    ),
    "cycle.held": notices.cycle_held_event(
        cycle_view(fundamental(3, 50)),
        at=day(3) + timedelta(hours=1),
        audience=HOUSE,
        reason=HoldReason.TOO_FEW_TOKENS,
        graded=12,
        reference=998,
    ),
    "source.failing": notices.source_event(
        EventType.SOURCE_FAILING,
        source=SOURCE,
        kind=Kind.TRADER,
        at=day(3),
        audience=HOUSE,
        state="quota",
        detail="/v2/tm-grade page 1: 403",
    ),
    "source.recovered": notices.source_event(
        EventType.SOURCE_RECOVERED,
        source=SOURCE,
        kind=Kind.TRADER,
        at=day(3),
        audience=HOUSE,
        state="ok",
        detail=None,
    ),
    "channel.failing": notices.channel_event(
        EventType.CHANNEL_FAILING,
        Channel.TELEGRAM,
        at=day(3),
        audience=HOUSE,
        detail="Telegram does not take GRADEBELL_TELEGRAM_BOT_TOKEN",
    ),
    "channel.recovered": notices.channel_event(
        EventType.CHANNEL_RECOVERED, Channel.TELEGRAM, at=day(4), audience=HOUSE
    ),
    "endpoint.failing": notices.endpoint_failing_event(
        ENDPOINT, "production", at=day(3), audience=HOUSE, health=FAILING
    ),
    "endpoint.disabled": notices.endpoint_disabled_event(
        ENDPOINT, "production", at=day(3), audience=HOUSE, reason=DisableReason.GONE
    ),
    "endpoint.disabled.failing": notices.endpoint_disabled_event(
        ENDPOINT,
        "production",
        at=day(4.5),
        audience=HOUSE,
        reason=DisableReason.FAILING,
        health=FAILING,
    ),
    "digest.weekly": digest_event(week_of(6, wants=Wants(top=2)), ENDPOINT),
    "endpoint.test": notices.test_event(
        "evt_" + "2" * 26,
        at=day(3),
        audience=Audience(AudienceKind.ENDPOINT, ENDPOINT),
        example=None,
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_a_payload_is_the_golden_one_byte_for_byte(name: str) -> None:
    assert body(EVENTS[name]) + b"\n" == (GOLDEN / f"{name}.json").read_bytes()


def test_every_golden_file_is_held_against_something() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(EVENTS)


@pytest.mark.parametrize("name", EVENTS)
def test_the_parts_around_the_data_are_the_same_for_all(name: str) -> None:
    payload = json.loads(body(EVENTS[name]))

    assert list(payload) == ["id", "type", "timestamp", "recorded_at", "sequence", "data"]
    assert payload["id"] == EVENTS[name].id
    assert payload["type"] == EVENTS[name].type
    assert payload["timestamp"] == rfc3339(EVENTS[name].at)
    assert payload["recorded_at"] == "2026-12-12T00:04:07Z"
    assert payload["sequence"] == 48211


def test_the_example_of_the_design_is_what_is_sent() -> None:
    sent = data(UPGRADED)

    assert sent["from"] == {
        "score": 78.9,
        "as_of": "2026-12-11T00:00:00Z",
        "band": "Emerging",
        "band_rank": 3,
        "since": "2026-11-01T00:00:00Z",
        "held_days": 41,
        "anchor": 78.9,
    }
    assert sent["to"] == {
        "score": 83.1,
        "as_of": "2026-12-12T00:00:00Z",
        "band": "Blue Chip",
        "band_rank": 4,
    }
    assert (sent["bands"], sent["band_version"], sent["notches"]) == (5, 1, 1)
    assert (sent["delta"], sent["revises"]) == (4.2, None)


def test_facts_for_matching_are_unsigned() -> None:
    fallen = EVENTS["grade.downgraded"]

    assert data(fallen)["notches"] == -4
    assert data(fallen)["delta"] == -82.66
    assert (fallen.notches, fallen.size) == (4, 8266)


def test_a_move_is_measured_from_its_anchor_and_told_from_the_last_observation() -> None:
    moved = EVENTS["grade.moved"]

    assert (moved.notches, moved.size) == (None, 550)
    assert data(moved)["from"]["anchor"] == 66
    assert data(moved)["delta"] == 5.5


def test_what_was_not_there_is_null() -> None:
    assert data(EVENTS["grade.initiated"])["from"] is None
    assert data(EVENTS["grade.withdrawn"])["to"] is None
    for name in ("grade.initiated", "grade.withdrawn"):
        assert data(EVENTS[name])["delta"] is None
        assert EVENTS[name].notches is EVENTS[name].size is None


def test_a_revision_names_the_event_it_revises() -> None:
    first = draft(fundamental(0, 50), fundamental(1, 65))

    assert data(EVENTS["grade.revised"])["revises"] == first.id


def test_a_correction_names_what_was_told_and_what_would_have_been() -> None:
    corrected = data(EVENTS["grade.restated"])

    assert corrected["corrects"] == UPGRADED.id
    assert corrected["announced"] == data(UPGRADED)["to"]
    assert (corrected["to"]["score"], corrected["to"]["band"]) == (79, "Emerging")


def test_a_test_send_carries_a_real_change_and_says_that_it_is_a_test() -> None:
    event = notices.test_event("evt_x", at=day(3), audience=HOUSE, example=data(UPGRADED))

    assert data(event) == {"test": True, **data(UPGRADED)}


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (day(0), "2026-11-01T00:00:00Z"),
        (datetime.fromisoformat("2026-11-01T05:45:00+05:45"), "2026-11-01T00:00:00Z"),
        (day(0) + timedelta(milliseconds=250), "2026-11-01T00:00:00.250000Z"),
    ],
)
def test_times_are_utc_with_z(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == text
