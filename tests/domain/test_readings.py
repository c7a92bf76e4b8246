"""Times as they may be written, and rows that speak of one token twice."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.events import rfc3339
from alerts.domain.grades import Grade, read_as_of
from alerts.domain.readings import unique
from alerts.errors import InvalidInput
from tests.builders import grade, token

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2026-11-20", MIDNIGHT),
            (" 2026-11-20 ", MIDNIGHT),
            ("2026-11-20T00:00:00Z", MIDNIGHT),
            ("2026-11-20t00:00:00z", MIDNIGHT),
            ("2026-11-20 00:00:00Z", MIDNIGHT),
            ("2026-11-20T00:00:00.000Z", MIDNIGHT),
            ("2026-11-20T00:00:00-00:00", MIDNIGHT),
            ("2026-11-20T14:00:00+14:00", MIDNIGHT),
            ("2026-11-19T12:00:00-12:00", MIDNIGHT),
            ("2026-11-20T05:45:00+05:45", MIDNIGHT),
            ("2026-11-20T00:00:00.25Z", MIDNIGHT + timedelta(milliseconds=250)),
            ("2026-11-20T00:00:00.123456789Z", MIDNIGHT + timedelta(microseconds=123456)),
            ("2000-01-01", datetime(2000, 1, 1, tzinfo=UTC)),
            ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ],
    )
    def test_rfc_3339_and_bare_dates_are_read_as_utc(self, text: str, moment: datetime) -> None:
        read = read_as_of(text, latest=NOW)

        assert read == moment
        assert read.tzinfo is UTC

    @pytest.mark.parametrize(
        "value",
        [
            "2026-11-20T00:00Z",
            "2026-11-20T00Z",
            "2026-11-20Z",
            "20261120",
            "20261120T000000Z",
            "2026-W01-1",
            "2026-W47",
            "2026W471",
            "2026-324",
            "2026-11",
            "2026-1-5",
            "2026-11-20x00:00:00Z",
            "2026-11-20T00:00:00,5Z",
            "2026-11-20T00:00:00.Z",
            "2026-11-20T00:00:00+0100",
            "2026-11-20T00:00:00+01",
            "2026-11-20T00:00:00+01:00:30",
            "2026-11-20T00:00:00+24:00",
            "2026-11-20T00:00:00+12:99",
            "2026-11-20T24:00:00Z",
            "2026-11-19T23:59:60Z",
            "2026-02-30",
            "2026-13-01T00:00:00Z",
            "20/11/2026",
            "Fri, 20 Nov 2026 00:00:00 GMT",
            "yesterday",
            "1763596800",
            "٢٠٢٦-11-20",
            "2026-11-20\x00",
            "2026-11-20\ud800",
            "2" * 10_000,
            "",
        ],
        ids=lambda value: ascii(value)[:30],
    )
    def test_any_other_writing_is_refused_with_an_example(self, value: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            read_as_of(value, latest=NOW, field="DATE")

        assert refusal.value.field == "DATE"
        assert "2026-11-20T00:00:00Z" in str(refusal.value)
        assert len(str(refusal.value)) < 200
        assert str(refusal.value).isprintable()

    @pytest.mark.parametrize(
        "value",
        [None, 1763596800, 1763596800.5, True, NOW, [], 10**5000],
        ids=lambda value: type(value).__name__,
    )
    def test_what_is_no_text_is_refused(self, value: object) -> None:
        with pytest.raises(InvalidInput, match="as_of: must be an RFC 3339 time"):
            read_as_of(value, latest=NOW)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("2026-11-20T00:00:00", "must say its offset"),
            ("2026-11-20 00:00:00.5", "must say its offset"),
            ("1999-12-31T23:59:59Z", "before the year 2000"),
            ("2000-01-01T00:00:00+00:01", "before the year 2000"),
            ("0001-01-01T00:00:00+14:00", "out of range"),
            ("9999-12-31T23:59:59-14:00", "out of range"),
            ("9999-12-31", "in the future"),
            ("2026-11-20T13:00:01Z", "in the future"),
        ],
    )
    def test_a_time_without_its_offset_or_out_of_range_is_refused(
        self, text: str, problem: str
    ) -> None:
        with pytest.raises(InvalidInput, match=problem):
            read_as_of(text, latest=NOW)

    def test_a_clock_may_be_an_hour_behind(self) -> None:
        assert read_as_of("2026-11-20T13:00:00Z", latest=NOW) == NOW + timedelta(hours=1)

    def test_a_source_with_a_clock_of_its_own_may_be_far_ahead(self) -> None:
        assert read_as_of("2999-01-01", latest=None) == datetime(2999, 1, 1, tzinfo=UTC)

    @given(st.datetimes(datetime(2000, 1, 2), datetime(2999, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - the zone is drawn.
    def test_what_the_api_writes_is_read_back(self, moment: datetime) -> None:
        # Some local times do not exist, and equal no other: they are compared as UTC.
        assert read_as_of(rfc3339(moment), latest=None) == moment.astimezone(UTC)

    @given(st.text(max_size=40) | st.from_regex(r"\A\d{4}-\d\d-\d\d.?\d\d:?\d\d:?\d\d.*\Z"))
    def test_whatever_it_is_it_is_read_or_refused(self, text: str) -> None:
        try:
            moment = read_as_of(text, latest=NOW)
        except InvalidInput:
            return

        assert moment.tzinfo is UTC
        assert datetime(2000, 1, 1, tzinfo=UTC) <= moment <= NOW + timedelta(hours=1)


def folded(rows: Sequence[Grade]) -> tuple[list[Grade], list[str | None]]:
    grades, rejected = unique(list(enumerate(rows, start=1)))
    return list(grades), [row.token_id for row in rejected]


class TestTwins:
    def test_equal_ones_fold_without_a_word(self) -> None:
        assert folded([grade(1, 50), grade(2, 60), grade(1, 50)]) == (
            [grade(1, 50), grade(2, 60)],
            [],
        )

    @pytest.mark.parametrize(
        "rows",
        [
            [grade(1, 50), grade(1, 70), grade(1, 60)],
            [grade(1, None), grade(1, 0)],
            [grade(1, 50), grade(1, 50, label="Buy")],
            [grade(1, 50), grade(1, 50, components={"vc": 1}), grade(1, 50)],
            [grade(1, 50), grade(1, 70), grade(1, 50), grade(1, 70), grade(1, None)],
        ],
        ids=["scores", "known and unknown", "labels", "components", "several of each"],
    )
    def test_of_different_ones_the_same_stands_in_whatever_order(self, rows: list[Grade]) -> None:
        results = [folded(order) for order in permutations(rows)]

        assert all(result == results[0] for result in results)
        assert len(results[0][0]) == 1

    def test_the_higher_score_stands_and_the_others_are_reported(self) -> None:
        grades, rejected = unique([(4, grade(1, 60)), (7, grade(1, 50)), (9, grade(1, 70))])

        assert grades == (grade(1, 70),)
        assert [(row.row, row.token_id) for row in rejected] == [(4, token(1)), (7, token(1))]
        assert {row.problem for row in rejected} == {
            "differs from row 9 of the same token, which stands"
        }

    def test_a_known_score_stands_before_an_unknown_one(self) -> None:
        grades, rejected = unique([(1, grade(1, 0)), (2, grade(1, None))])

        assert grades == (grade(1, 0),)
        assert [row.row for row in rejected] == [2]

    def test_grades_keep_the_order_in_which_tokens_first_appear(self) -> None:
        grades, _ = unique([(1, grade(3)), (2, grade(1, 5)), (3, grade(2)), (4, grade(1, 9))])

        assert [each.token for each in grades] == [token(3), token(1), token(2)]
