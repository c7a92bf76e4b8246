"""Token Metrics: what its rows come to."""

from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.grades import Kind, SourceName
from alerts.errors import InvalidInput
from alerts.sources.token_metrics import TokenMetrics
from alerts.sources.token_metrics_rows import Profile
from tests.sources.conftest import API_KEY, MachineClock, ReadFrom
from tests.sources.wire import page, tm_row

UNDATED = datetime(2026, 3, 1, tzinfo=UTC)
FAR_FROM_OUR_DAY = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
async def source(read_from: ReadFrom) -> TokenMetrics:
    return read_from("http://127.0.0.1:9")


class TestReading:
    async def test_a_trader_grade_is_tm_grade_and_nothing_else(self, source: TokenMetrics) -> None:
        row = tm_row(3375, "64.03", TA_GRADE=70, QUANT_GRADE="40.11", TM_TRADER_GRADE=1)
        row |= {"TM_GRADE_SIGNAL": "Buy", "tm_grade": 2, "TM_LINK": "x", "tm_link": 5}

        reading = source.read(Kind.TRADER, [page(row)], undated=UNDATED)

        (grade,) = reading.grades[UNDATED]
        assert reading.rejected == ()
        assert grade.token == "token_metrics:3375"
        assert (grade.symbol, grade.name) == ("TKN", "Token 3375")
        assert (grade.score, grade.label) == (6403, "Buy")
        assert grade.components == (("quant_grade", 4011), ("ta_grade", 7000))

    @pytest.mark.parametrize(
        "row",
        [
            tm_row(grade=None),
            tm_row(grade=""),
            {"TOKEN_ID": 1, "TA_GRADE": 70, "TM_TRADER_GRADE": 70, "FUNDAMENTAL_GRADE": 70},
            {"TOKEN_ID": 1, "tm_grade": 70, "Tm_Grade": 70},
        ],
        ids=["null", "blank", "absent", "renamed"],
    )
    async def test_a_missing_grade_is_unknown_and_never_another_field(
        self, source: TokenMetrics, row: dict[str, object]
    ) -> None:
        reading = source.read(Kind.TRADER, [page(row)], undated=UNDATED)

        assert [grade.score for grade in reading.grades[UNDATED]] == [None]

    async def test_the_older_profile_reads_tm_trader_grade(self, read_from: ReadFrom) -> None:
        source = read_from("http://127.0.0.1:9", profile=Profile.V2_2025_04)
        row = {"TOKEN_ID": 7, "TM_TRADER_GRADE": 64, "TM_GRADE": 1, "TA_GRADE": 70.0}
        row["DATE"] = "2025-04-16T00:00:00.000Z"  # type: ignore[assignment]

        reading = source.read(Kind.TRADER, [page(row)], undated=UNDATED)

        (grade,) = reading.grades[datetime(2025, 4, 16, tzinfo=UTC)]
        assert (grade.score, grade.label) == (6400, None)
        assert grade.components == (("ta_grade", 7000),)

    async def test_v3_is_read_by_its_small_letters_alone(self, read_from: ReadFrom) -> None:
        source = read_from("http://127.0.0.1:9", profile=Profile.V3)
        head = {"token_id": 3375, "token_name": "Bitcoin", "token_symbol": "BTC", "slug": "bitcoin"}
        trader = head | {"tm_grade": "64.03", "tm_grade_signal": "Buy", "quant_grade": 40.11}
        trader |= {"TM_GRADE": 2, "date": "2026-01-05"}
        fundamental = head | {"fundamental_grade": 91.4, "fundamental_grade_class": "blueChip"}
        fundamental |= {"vc_score": None, "community_score": "9.6"}

        of_trader = source.read(Kind.TRADER, [page(trader)], undated=UNDATED)
        of_fundamental = source.read(Kind.FUNDAMENTAL, [page(fundamental)], undated=UNDATED)

        (grade,) = of_trader.grades[datetime(2026, 1, 5, tzinfo=UTC)]
        assert (grade.token, grade.symbol, grade.name) == ("token_metrics:3375", "BTC", "Bitcoin")
        assert (grade.score, grade.label) == (6403, "Buy")
        assert grade.components == (("quant_grade", 4011),)
        (grade,) = of_fundamental.grades[UNDATED]
        assert (grade.score, grade.label) == (9140, "blueChip")
        assert grade.components == (("community", 960), ("vc", None))

    @pytest.mark.parametrize(
        ("rows", "lacks"),
        [
            ([], None),
            ([tm_row(1, None), tm_row(2, "")], None),
            ([{"TOKEN_ID": 1}, tm_row(2)], None),
            ([{"TOKEN_ID": 1, "tm_grade": 50}, {"TOKEN_ID": 2, "tm_grade": 60}], "TM_GRADE"),
            (["no row", {"TOKEN_ID": 1}], "TM_GRADE"),
        ],
        ids=["nothing", "null", "on one row", "renamed", "gone"],
    )
    async def test_a_grade_that_no_row_has_a_field_for_is_named(
        self, source: TokenMetrics, rows: list[object], lacks: str | None
    ) -> None:
        assert source.read(Kind.TRADER, [page(*rows)], undated=UNDATED).lacks == lacks

    async def test_a_reading_says_which_tokens_were_asked_for(self, read_from: ReadFrom) -> None:
        listed = read_from("http://127.0.0.1:9", tokens=("1", "2"))
        everything = read_from("http://127.0.0.1:9")

        readings = [
            source.read(Kind.TRADER, [page(tm_row(1))], undated=UNDATED)
            for source in (listed, everything)
        ]

        asked = [reading.asked for reading in readings]
        assert asked == [{"token_metrics:1", "token_metrics:2"}, None]

    async def test_a_fundamental_grade_carries_its_class_and_components(
        self, source: TokenMetrics
    ) -> None:
        row = {
            "TOKEN_ID": 3375,
            "FUNDAMENTAL_GRADE": 91.4,
            "FUNDAMENTAL_GRADE_CLASS": "storeOfValue",
            "COMMUNITY_SCORE": 9.6,
            "EXCHANGE_SCORE": "n/a",
            "VC_SCORE": None,
            "TOKENOMICS_SCORE": [1],
            "DEFI_SCANNER_SCORE": "5.2",
        }

        reading = source.read(Kind.FUNDAMENTAL, [page(row)], undated=UNDATED)

        (grade,) = reading.grades[UNDATED]
        assert (grade.score, grade.label) == (9140, "storeOfValue")
        assert dict(grade.components) == {
            "community": 960,
            "exchange": None,
            "vc": None,
            "tokenomics": None,
            "defi_scanner": 520,
        }

    @pytest.mark.parametrize(
        "garbage", ["1e999", '"NaN"', "true", "{}", "9" * 5000, "1000000000", '"\\ud800"']
    )
    async def test_a_components_garbage_never_costs_the_grade(
        self, source: TokenMetrics, garbage: str
    ) -> None:
        body = b'{"data": [{"TOKEN_ID": 1, "TM_GRADE": 50, "QUANT_GRADE": %s}]}' % garbage.encode()

        reading = source.read(Kind.TRADER, [body], undated=UNDATED)

        (grade,) = reading.grades[UNDATED]
        assert (grade.score, grade.components) == (5000, (("quant_grade", None),))

    async def test_a_name_cut_in_the_middle_of_an_emoji_costs_nothing(
        self, source: TokenMetrics
    ) -> None:
        body = (
            rb'{"data": [{"TOKEN_ID": 1, "TM_GRADE": 50, "TOKEN_NAME": "Cat \ud83d"},'
            rb'{"TOKEN_ID": 2, "TM_GRADE": 60, "TOKEN_NAME": "\\ud83d \ud83d\ude3a \udc00\ud83d"}]}'
        )

        reading = source.read(Kind.TRADER, [body], undated=UNDATED)

        assert [grade.score for grade in reading.grades[UNDATED]] == [5000, 6000]
        names = [grade.name for grade in reading.grades[UNDATED]]
        assert names == ["Cat \ufffd", "\\ud83d \U0001f63a \ufffd\ufffd"]

    async def test_labels_that_are_no_text_never_cost_the_grade(self, source: TokenMetrics) -> None:
        row = {"TOKEN_ID": 1, "TM_GRADE": 50, "TOKEN_SYMBOL": 1, "TOKEN_NAME": [], "X": {}}
        row["TM_GRADE_SIGNAL"] = 2

        reading = source.read(Kind.TRADER, [page(row)], undated=UNDATED)

        (grade,) = reading.grades[UNDATED]
        assert (grade.symbol, grade.name, grade.label, grade.score) == ("1", "", None, 5000)

    async def test_one_bad_row_is_named_by_its_number_over_all_pages(
        self, source: TokenMetrics
    ) -> None:
        bad_rows = [
            "not a row",
            tm_row(5, "NaN"),
            tm_row(6, 101),
            tm_row(7, -0.5),
            tm_row(8, grade=True),
            {"TM_GRADE": 50},
            tm_row(9, DATE="yesterday"),
            tm_row(10, DATE=20260101),
        ]
        pages = [page(tm_row(1), tm_row(2)), page(*bad_rows, tm_row(3))]

        reading = source.read(Kind.TRADER, pages, undated=UNDATED)

        assert [grade.token for grade in reading.grades[UNDATED]] == [
            "token_metrics:1",
            "token_metrics:2",
            "token_metrics:3",
        ]
        assert [row.row for row in reading.rejected] == [3, 4, 5, 6, 7, 8, 9, 10]
        assert [row.token_id for row in reading.rejected][1:4] == ["5", "6", "7"]
        assert reading.rejected[6].problem.startswith("DATE: ")
        assert reading.unread == {f"token_metrics:{number}" for number in range(5, 11)}

    @pytest.mark.parametrize(
        ("date", "as_of"),
        [
            ("2026-01-05T00:00:00.000Z", datetime(2026, 1, 5, tzinfo=UTC)),
            ("2026-01-05", datetime(2026, 1, 5, tzinfo=UTC)),
            ("2026-01-05T02:00:00+02:00", datetime(2026, 1, 5, tzinfo=UTC)),
            (None, UNDATED),
        ],
    )
    async def test_a_rows_date_is_its_as_of(
        self, source: TokenMetrics, date: str | None, as_of: datetime
    ) -> None:
        reading = source.read(Kind.TRADER, [page(tm_row(DATE=date))], undated=UNDATED)

        assert list(reading.grades) == [as_of]

    async def test_a_sweep_over_two_dates_is_read_as_two_oldest_first(
        self, source: TokenMetrics
    ) -> None:
        rows = [tm_row(1, DATE="2026-01-06"), tm_row(2, DATE="2026-01-05"), tm_row(2)]

        reading = source.read(Kind.TRADER, [page(*rows)], undated=UNDATED)

        assert [moment.day for moment in reading.grades] == [5, 6, 1]
        assert [len(grades) for grades in reading.grades.values()] == [1, 1, 1]

    async def test_a_date_ahead_of_the_clock_is_refused(self, read_from: ReadFrom) -> None:
        pages = [page(tm_row(DATE="2099-01-01"))]

        strict = read_from("http://127.0.0.1:9").read(Kind.TRADER, pages, undated=UNDATED)
        trusting = read_from("http://127.0.0.1:9", trusts_dates=True).read(
            Kind.TRADER, pages, undated=UNDATED
        )

        assert strict.grades == {}
        assert "in the future" in strict.rejected[0].problem
        assert list(trusting.grades) == [FAR_FROM_OUR_DAY]

    async def test_twins_fold_and_of_those_that_differ_the_higher_stands(
        self, source: TokenMetrics
    ) -> None:
        rows = [tm_row(1, 50), tm_row(1, 50), tm_row(2, 30), tm_row(2, 70)]

        reading = source.read(Kind.TRADER, [page(*rows)], undated=UNDATED)

        assert [grade.score for grade in reading.grades[UNDATED]] == [5000, 7000]
        assert [row.row for row in reading.rejected] == [3]

    async def test_reading_again_gives_the_same(self, source: TokenMetrics) -> None:
        pages = [page(tm_row(1), tm_row(2, "x")), page(tm_row(3, DATE="2026-01-05"))]

        first = source.read(Kind.TRADER, pages, undated=UNDATED)

        assert source.read(Kind.TRADER, pages, undated=UNDATED) == first

    @given(
        st.lists(
            st.dictionaries(
                st.sampled_from(["TOKEN_ID", "TM_GRADE", "DATE", "TOKEN_NAME", "QUANT_GRADE"]),
                st.none()
                | st.text()
                | st.integers()
                | st.floats()
                | st.booleans()
                | st.lists(st.none()),
            )
            | st.none()
            | st.text()
        )
    )
    def test_no_row_raises_and_none_is_lost(self, rows: list[object]) -> None:
        source = TokenMetrics(
            name=SourceName("token_metrics"),
            client=httpx.AsyncClient(),
            api_key=API_KEY,
            clock=MachineClock(),
        )
        body = msgspec.json.encode({"data": rows})

        reading = source.read(Kind.TRADER, [body], undated=UNDATED)

        kept = sum(len(grades) for grades in reading.grades.values())
        assert kept + len(reading.rejected) <= len(rows)
        assert (kept > 0 or len(reading.rejected) > 0) is bool(rows)

    async def test_a_page_that_fetch_would_not_give_is_refused(self, source: TokenMetrics) -> None:
        with pytest.raises(InvalidInput, match="page 2"):
            source.read(Kind.TRADER, [page(), b"<html>"], undated=UNDATED)
