"""Identities: sortable by time, of one length, and the same only for the same."""

import string
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain import ids
from alerts.domain.events import EventType, grade_event_id
from alerts.domain.grades import Kind, SourceName
from alerts.domain.ids import event_id, make_id
from tests.builders import cycle, day, token

TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is drawn.
DISTINCT = st.binary(min_size=10, max_size=10)
ALPHABET = set(string.digits + string.ascii_lowercase) - set("ilou")
PREFIXES = {
    value
    for name, value in vars(ids).items()
    if name.isupper() and not name.startswith("_") and isinstance(value, str) and len(value) < 5
}


def test_an_id_is_pinned_to_the_byte() -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)

    assert make_id("evt_", at, bytes(10)) == "evt_01m7v41f000000000000000000"
    assert make_id("evt_", at, b"\xff" * 10) == "evt_01m7v41f00zzzzzzzzzzzzzzzz"
    assert event_id(at, "grade.upgraded", "demo", 1) == "evt_01m7v41f00wvhyny4j86n59kqr"


def test_no_prefix_begins_another() -> None:
    assert len(PREFIXES) >= 12
    assert not any(one.startswith(other) for one in PREFIXES for other in PREFIXES if one != other)


@given(st.sampled_from(sorted(PREFIXES)), TIMES, DISTINCT)
def test_an_id_is_its_prefix_and_26_characters(prefix: str, at: datetime, distinct: bytes) -> None:
    made = make_id(prefix, at, distinct)

    assert made.startswith(prefix)
    assert len(made) == len(prefix) + 26
    assert set(made.removeprefix(prefix)) <= ALPHABET


@given(TIMES, TIMES, DISTINCT, DISTINCT)
def test_ids_sort_by_the_millisecond(
    one: datetime, other: datetime, first: bytes, second: bytes
) -> None:
    earlier, later = sorted((one, other))
    if later - earlier < timedelta(milliseconds=1):
        return

    assert make_id("dlv_", earlier, first) < make_id("dlv_", later, second)


@given(TIMES, DISTINCT, DISTINCT)
def test_ids_of_one_moment_differ_by_their_bytes(at: datetime, one: bytes, other: bytes) -> None:
    assert (make_id("att_", at, one) == make_id("att_", at, other)) == (one == other)


def test_only_ten_bytes_count() -> None:
    assert make_id("key_", day(0), b"0123456789abcdef") == make_id("key_", day(0), b"0123456789")


def test_the_house_is_an_app_like_any_other() -> None:
    assert ids.HOUSE_APP == "app_" + "0" * 26


def test_an_events_id_is_always_the_same() -> None:
    made = {
        grade_event_id(EventType.UPGRADED, cycle(at=at), token(1), revision=0)
        for at in (day(1), day(1).astimezone(timezone(timedelta(hours=14))))
    }

    assert len(made) == 1


@pytest.mark.parametrize(
    "other",
    [
        grade_event_id(EventType.DOWNGRADED, cycle(at=day(1)), token(1), revision=0),
        grade_event_id(EventType.UPGRADED, cycle(at=day(2)), token(1), revision=0),
        grade_event_id(
            EventType.UPGRADED, cycle(at=day(1) + timedelta(microseconds=1)), token(1), revision=0
        ),
        grade_event_id(
            EventType.UPGRADED, cycle(at=day(1), kind=Kind.FUNDAMENTAL), token(1), revision=0
        ),
        grade_event_id(EventType.UPGRADED, cycle(at=day(1)), token(11), revision=0),
        grade_event_id(EventType.UPGRADED, cycle(at=day(1)), token(1), revision=1),
        grade_event_id(EventType.UPGRADED, cycle(at=day(1)), token(1), revision=10),
    ],
    ids=["type", "day", "microsecond", "kind", "token", "revision", "tenth revision"],
)
def test_whatever_tells_events_apart_tells_their_ids_apart(other: str) -> None:
    one = grade_event_id(EventType.UPGRADED, cycle(at=day(1)), token(1), revision=0)

    assert one != other


PARTS = st.lists(
    st.sampled_from(["", "a", "aa", "ab", "b", SourceName("demo"), "0", "1", "11"]),
    min_size=1,
    max_size=4,
)


@given(PARTS, PARTS)
def test_near_parts_do_not_run_together(one: list[str], other: list[str]) -> None:
    assert (event_id(day(0), *one) == event_id(day(0), *other)) == (one == other)


def test_a_hundred_thousand_neighbours_have_as_many_ids() -> None:
    made = {
        event_id(day(0), "grade.moved", "demo", "trader", f"demo:{number}", revision)
        for number in range(10_000)
        for revision in range(10)
    }

    assert len(made) == 100_000
