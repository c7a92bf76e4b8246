"""What a payload says of a change: days held, components, names, and the way back."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.events import points
from alerts.domain.grades import clean_label
from alerts.domain.payloads import component_moves
from alerts.domain.told import rating_told
from tests.builders import FUNDAMENTAL, rating, token
from tests.domain.telling import BITCOIN, UPGRADED, body, data, draft, fundamental, told


@pytest.mark.parametrize(
    ("now", "days"),
    [(0.99, 0), (1, 1), (1.99, 1), (41, 41)],
    ids=["hours", "one", "almost two", "many"],
)
def test_days_held_are_whole_days(now: float, days: int) -> None:
    event = draft(fundamental(0, 50), fundamental(now, 65))

    assert data(event)["from"]["held_days"] == days


class TestComponents:
    def test_the_largest_change_comes_first_and_the_unknown_last(self) -> None:
        assert data(UPGRADED)["components"] == [
            {"name": "community", "from": 50, "to": 12.5, "delta": -37.5},
            {"name": "tokenomics", "from": 6.1, "to": 8.8, "delta": 2.7},
            {"name": "vc", "from": 4, "to": 4, "delta": 0},
            {"name": "audit", "from": 7, "to": None, "delta": None},
            {"name": "exchange", "from": None, "to": 3, "delta": None},
        ]

    def test_equal_changes_stand_by_name(self) -> None:
        before = rating(3, components={"b": 1, "a": 5, "c": 0})
        after = rating(3, components={"c": 3, "a": 2, "b": 4})

        assert [row["name"] for row in component_moves(before, after)] == ["a", "b", "c"]

    def test_without_a_rating_before_or_after_all_are_unknown(self) -> None:
        known = rating(3, components={"a": 5})

        assert component_moves(None, known) == [
            {"name": "a", "from": None, "to": 5.0, "delta": None}
        ]
        assert component_moves(known, None) == [
            {"name": "a", "from": 5.0, "to": None, "delta": None}
        ]
        assert component_moves(None, None) == []


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            'a "quoted" name',
            "back\\slash",
            "🚀 to the moon",
            "عملة",
            "</script>",
            "@everyone",
            "ÿ",
            "{}",
        ],
    )
    def test_a_name_survives_as_json(self, name: str) -> None:
        event = draft(fundamental(0, 50), fundamental(1, 65), view=replace(BITCOIN, name=name))

        assert data(event)["token"]["name"] == name

    @given(st.text(alphabet=st.characters()))
    def test_whatever_was_read_as_a_name_can_be_sent(self, text: str) -> None:
        name = clean_label(text, field="name") or ""

        event = draft(fundamental(0, 50), fundamental(1, 65), view=replace(BITCOIN, name=name))

        assert data(event)["token"]["name"] == name

    def test_a_token_without_a_page_has_no_url(self) -> None:
        event = draft(fundamental(0, 50), fundamental(1, 65), view=replace(BITCOIN, url=None))

        assert "url" not in data(event)["token"]


class TestWhatWasToldIsReadBack:
    def test_a_payload_gives_the_rating_before_it(self) -> None:
        change, _ = told(fundamental(0, 78.9), fundamental(40, 79.99), fundamental(41, 83.1))
        event = draft(fundamental(0, 78.9), fundamental(40, 79.99), fundamental(41, 83.1))

        # How far it is from thresholds is nothing that a correction needs.
        before = change.before and change.before._replace(slack_up=0, slack_down=0)
        assert rating_told(token(1), json.loads(body(event)), FUNDAMENTAL) == before

    def test_an_initiation_had_none(self) -> None:
        payload = json.loads(body(draft(fundamental(0, None, t2=50), fundamental(1, 60))))

        assert rating_told(token(1), payload, FUNDAMENTAL) is None

    @given(st.integers(0, 10_000))
    def test_points_give_back_their_hundredths(self, hundredths: int) -> None:
        shown = json.loads(json.dumps(points(hundredths)))

        assert round(shown * 100) == hundredths
