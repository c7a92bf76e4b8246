"""The reading of one row: what is a grade, what is unknown, and what is refused."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.grades import (
    COMPONENT_LIMIT,
    Grade,
    read_grade,
    read_hundredths,
    read_score,
)
from alerts.errors import InvalidInput
from tests.builders import SOURCE, token

# More digits than Python turns into text without being asked to.
ENORMOUS = 10**5000


class TestScores:
    @pytest.mark.parametrize(
        ("value", "score"),
        [
            (0, 0),
            (100, 10_000),
            (78.9, 7890),
            (79.6, 7960),
            (-0.0, 0),
            ("78.9", 7890),
            (" 78.90 ", 7890),
            ("007", 700),
            (0.1 + 0.2, 30),
            (82.994999999999, 8299),
            (82.995, 8300),
            (0.005, 1),
            ("0.0049999999999999999999999999999999", 0),
            (1.115, 112),  # a float just under 1.115, meant as written
            (79.99999999999999, 8000),
            (1e-7, 0),
            (1.2345678901234567e-05, 0),
            (0.0012345678901234567, 0),
            (5e-324, 0),
            (100.004, 10_000),
        ],
    )
    def test_a_number_is_read_to_the_hundredth_halves_up(self, value: object, score: int) -> None:
        assert read_score(value) == score

    @pytest.mark.parametrize("value", [None, "", "   ", "\t\n"])
    def test_nothing_is_unknown_and_never_zero(self, value: object) -> None:
        assert read_score(value) is None

    @pytest.mark.parametrize(
        "value",
        [
            float("nan"),
            float("inf"),
            float("-inf"),
            1e9,
            1e300,
            -3,
            -0.01,
            101,
            100.005,
            pytest.param(ENORMOUS, id="enormous"),
            pytest.param(-ENORMOUS, id="enormous and negative"),
            "9" * 5000,
            "0." + "9" * 5000,
            True,
            False,
            "NaN",
            "inf",
            "-Infinity",
            "1e1",
            "+5",
            ".5",
            "5.",
            "5,5",
            "1_0",
            "0x10",
            "\uff15\uff10",  # full-width digits
            "\u0665\u0660",  # Arabic-Indic digits
            "n/a",
            "null",
            "Strong Buy",
            "78.9%",
            "7 8",
            "78.9\x00",
            "\ud800",
            b"78.9",
            [78.9],
            {"score": 78.9},
            object(),
        ],
        ids=lambda value: ascii(value)[:20],
    )
    def test_what_is_no_number_from_0_to_100_is_refused(self, value: object) -> None:
        with pytest.raises(InvalidInput) as refusal:
            read_score(value)

        assert refusal.value.field == "score"
        assert len(str(refusal.value)) < 200
        assert str(refusal.value).isprintable()

    @given(st.floats(0, 100))
    def test_a_float_is_its_shortest_decimal_rounded_once(self, value: float) -> None:
        exact = Decimal(repr(value)).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)

        assert read_score(value) == int(exact * 100)

    @given(st.integers(0, 10_000))
    def test_a_number_and_its_text_are_the_same_score(self, hundredths: int) -> None:
        assert read_score(hundredths / 100) == hundredths
        assert read_score(f"{hundredths // 100}.{hundredths % 100:02}") == hundredths

    @given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary())
    def test_whatever_it_is_it_is_read_or_refused(self, value: object) -> None:
        try:
            score = read_score(value)
        except InvalidInput:
            return

        assert score is None or 0 <= score <= 10_000


class TestComponents:
    @pytest.mark.parametrize(
        ("value", "hundredths"),
        [
            (-3, -300),
            (-0.005, -1),
            (6.1, 610),
            ("8.8", 880),
            (None, None),
            ("", None),
            (999_999_999_999, 99_999_999_999_900),
            ("999999999999.005", 99_999_999_999_901),
        ],
    )
    def test_a_component_may_be_any_number(self, value: object, hundredths: int | None) -> None:
        assert read_hundredths(value, field="components.vc") == hundredths

    @pytest.mark.parametrize(
        "value",
        [1e12, -1e12, 10**12, "1000000000000", pytest.param(ENORMOUS, id="enormous"), 1e308],
    )
    def test_a_component_has_at_most_twelve_digits_before_the_point(self, value: object) -> None:
        with pytest.raises(InvalidInput, match=r"components\.vc"):
            read_hundredths(value, field="components.vc")

    def test_they_are_sorted_by_name_and_the_unknown_stay_unknown(self) -> None:
        row = {"token_id": 1, "score": 50, "components": {"vc": 4, "community": None, "audit": ""}}

        assert read_grade(SOURCE, row).components == (
            ("audit", None),
            ("community", None),
            ("vc", 400),
        )

    @pytest.mark.parametrize(
        ("components", "field"),
        [
            ([["vc", 1]], "components"),
            ("vc", "components"),
            ({"VC": 1}, "components"),
            ({"": 1}, "components"),
            ({"a" * 41: 1}, "components"),
            ({"v\u200dc": 1}, "components"),
            ({1: 1}, "components"),
            ({"vc": "high"}, "components.vc"),
            ({"vc": True}, "components.vc"),
            ({"vc": float("nan")}, "components.vc"),
            ({f"c{number}": 1 for number in range(COMPONENT_LIMIT + 1)}, "components"),
        ],
    )
    def test_what_cannot_be_used_is_refused_by_name(self, components: object, field: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            read_grade(SOURCE, {"token_id": 1, "score": 50, "components": components})

        assert refusal.value.field == field


def test_a_row_is_read_whole() -> None:
    row = {
        "token_id": 3375,
        "symbol": "BTC",
        "name": "Bitcoin",
        "score": 83.1,
        "class": "Blue Chip",
        "components": {"tokenomics": 8.8},
        "unheard_of": object(),
    }

    assert read_grade(SOURCE, row) == Grade(
        token=token(3375),
        symbol="BTC",
        name="Bitcoin",
        score=8310,
        label="Blue Chip",
        components=(("tokenomics", 880),),
    )


def test_an_id_alone_is_a_grade_nobody_knows() -> None:
    assert read_grade(SOURCE, {"token_id": "x1"}) == Grade(
        token=token("x1"), symbol="x1", name="", score=None
    )
