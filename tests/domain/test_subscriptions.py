"""Which events an endpoint wants, as rows, as a match, and as bits."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.events import MATCHED, EventType
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import (
    DEFAULT_TYPES,
    Condition,
    EventFacts,
    Filter,
    Miss,
    Subscription,
    Threshold,
    carried_over,
    match,
    rows_of,
)
from tests.builders import facts, subscription, token

MOVED, CROSSED = EventType.MOVED, EventType.CROSSED
CROSSED_85 = facts(type=CROSSED, notches=None, size=None, crossed=(80, 85))
ALL_TYPES = frozenset(MATCHED)
WHILE_80 = subscription(other=(80, 95))


@pytest.mark.parametrize(
    ("event", "wanted", "miss"),
    [
        pytest.param(facts(), [subscription()], None, id="all tokens"),
        pytest.param(facts(), [subscription(1)], None, id="this token"),
        pytest.param(facts(), [subscription(2)], Miss.TOKEN, id="another token"),
        pytest.param(facts(11), [subscription(1)], Miss.TOKEN, id="a token that begins alike"),
        pytest.param(facts(), [], Miss.TOKEN, id="nothing wanted"),
        pytest.param(facts(kind=Kind.FUNDAMENTAL), [subscription()], Miss.KIND, id="other kind"),
        pytest.param(facts(type=MOVED), [subscription()], Miss.TYPE, id="other type"),
        pytest.param(facts(notches=1), [subscription(min_notches=2)], Miss.MIN_NOTCHES, id="small"),
        pytest.param(facts(notches=2), [subscription(min_notches=2)], None, id="just enough"),
        pytest.param(facts(size=7.99), [subscription(min_delta=8)], Miss.MIN_DELTA, id="short way"),
        pytest.param(facts(size=8), [subscription(min_delta=8)], None, id="just far enough"),
        pytest.param(
            facts(type=MOVED, notches=None, size=8),
            [subscription(types=[MOVED], min_notches=4, min_delta=8)],
            None,
            id="a move has no notches",
        ),
        pytest.param(
            facts(type=EventType.WITHDRAWN, notches=None, size=None),
            [subscription(types=[EventType.WITHDRAWN], min_notches=4, min_delta=99)],
            None,
            id="what has no size is never too small",
        ),
        pytest.param(
            CROSSED_85, [subscription(types=[CROSSED], above=85)], None, id="a threshold, on it"
        ),
        pytest.param(
            CROSSED_85,
            [subscription(types=[CROSSED], above=85.01)],
            Miss.THRESHOLD,
            id="a threshold that is farther",
        ),
        pytest.param(
            CROSSED_85,
            [subscription(types=[CROSSED], above=80)],
            Miss.THRESHOLD,
            id="a threshold that it was on before",
        ),
        pytest.param(
            CROSSED_85,
            [subscription(types=[CROSSED], below=85)],
            Miss.THRESHOLD,
            id="a threshold in the other direction",
        ),
        pytest.param(CROSSED_85, [subscription()], Miss.THRESHOLD, id="no threshold at all"),
        pytest.param(
            facts(type=CROSSED, notches=None, size=None, crossed=(20, 19.5)),
            [subscription(types=[CROSSED], above=85, below=20, min_notches=4, min_delta=50)],
            None,
            id="a threshold downwards, whatever sizes are wanted",
        ),
        pytest.param(facts(other=80), [WHILE_80], None, id="the other grade, just enough"),
        pytest.param(facts(other=79.99), [WHILE_80], Miss.OTHER_GRADE, id="too low"),
        pytest.param(facts(other=95), [WHILE_80], Miss.OTHER_GRADE, id="no longer below"),
        pytest.param(facts(), [WHILE_80], Miss.OTHER_UNKNOWN, id="the other grade is unknown"),
        pytest.param(facts(), [WHILE_80, subscription()], None, id="unknown, but wanted anyway"),
        pytest.param(
            facts(None, type=EventType.REBASED, notches=None, size=None),
            [replace(WHILE_80, types=ALL_TYPES)],
            None,
            id="what is of no token has no other grade",
        ),
        pytest.param(
            facts(sequence=7), [subscription(since_sequence=7)], Miss.BEFORE_SUBSCRIPTION, id="old"
        ),
        pytest.param(facts(sequence=8), [subscription(since_sequence=7)], None, id="the next one"),
        pytest.param(
            facts(None, type=EventType.REBASED, notches=None, size=None),
            [subscription(5, types=[EventType.REBASED])],
            None,
            id="a new ladder is about every token",
        ),
        pytest.param(
            facts(None, type=EventType.REBASED, notches=None, size=None),
            [subscription(5, kind=Kind.FUNDAMENTAL, types=[EventType.REBASED])],
            Miss.KIND,
            id="a new ladder of the other kind",
        ),
        pytest.param(
            facts(),
            [subscription(2), subscription(1, min_notches=2), subscription(1)],
            None,
            id="any",
        ),
        pytest.param(
            facts(),
            [subscription(1, min_delta=50), subscription(2), subscription(1, min_notches=2)],
            Miss.MIN_DELTA,
            id="the nearest miss is told",
        ),
    ],
)
def test_an_event_is_wanted_or_missed_for_a_reason(
    event: EventFacts, wanted: Sequence[Subscription], miss: Miss | None
) -> None:
    assert match(event, wanted) is miss
    assert match(event, reversed(wanted)) is miss


class TestRows:
    def test_a_filter_is_a_row_for_each_token_and_kind(self) -> None:
        wanted = Filter(tokens=(token(2), token(1), token(2)), min_notches=2, min_delta=300)

        rows = rows_of(wanted, 41)

        assert [(row.token, row.kind) for row in rows] == [
            (token(1), Kind.FUNDAMENTAL),
            (token(1), Kind.TRADER),
            (token(2), Kind.FUNDAMENTAL),
            (token(2), Kind.TRADER),
        ]
        assert {(row.min_notches, row.min_delta, row.since_sequence) for row in rows} == {
            (2, 300, 41)
        }

    def test_no_list_is_all_tokens_and_an_empty_one_is_none(self) -> None:
        assert [row.token for row in rows_of(Filter(), 0)] == [None, None]
        assert rows_of(Filter(tokens=()), 0) == ()
        assert rows_of(Filter(kinds=frozenset()), 0) == ()

    def test_a_threshold_is_of_its_kind_and_is_told_besides_the_types(self) -> None:
        named = Threshold(Kind.TRADER, above=8500)

        fundamental, trader = rows_of(Filter(thresholds=(named,)), 0)

        assert (fundamental.above, fundamental.types) == (None, DEFAULT_TYPES)
        assert (trader.above, trader.below, trader.types) == (8500, None, DEFAULT_TYPES | {CROSSED})
        assert match(CROSSED_85, [fundamental, trader]) is None
        assert match(replace(CROSSED_85, kind=Kind.FUNDAMENTAL), [fundamental]) is Miss.THRESHOLD

    def test_a_condition_on_one_kind_is_of_the_rows_of_the_other(self) -> None:
        fundamental, trader = rows_of(Filter(given=(Condition(Kind.FUNDAMENTAL, 8000),)), 0)

        assert (fundamental.other_at_least, trader.other_at_least) == (None, 8000)

    def test_who_says_nothing_gets_changes_of_band_of_both_kinds(self) -> None:
        rows = rows_of(Filter(), 0)

        assert [match(facts(kind=kind), rows) for kind in Kind] == [None, None]
        assert match(facts(type=EventType.DOWNGRADED), rows) is None
        assert match(facts(type=MOVED, notches=None), rows) is Miss.TYPE


class TestCarriedOver:
    @pytest.mark.parametrize(
        "new",
        [
            subscription(1),
            subscription(1, min_notches=2),
            subscription(1, min_delta=7),
            subscription(1, types=[EventType.UPGRADED]),
            subscription(1, types=[]),
            subscription(1, above=85),
            subscription(1, other=(50, 60)),
        ],
        ids=["same", "larger", "longer ways", "fewer types", "no types", "threshold", "other"],
    )
    @pytest.mark.parametrize("old", [subscription(1), subscription()], ids=["token", "all"])
    def test_who_asks_for_no_more_keeps_the_start(
        self, old: Subscription, new: Subscription
    ) -> None:
        old = replace(old, since_sequence=5, above=8500, below=2000)
        new = replace(new, since_sequence=99)

        assert carried_over([old], [new]) == (replace(new, since_sequence=5),)

    @pytest.mark.parametrize(
        "new",
        [
            subscription(2, min_notches=2, min_delta=5),
            subscription(None, min_notches=2, min_delta=5),
            subscription(1, min_notches=1, min_delta=5),
            subscription(1, min_notches=2, min_delta=4.99),
            subscription(1, min_notches=2, min_delta=5, types=ALL_TYPES),
            subscription(1, min_notches=2, min_delta=5, kind=Kind.FUNDAMENTAL),
            subscription(1, min_notches=2, min_delta=5, above=80),
            subscription(1, min_notches=2, min_delta=5, other=(79, None)),
            subscription(1, min_notches=2, min_delta=5, other=(80, 96)),
        ],
        ids=["token", "all tokens", "steps", "ways", "types", "kind", "80", "other", "other below"],
    )
    def test_who_asks_for_more_starts_now(self, new: Subscription) -> None:
        old = subscription(1, min_notches=2, min_delta=5, since_sequence=5, above=85)
        if new.other_at_least is not None:
            old = replace(old, other_at_least=8000, other_below=9500)
        new = replace(new, since_sequence=99)

        assert carried_over([old], [new]) == (new,)

    def test_of_several_the_oldest_start_that_covers_it_is_kept(self) -> None:
        old = [
            subscription(since_sequence=30),
            subscription(1, since_sequence=20),
            subscription(1, min_notches=3, since_sequence=10),
            subscription(2, since_sequence=5),
        ]

        assert carried_over(old, [subscription(1, since_sequence=99)])[0].since_sequence == 20

    def test_what_is_no_longer_asked_for_is_gone(self) -> None:
        assert carried_over([subscription()], []) == ()

    def test_ten_thousand_tokens_each_keep_their_own(self) -> None:
        # By look-up: each against each other would be a hundred million comparisons.
        old = [subscription(number, since_sequence=number) for number in range(10_000)]
        new = [subscription(number, since_sequence=99_999) for number in range(1, 10_001)]

        kept = carried_over(old, new)

        assert [row.token for row in kept] == [row.token for row in new]
        assert [row.since_sequence for row in kept] == [*range(1, 10_000), 99_999]


ROWS = st.builds(
    subscription,
    st.none() | st.integers(1, 3),
    kind=st.sampled_from(Kind),
    types=st.sets(st.sampled_from(MATCHED)),
    min_notches=st.integers(1, 4),
    min_delta=st.sampled_from([0, 5, 10]),
    since_sequence=st.integers(0, 9),
    above=st.none() | st.sampled_from([80, 85]),
    below=st.none() | st.sampled_from([80, 85]),
    other=st.tuples(st.none() | st.sampled_from([1, 2]), st.none() | st.sampled_from([3, 4])),
)
EVENTS = st.builds(
    facts,
    st.none() | st.integers(1, 3),
    type=st.sampled_from(MATCHED),
    kind=st.sampled_from(Kind),
    notches=st.none() | st.integers(1, 4),
    size=st.none() | st.sampled_from([0, 5, 9.99, 10]),
    sequence=st.integers(1, 20),
    crossed=st.none() | st.sampled_from([(79, 81), (79, 85), (85, 79), (81, 80)]),
    other=st.none() | st.sampled_from([0, 1, 2, 3, 4]),
)


@given(st.lists(ROWS, max_size=4), st.lists(ROWS, max_size=4), EVENTS)
def test_a_change_of_filter_never_brings_what_was_told_before(
    old: list[Subscription], new: list[Subscription], event: EventFacts
) -> None:
    now = 10
    kept = carried_over(old, [replace(row, since_sequence=now) for row in new])

    if match(event, kept) is None and event.sequence <= now:
        assert match(event, old) is None


@given(st.lists(ROWS, max_size=4), EVENTS)
def test_the_same_filter_again_changes_nothing(old: list[Subscription], event: EventFacts) -> None:
    kept = carried_over(old, [replace(row, since_sequence=10) for row in old])

    assert match(event, kept) is match(event, old)
