"""The rules told a second time, naively and from the words alone, and held against the diff."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.domain.events import EventType
from alerts.domain.grades import Cycle
from alerts.domain.ratings import BandPolicy, Confirm, FlapRule
from tests.builders import TRADER, cycle, day
from tests.domain.test_changes_properties import histories
from tests.domain.watch import Watch

EDGES = (20, 40, 60, 80)
MARGIN = 3
STEP = 5
# As it ships; confirmed; confirmed unless sure; and flapping soon.
POLICIES = (
    TRADER,
    replace(TRADER, confirm=Confirm(2), flap=None),
    replace(TRADER, confirm=Confirm(3, 1000)),
    replace(TRADER, flap=FlapRule(2, timedelta(days=3), 2)),
    replace(TRADER, confirm=Confirm(2, 1500), flap=FlapRule(1, timedelta(days=5), 3)),
)


@dataclass
class Story:
    """All that is remembered of one token."""

    band: int = 0
    score: float = 0
    anchor: float = 0
    newest: datetime | None = None
    readings: list[tuple[datetime, float]] = field(default_factory=list)
    # Changes of band: when, and which way.
    changes: list[tuple[datetime, int]] = field(default_factory=list)
    # How many readings there had been when it began to flap.
    flapping: int | None = None
    missed: list[datetime] = field(default_factory=list)
    gone: bool = False


def band_on(score: float) -> int:
    return sum(score >= edge for edge in EDGES)


def band_after(band: int, score: float, margin: float = MARGIN) -> int:
    for higher in range(4, band, -1):
        if score >= EDGES[higher - 1] + margin:
            return higher
    for lower in range(band):
        if score < EDGES[lower] - margin:
            return lower
    return band


def side(band: int, score: float) -> int:
    other = band_after(band, score)
    return (other > band) - (other < band)


def days_in_a_row(story: Story, wanted: int, *, since: int = 0) -> set[datetime]:
    """The dates of the last readings, as far back as all of them are on this side of the band."""
    found = set()
    for at, score in reversed(story.readings[since:]):
        if side(story.band, score) != wanted:
            break
        found.add(at)
    return found


class Teller:
    """What the rules would tell, cycle after cycle: (type, token) pairs."""

    def __init__(self, policy: BandPolicy) -> None:
        self.confirm, self.flap = policy.confirm, policy.flap
        self.stories: dict[str, Story] = {}
        self.first: datetime | None = None
        self.newest: datetime | None = None

    def hear(self, swept: Cycle) -> set[tuple[EventType, str]]:
        told = set()
        scores = {str(g.token): g.score / 100 for g in swept.grades if g.score is not None}
        is_newest = self.newest is None or swept.as_of >= self.newest
        for token, score in scores.items():
            event_type = self.told_of(token, score, swept.as_of)
            if event_type is not None:
                told.add((event_type, token))
        if swept.complete and is_newest:
            for token, story in self.stories.items():
                if token not in scores and self.is_withdrawn_by_absence(story, swept.as_of):
                    told.add((EventType.WITHDRAWN, token))
        if scores:
            self.first = self.first or swept.as_of
            self.newest = swept.as_of if is_newest else self.newest
        return told

    def told_of(self, token: str, score: float, at: datetime) -> EventType | None:
        story = self.stories.get(token)
        if story is None:
            self.stories[token] = Story(band_on(score), score, score, at, [(at, score)])
            return EventType.INITIATED if self.first is not None and at > self.first else None
        since = max(story.missed) if story.gone else story.newest
        if since is not None and at < since:
            self.restate(story, score, at)
            return None
        story.missed.clear()
        if story.gone:
            self.stories[token] = Story(band_on(score), score, score, at, [(at, score)])
            return EventType.REINSTATED
        if (at, score) == (story.newest, story.score):
            return None
        story.score, story.newest = score, at
        story.readings.append((at, score))
        return self.judge(story, score, at)

    def restate(self, story: Story, score: float, at: datetime) -> None:
        """A date that a waiting change rests on says something else now."""
        where = side(story.band, story.score)
        if where and not story.gone and at in days_in_a_row(story, where):
            story.readings = [(day, score if day == at else said) for day, said in story.readings]

    def judge(self, story: Story, score: float, at: datetime) -> EventType | None:
        where, old = side(story.band, score), story.band
        if where:
            if not self.is_confirmed(story, score):
                return None
            story.band, story.anchor = band_after(old, score), score
            self.note_change(story, where, at)
            return EventType.UPGRADED if where > 0 else EventType.DOWNGRADED
        if story.flapping is not None and self.flap is not None:
            if len(days_in_a_row(story, 0, since=story.flapping)) < self.flap.settle:
                return None
            story.flapping = None
            story.changes = story.changes[-1:]
        # Hundredths, as floats have them: 55.2 - 50.2 is not quite 5.
        if round(abs(score - story.anchor), 2) < STEP:
            return None
        story.anchor = score
        return EventType.MOVED

    def is_confirmed(self, story: Story, score: float) -> bool:
        days = days_in_a_row(story, side(story.band, score))
        if story.flapping is not None and self.flap is not None:
            return len(days) >= max(self.flap.settle, self.confirm.readings)
        sure = self.confirm.sure_margin
        if sure is not None and band_after(story.band, score, sure / 100) != story.band:
            return True
        return len(days) >= self.confirm.readings

    def note_change(self, story: Story, where: int, at: datetime) -> None:
        if story.flapping is not None:
            story.flapping, story.changes = None, []
        story.changes.append((at, where))
        if self.flap is not None:
            back = [
                day
                for (_, one), (day, other) in zip(story.changes, story.changes[1:], strict=False)
                if one != other and at - day < self.flap.within
            ]
            if len(back) >= self.flap.reversals:
                story.flapping = len(story.readings)

    @staticmethod
    def is_withdrawn_by_absence(story: Story, at: datetime) -> bool:
        if story.gone or story.newest is None or at <= max([story.newest, *story.missed]):
            return False
        story.missed.append(at)
        span = max(story.missed) - min(story.missed)
        story.gone = len(story.missed) >= 7 and span >= timedelta(hours=72)
        return story.gone


@given(histories(), st.sampled_from(POLICIES))
@settings(max_examples=600)
def test_the_diff_tells_what_the_rules_say(history: list[Cycle], policy: BandPolicy) -> None:
    watched, teller = Watch(policy), Teller(policy)

    for swept in history:
        found = watched.take(swept)

        assert {(change.type, str(change.token)) for change in found.changes} == teller.hear(swept)
        assert len(found.changes) == len({change.token for change in found.changes})


@st.composite
def restless(draw: st.DrawFn) -> list[Cycle]:
    """One token about an edge, with revisions, days without it, and days that come late."""
    at, swept = 0.0, []
    for _ in range(draw(st.integers(4, 24))):
        at += draw(st.sampled_from([1, 1, 1, 1, 0, 2]))
        score = draw(st.sampled_from([50, 55, 60, 61, 66, 66, 69, 79, 84]))
        swept.append(cycle({1: score}, at=day(at), complete=draw(st.booleans())))
        if draw(st.integers(0, 5)) == 0:
            late = {1: draw(st.sampled_from([50, 66]))}
            swept.append(cycle(late, at=day(at - draw(st.integers(1, 2))), complete=False))
    return swept


@given(restless(), st.sampled_from(POLICIES))
@settings(max_examples=1000)
def test_a_restless_token_is_told_of_as_the_rules_say(
    history: list[Cycle], policy: BandPolicy
) -> None:
    watched, teller = Watch(policy), Teller(policy)

    told = [{(c.type, str(c.token)) for c in watched.take(swept).changes} for swept in history]

    assert told == [teller.hear(swept) for swept in history]
