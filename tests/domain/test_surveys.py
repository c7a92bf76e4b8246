"""A survey holds what is known when one looks at every cycle, out of events alone."""

from dataclasses import dataclass, field
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.digests import Section, Window
from alerts.domain.events import BAND_CHANGES, EventType
from alerts.domain.grades import Cycle, Kind, TokenId
from alerts.domain.payloads import grade_event
from alerts.domain.ratings import Rating
from alerts.domain.summaries import Wants, summarise
from alerts.domain.surveys import Ladder, Mark, Standing, Survey, Told, read_told, survey
from tests.builders import TRADER, cycle_view, day, token_view
from tests.domain.telling import parsed
from tests.domain.test_changes_properties import histories
from tests.domain.watch import Watch

LADDER = Ladder(TRADER.names, TRADER.move_step)


@dataclass
class Past:
    """A history of cycles, its events, and the ratings after each cycle."""

    watched: Watch = field(default_factory=Watch)
    told: list[Told] = field(default_factory=list)
    moments: list[tuple[int, dict[TokenId, Rating]]] = field(default_factory=list)

    def take(self, history: list[Cycle]) -> "Past":
        numbers = count(1)
        self.moments.append((0, {}))
        for swept in history:
            for change in self.watched.take(swept).changes:
                view = token_view(int(change.token.partition(":")[2]))
                draft = grade_event(change, token=view, cycle=cycle_view(swept), policy=TRADER)
                self.told.append(read_told(parsed(draft, sequence=next(numbers))))
            last = self.told[-1].sequence if self.told else 0
            self.moments.append((last, dict(self.watched.ratings)))
        return self

    def starts(self, first: int, last: int) -> dict[TokenId, tuple[int, int]]:
        """Rank and score of each token at the start, or as its first cycle brought them."""
        known = self.moments[first][1]
        found = graded(known)
        initiated = {one.token.id for one in self.told if one.type is EventType.INITIATED}
        for _, ratings in self.moments[first + 1 : last + 1]:
            fresh = graded(ratings).items()
            found |= {t: seen for t, seen in fresh if t not in {*found, *known, *initiated}}
        return found

    def changed(self, first: int, last: int) -> set[TokenId]:
        """Tokens of which a change of band was told."""
        start, end = self.moments[first][0], self.moments[last][0]
        told = (one for one in self.told if start < one.sequence <= end)
        return {one.token.id for one in told if one.type in BAND_CHANGES}

    def survey(self, first: int, last: int) -> tuple[Window, Survey]:
        """Of the cycles after number `first`, through number `last`."""
        (start, before), (end, after) = self.moments[first], self.moments[last]
        window = Window("2026-W47", 1, day(0), day(7), "UTC", start, end)
        standings = [
            Standing(
                token=token_view(int(now.token.partition(":")[2])),
                kind=Kind.TRADER,
                band=TRADER.name_of(now.rank),
                rank=now.rank,
                as_of=now.as_of,
                withdrawn=now.withdrawn,
                start=mark(before.get(now.token)),
                end=mark(after.get(now.token)),
            )
            for now in self.watched.ratings.values()
        ]
        later = [one for one in self.told if one.sequence > start]
        return window, survey(window, later, standings, kind=Kind.TRADER, ladder=LADDER)


def mark(known: Rating | None) -> Mark | None:
    return None if known is None else Mark(known.score, known.as_of)


def graded(ratings: dict[TokenId, Rating]) -> dict[TokenId, tuple[int, int]]:
    return {
        known.token: (known.rank, known.score) for known in ratings.values() if not known.withdrawn
    }


@st.composite
def windows(draw: st.DrawFn) -> tuple[Past, int, int]:
    past = Past().take(draw(histories()))
    first = draw(st.integers(0, len(past.moments) - 1))
    return past, first, draw(st.integers(first, len(past.moments) - 1))


@given(windows())
def test_both_ends_of_a_window_are_as_they_were(case: tuple[Past, int, int]) -> None:
    past, first, last = case

    _, found = past.survey(first, last)

    assert found.starts is not None
    starts = {token: (rung.rank, rung.score) for token, rung in found.starts.items()}
    ends = {line.token.id: (line.after.rank, line.after.score) for line in found.ends if line.after}
    assert starts == graded(past.moments[first][1])
    assert ends == graded(past.moments[last][1])


@given(windows())
def test_a_token_is_told_once_from_one_end_to_the_other(case: tuple[Past, int, int]) -> None:
    past, first, last = case

    window, found = past.survey(first, last)
    (kind,) = summarise([found], Wants(top=25), ends_at=window.ends_at)

    starts, ends = past.starts(first, last), graded(past.moments[last][1])
    both = starts.keys() & ends.keys()
    assert shown(kind.upgrades) == {t for t in both if ends[t][0] > starts[t][0]}
    assert shown(kind.downgrades) == {t for t in both if ends[t][0] < starts[t][0]}
    level = {t for t in both if ends[t][0] == starts[t][0]}
    assert shown(kind.returned) == level & past.changed(first, last)
    assert shown(kind.withdrawn) == starts.keys() - ends.keys()
    assert shown(kind.initiated) <= ends.keys() - starts.keys()
    for section in (kind.upgrades, kind.downgrades, kind.returned, kind.initiated):
        for line in section.lines:
            assert line.after is not None
            assert (line.after.rank, line.after.score) == ends[line.token.id]
    moved = {line.token.id: line.delta for line in kind.moved.lines}
    assert moved.keys() <= level - past.changed(first, last)
    assert all(delta == ends[t][1] - starts[t][1] for t, delta in moved.items())


@given(windows())
def test_the_tokens_on_all_bands_are_the_tokens(case: tuple[Past, int, int]) -> None:
    past, first, last = case

    window, found = past.survey(first, last)
    (kind,) = summarise([found], Wants(), ends_at=window.ends_at)

    assert sum(kind.shares_before) == len(graded(past.moments[first][1]))
    assert sum(kind.shares_after) == kind.tokens == len(graded(past.moments[last][1]))


def shown(section: Section) -> set[TokenId]:
    ids = [line.token.id for line in section.lines]
    assert len(set(ids)) == len(ids) == section.total
    return set(ids)
