"""Types of events as bits, which SQL matches with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.events import MATCHED, EventType
from alerts.domain.subscriptions import type_mask, types_of_mask


class TestTypesAsBits:
    @given(st.frozensets(st.sampled_from(MATCHED)))
    def test_they_come_back(self, types: frozenset[EventType]) -> None:
        assert types_of_mask(type_mask(types)) == types

    def test_each_has_its_bit_for_ever(self) -> None:
        assert {str(event_type): type_mask([event_type]) for event_type in MATCHED} == {
            "grade.upgraded": 1,
            "grade.downgraded": 2,
            "grade.moved": 4,
            "grade.initiated": 8,
            "grade.withdrawn": 16,
            "grade.reinstated": 32,
            "ratings.rebased": 64,
            "grade.crossed": 128,
            "grade.rose": 256,
            "grade.fell": 512,
        }

    def test_naming_one_twice_is_naming_it_once(self) -> None:
        assert type_mask([EventType.MOVED, EventType.MOVED]) == 4

    @pytest.mark.parametrize("event_type", sorted(set(EventType) - set(MATCHED)))
    def test_what_nobody_may_ask_for_has_none(self, event_type: EventType) -> None:
        with pytest.raises(ValueError, match="not in tuple"):
            type_mask([event_type])
