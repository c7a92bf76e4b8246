"""A digest of lines made by hand: what is told, in which order, and how much of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.digests import CHANGES, KindDigest, Line, Rung, Section, Window
from alerts.domain.events import EventType
from alerts.domain.freshness import STALE_AFTER
from alerts.domain.grades import Kind
from alerts.domain.summaries import Wants, summarise
from alerts.domain.surveys import Ladder, Mark, Standing, Survey, Told, survey
from tests.builders import TRADER, day, token, token_view

LADDER = Ladder(TRADER.names, TRADER.move_step)
ALL = Wants()
WINDOW = Window("2026-W47", 1, day(0), day(7), "UTC", 100, 200)


def rung(rank: int, score: float = 50, *, at: float = 7) -> Rung:
    return Rung(TRADER.name_of(rank), rank, round(score * 100), day(at))


def line(number: int, before: Rung | None, after: Rung | None, *, moves: int = 1) -> Line:
    return Line(token_view(number), before, after, moves=moves)


def digest(*nets: Line, ends: Mapping[int, Rung] | None = None, wants: Wants = ALL) -> KindDigest:
    found = Survey(
        kind=Kind.TRADER,
        ladder=LADDER,
        nets=nets,
        corrections=(),
        starts={},
        ends=tuple(Line(token_view(number), None, at) for number, at in (ends or {}).items()),
        rebased=False,
    )
    (kind,) = summarise([found], wants, ends_at=WINDOW.ends_at)
    return kind


def numbers(kind: KindDigest, name: str) -> list[int]:
    section = getattr(kind, name)
    return [int(one.token.id.partition(":")[2]) for one in section.lines]


def test_upgrades_come_by_notches_then_by_the_watch_list_then_by_score() -> None:
    kind = digest(
        line(1, rung(3, 50), rung(4, 70)),
        line(2, rung(3, 50), rung(4, 75)),
        line(3, rung(3, 50), rung(4, 65)),
        line(4, rung(2, 30), rung(4, 63)),
        wants=Wants(watched=frozenset({token(3)})),
    )

    assert numbers(kind, "upgrades") == [4, 3, 2, 1]
    assert [one.watched for one in kind.upgrades.lines] == [False, True, False, False]


def test_what_changed_of_the_watched_is_told_whichever_way_and_however_little() -> None:
    watched = frozenset(token(number) for number in range(1, 6))
    large = [line(number, rung(1, 10), rung(5, 95)) for number in range(10, 40)]
    kind = digest(
        line(1, rung(3, 50), rung(4, 66)),
        line(2, rung(3, 50), rung(3, 52), moves=2),
        line(3, rung(3, 50), None),
        line(4, rung(5, 95), rung(3, 50)),
        # No change: less than a step within a band.
        line(5, rung(3, 50), rung(3, 52), moves=0),
        *large,
        wants=Wants(watched=watched),
    )

    assert numbers(kind, "watched") == [4, 1, 2, 3]
    assert kind.watched.total == 4
    assert 1 not in numbers(kind, "upgrades")
    assert digest(*large).watched == Section()


def test_downgrades_come_by_notches_and_the_lowest_first() -> None:
    kind = digest(
        line(1, rung(4), rung(3, 55)),
        line(2, rung(4), rung(3, 41)),
        line(3, rung(5), rung(3, 58)),
    )

    assert numbers(kind, "downgrades") == [3, 2, 1]


def test_what_moved_and_came_back_is_told_once_as_unchanged() -> None:
    kind = digest(line(1, rung(3, 50), rung(3, 52), moves=2))

    assert numbers(kind, "returned") == [1]
    assert [kind.upgrades.total, kind.downgrades.total, kind.moved.total] == [0, 0, 0]


def test_a_mover_within_a_band_is_told_from_a_step_on_either_way() -> None:
    kind = digest(
        line(1, rung(3, 50), rung(3, 54.99), moves=0),
        line(2, rung(3, 50), rung(3, 55), moves=0),
        line(3, rung(3, 50), rung(3, 41), moves=0),
    )

    assert numbers(kind, "moved") == [3, 2]


def test_a_section_has_as_many_lines_as_are_wanted_and_counts_all() -> None:
    kind = digest(
        *(line(number, rung(3), rung(4, number / 10)) for number in range(500)), wants=Wants(top=3)
    )

    assert numbers(kind, "upgrades") == [499, 498, 497]
    assert (kind.upgrades.total, kind.upgrades.more) == (500, 497)


def test_small_changes_of_band_are_left_out_where_only_large_ones_are_wanted() -> None:
    kind = digest(line(1, rung(3), rung(4)), line(2, rung(2), rung(4)), wants=Wants(min_notches=2))

    assert numbers(kind, "upgrades") == [2]
    assert kind.upgrades.total == 1


def test_a_digest_of_some_tokens_counts_those_alone() -> None:
    kind = digest(
        line(1, rung(3), rung(4)),
        line(2, rung(3), rung(4)),
        ends={1: rung(4), 2: rung(4)},
        wants=Wants(tokens=frozenset({token(2)})),
    )

    assert numbers(kind, "upgrades") == [2]
    assert (kind.tokens, kind.shares_after) == (1, (0, 0, 0, 1, 0))


def test_the_highest_grades_are_those_of_fresh_tokens() -> None:
    old = STALE_AFTER / timedelta(days=1) + 0.01
    kind = digest(ends={1: rung(4, 70), 2: rung(5, 95, at=7 - old), 3: rung(5, 90)})

    assert numbers(kind, "highest") == [3, 1]
    assert numbers(kind, "stale") == [2]
    assert kind.tokens == 3


def test_where_a_source_fell_silent_the_highest_are_told_as_they_stood() -> None:
    old = STALE_AFTER / timedelta(days=1) + 0.01
    kind = digest(ends={1: rung(4, 70, at=7 - old), 2: rung(5, 95, at=7 - old - 1)})

    assert kind.is_stale
    assert kind.as_of == day(7 - old)
    assert numbers(kind, "stale") == numbers(kind, "highest") == [2, 1]


def test_another_kind_than_asked_for_is_left_out() -> None:
    found = Survey(Kind.TRADER, LADDER, (), (), {}, (), rebased=False)
    fundamental = Wants(kinds=frozenset({Kind.FUNDAMENTAL}))

    assert summarise([found], fundamental, ends_at=WINDOW.ends_at) == ()


def test_a_week_in_which_nothing_changed_is_empty_whoever_stands_high() -> None:
    kind = digest(line(1, rung(3, 50), rung(3, 51), moves=0), ends={1: rung(3)})

    assert kind.is_empty
    assert kind.highest.total == 1


def test_a_week_with_a_correction_alone_is_not_empty() -> None:
    kind = digest()

    assert not replace(kind, corrections=replace(kind.corrections, total=1)).is_empty


def told(
    sequence: int,
    event_type: EventType,
    before: Rung,
    after: Rung,
    *,
    band_version: int = 1,
    announced: Rung | None = None,
) -> Told:
    view = token_view(1)
    return Told(sequence, event_type, Kind.TRADER, view, before, after, band_version, announced)


def test_a_correction_says_what_was_announced_and_what_it_should_have_been() -> None:
    announced, right = rung(4, 64, at=-3), rung(3, 62, at=-3)
    one = told(150, EventType.RESTATED, rung(3), right, announced=announced)

    found = survey(WINDOW, [one], [], kind=Kind.TRADER, ladder=LADDER)
    (kind,) = summarise([found], ALL, ends_at=WINDOW.ends_at)

    assert [(c.before, c.after) for c in kind.corrections.lines] == [(announced, right)]
    assert kind.upgrades.total == kind.downgrades.total == 0


def test_bands_of_two_ladders_are_not_compared() -> None:
    up = told(110, EventType.UPGRADED, rung(3), rung(4))
    down = told(160, EventType.DOWNGRADED, rung(2), rung(1), band_version=2)
    now = Standing(
        token=token_view(1),
        kind=Kind.TRADER,
        band="Strong Sell",
        rank=1,
        as_of=day(7),
        withdrawn=False,
        start=Mark(5000, day(0)),
        end=Mark(1000, day(7)),
    )

    found = survey(WINDOW, [up, down], [now], kind=Kind.TRADER, ladder=LADDER, rebases=[150])
    (kind,) = summarise([found], ALL, ends_at=WINDOW.ends_at)

    assert (kind.upgrades.total, kind.downgrades.total) == (1, 1)
    assert kind.rebased
    assert (kind.shares_before, kind.shares_after) == ((), ())


lines = st.builds(
    line,
    st.integers(1, 400),
    st.none() | st.builds(rung, st.integers(1, 5), st.integers(0, 100)),
    st.none() | st.builds(rung, st.integers(1, 5), st.integers(0, 100)),
    moves=st.integers(0, 5),
)


weeks = st.lists(lines, max_size=30, unique_by=lambda one: one.token.id)


@given(st.data())
def test_the_order_in_which_things_are_looked_up_does_not_show(data: st.DataObject) -> None:
    nets = data.draw(weeks)
    shuffled = data.draw(st.permutations(nets))

    assert digest(*nets) == digest(*shuffled)


@given(weeks)
def test_each_line_is_in_one_section_at_most(nets: list[Line]) -> None:
    kind = digest(*nets, wants=Wants(top=25))

    assert sum(getattr(kind, name).total for name in CHANGES) <= len(nets)
