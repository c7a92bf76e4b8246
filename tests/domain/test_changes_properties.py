"""What holds of every history of cycles: order, repetition, unknowns, identities, the margin."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.domain.changes import Diff
from alerts.domain.events import EventType
from alerts.domain.grades import Cycle
from tests.builders import TRADER, Points, cycle, day
from tests.domain.watch import Watch

NUMBERS = range(1, 5)
BAND_CHANGES = {EventType.UPGRADED, EventType.DOWNGRADED}

# Scores near the edges and anywhere; unknown ones; and, by leaving the token out, absent ones.
SCORES = st.one_of(
    st.none(),
    st.sampled_from([16.99, 17, 19.99, 20, 23, 36.99, 37, 43, 57, 59, 60, 62.99, 63, 76.99, 83]),
    st.integers(0, 10_000).map(lambda hundredths: hundredths / 100),
)
ROWS = st.dictionaries(st.sampled_from(NUMBERS), SCORES)


@st.composite
def histories(draw: st.DrawFn) -> list[Cycle]:
    """Cycles as they arrive: mostly onward by half a day or more, some again, some late.

    Now and then a stretch of complete ones that brings some tokens and never the others.
    """
    at, swept = 0.0, []
    for _ in range(draw(st.integers(1, 10))):
        at += draw(st.sampled_from([0, 0.5, 1, 1, 1, 3, -0.5, -2]))
        rows, complete = draw(ROWS), draw(st.booleans())
        for _ in range(draw(st.sampled_from([1, 1, 1, 6, 7, 8]))):
            swept.append(cycle(rows, at=day(at), complete=complete))
            at += 0.5
    return swept


def told(found: Diff) -> set[tuple[object, ...]]:
    return {(change.id, change.type, change.token, change.revises) for change in found.changes}


def walked(history: list[Cycle]) -> Watch:
    watched = Watch()
    for swept in history:
        watched.take(swept)
    return watched


@given(histories())
def test_a_cycle_that_is_run_again_changes_nothing(history: list[Cycle]) -> None:
    watched = walked(history)

    again = watched.take(history[-1])

    assert again.changes == ()
    assert again.ratings == ()
    assert again.observed == ()


@given(histories(), st.data())
def test_row_order_is_irrelevant(history: list[Cycle], data: st.DataObject) -> None:
    watched, swept = walked(history[:-1]), history[-1]
    shuffled = replace(swept, grades=tuple(data.draw(st.permutations(swept.grades))))

    one, other = watched.diff(swept), watched.diff(shuffled)

    assert told(one) == told(other)
    assert set(one.ratings) == set(other.ratings)
    assert set(one.observed) == set(other.observed)
    assert set(one.late) == set(other.late)


@given(histories(), ROWS, ROWS)
def test_a_partial_cycle_may_come_in_parts(
    history: list[Cycle], some: dict[int, Points], others: dict[int, Points]
) -> None:
    whole, parted = walked(history), walked(history)
    at, rest = history[-1].as_of, {n: score for n, score in others.items() if n not in some}

    at_once = whole.take(cycle(some | rest, at=at, complete=False))
    one = parted.take(cycle(some, at=at, complete=False))
    other = parted.take(cycle(rest, at=at, complete=False))

    assert told(one) | told(other) == told(at_once)
    assert whole.ratings == parted.ratings


@given(histories(), st.sets(st.sampled_from(NUMBERS)))
def test_unknown_is_as_absent_and_is_no_score(history: list[Cycle], unknown: set[int]) -> None:
    watched, swept = walked(history[:-1]), history[-1]
    tokens = {f"demo:{number}" for number in unknown}
    hidden = [grade for grade in swept.grades if grade.token not in tokens]
    nulled = [
        replace(grade, score=None) if grade.token in tokens else grade for grade in swept.grades
    ]

    whole = watched.diff(swept)
    absent = watched.diff(replace(swept, grades=tuple(hidden)))
    null = watched.diff(replace(swept, grades=tuple(nulled)))

    assert absent == null
    of_unknown = {change.type for change in null.changes if change.token in tokens}
    assert of_unknown <= {EventType.WITHDRAWN}
    assert {change.id for change in null.changes if change.token not in tokens} == {
        change.id for change in whole.changes if change.token not in tokens
    }
    assert all(grade.token not in tokens for grade in null.observed)


@given(histories(), ROWS, st.booleans())
def test_late_data_moves_no_rating(
    history: list[Cycle], rows: dict[int, Points], complete: bool
) -> None:
    watched = walked([*history, cycle(dict.fromkeys(NUMBERS, 50), at=day(99))])
    before = dict(watched.ratings)

    late = watched.take(cycle(rows, at=day(98), complete=complete))

    assert late.changes == ()
    assert watched.ratings == before
    assert len(late.late) == sum(score is not None for score in rows.values())


@given(histories())
def test_events_never_share_an_id_and_always_get_the_same_one(history: list[Cycle]) -> None:
    one, other = Watch(), Watch()

    ids = [change.id for swept in history for change in one.take(swept).changes]
    again = [change.id for swept in history for change in other.take(swept).changes]

    assert len(ids) == len(set(ids))
    assert ids == again


@given(histories())
def test_a_revision_names_the_last_event_of_its_token_and_date(history: list[Cycle]) -> None:
    watched, last = Watch(), dict[object, str]()

    for swept in history:
        for change in watched.take(swept).changes:
            if change.type in BAND_CHANGES | {EventType.MOVED}:
                assert change.revises == last.get((change.token, swept.as_of))
            last[change.token, swept.as_of] = change.id


@given(histories())
def test_every_change_says_what_it_is(history: list[Cycle]) -> None:
    watched = Watch()

    for swept in history:
        held = dict(watched.ratings)
        for change in watched.take(swept).changes:
            before, after = change.before, change.after
            assert before == held.get(change.token)
            assert after == (watched.ratings[change.token] if after is not None else None)
            if change.type is EventType.UPGRADED:
                assert change.notches > 0
            elif change.type is EventType.DOWNGRADED:
                assert change.notches < 0
            else:
                assert change.notches == 0
            assert (before is None) == (change.type is EventType.INITIATED)
            assert (after is None) == (change.type is EventType.WITHDRAWN)


@given(histories())
@settings(max_examples=200)
def test_the_ratings_held_keep_margin_and_anchor(history: list[Cycle]) -> None:
    watched = Watch()

    for swept in history:
        watched.take(swept)
        for held in watched.ratings.values():
            is_agreed = TRADER.rank_held(held.rank, held.score) == held.rank
            assert is_agreed == (held.pending is None)
            is_near = abs(held.score - held.anchor) < TRADER.move_step
            assert is_near or held.is_flapping
            assert held.since <= held.as_of
            assert held.withdrawn or held.absent_cycles == 0 or held.absent_as_of is not None


@given(histories())
def test_a_score_at_rest_is_told_of_no_more(history: list[Cycle]) -> None:
    watched = walked(history)
    rest = {
        int(token.partition(":")[2]): held.score / 100
        for token, held in watched.ratings.items()
        if not held.withdrawn and not held.is_flapping
    }

    later = [watched.take(cycle(rest, at=day(90 + number), complete=False)) for number in range(9)]

    assert [found.changes for found in later] == [()] * 9
