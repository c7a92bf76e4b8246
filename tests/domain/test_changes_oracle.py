"""The rules told a second time, naively and from the words alone, and held against the diff."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given, settings

from alerts.domain.events import EventType
from alerts.domain.grades import Cycle
from tests.domain.test_changes_properties import histories
from tests.domain.watch import Watch

EDGES = (20, 40, 60, 80)
MARGIN = 3
STEP = 5


@dataclass
class Story:
    """All that is remembered of one token."""

    band: int = 0
    score: float = 0
    anchor: float = 0
    newest: datetime | None = None
    missed: list[datetime] = field(default_factory=list)
    gone: bool = False


def band_on(score: float) -> int:
    return sum(score >= edge for edge in EDGES)


def band_after(band: int, score: float) -> int:
    for higher in range(4, band, -1):
        if score >= EDGES[higher - 1] + MARGIN:
            return higher
    for lower in range(band):
        if score < EDGES[lower] - MARGIN:
            return lower
    return band


class Teller:
    """What the rules would tell, cycle after cycle: (type, token) pairs."""

    def __init__(self) -> None:
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
            self.stories[token] = Story(band_on(score), score, score, at)
            return EventType.INITIATED if self.first is not None and at > self.first else None
        since = max(story.missed) if story.gone else story.newest
        if since is not None and at < since:
            return None
        was, story.score, story.newest = story.score, score, at
        story.missed.clear()
        if story.gone:
            story.band, story.anchor, story.gone = band_on(score), score, False
            return EventType.REINSTATED
        band, old = band_after(story.band, score), story.band
        story.band = band
        # Hundredths, as floats have them: 55.2 - 50.2 is not quite 5.
        if was == score or (band == old and round(abs(score - story.anchor), 2) < STEP):
            return None
        story.anchor = score
        if band == old:
            return EventType.MOVED
        return EventType.UPGRADED if band > old else EventType.DOWNGRADED

    @staticmethod
    def is_withdrawn_by_absence(story: Story, at: datetime) -> bool:
        if story.gone or story.newest is None or at <= max([story.newest, *story.missed]):
            return False
        story.missed.append(at)
        span = max(story.missed) - min(story.missed)
        story.gone = len(story.missed) >= 7 and span >= timedelta(hours=72)
        return story.gone


@given(histories())
@settings(max_examples=400)
def test_the_diff_tells_what_the_rules_say(history: list[Cycle]) -> None:
    watched, teller = Watch(), Teller()

    for swept in history:
        found = watched.take(swept)

        assert {(change.type, str(change.token)) for change in found.changes} == teller.hear(swept)
        assert len(found.changes) == len({change.token for change in found.changes})
