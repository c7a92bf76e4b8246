"""A lane's queue in memory: what of it is due, what waits, and what gives way. Pure.

What SQL decides where things are sent, in `store/queue.py`, `store/quiet.py` and `store/skips.py`,
said again for one endpoint where nothing fails; a test holds the two to the same list.
"""

import heapq
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Final

from msgspec.structs import replace

from alerts.domain.deliveries import TOLD, DeferredReason, SkipReason, State
from alerts.domain.events import RULED, EventType, Window
from alerts.domain.grades import Kind, TokenId
from alerts.domain.reversals import is_crossed_still, last_steps
from alerts.domain.subscriptions import Miss
from alerts.pipeline.consent import Wishes
from alerts.pipeline.give_way import Step, find_reversed
from alerts.store.outbox import News, Waiting

Subject = tuple[TokenId, Kind]
# What something newer takes the place of: a token and kind, what both correct, if anything, and
# which rule both are told by, if by any.
Rule = tuple[EventType, Window | None] | None
About = tuple[Subject, str | None, Rule]


class RehearsedQueue:
    """First attempts of one endpoint. ended: how many were never told, by the reason."""

    def __init__(self) -> None:
        self.ended: Final = Counter[str]()
        # What is due, in order of sequence; and what is not, with a heap of when it will be.
        self._due: dict[int, Waiting] = {}
        self._later: dict[int, Waiting] = {}
        self._times: list[tuple[datetime, int]] = []
        self._open_of: dict[Subject, list[int]] = {}
        self._open_about: dict[About, list[int]] = {}
        # The newest that was told; what was told though something older is open; and what ended
        # untold since.
        self._last_told: dict[About, int] = {}
        self._told_about: dict[About, list[Waiting]] = {}
        self._untold_about: dict[About, list[Waiting]] = {}
        self._touched: set[About] = set()
        self._became: dict[str, State] = {}

    def __len__(self) -> int:
        """How much is open."""
        return len(self._due) + len(self._later)

    @property
    def due(self) -> list[Waiting]:
        """All that is due, the oldest first."""
        return list(self._due.values())

    def may_correct(self, event_id: str) -> bool:
        """Whether an event was told, or may be yet."""
        return self._became.get(event_id) in {State.PENDING, *TOLD}

    def add(self, one: Waiting) -> None:
        """What is owed now, and newer than all before."""
        sequence = one.news.facts.sequence
        self._due[sequence] = one
        self._became[one.id] = State.PENDING
        if (about := _about(one.news)) is not None:
            self._open_of.setdefault(about[0], []).append(sequence)
            self._open_about.setdefault(about, []).append(sequence)
            self._touched.add(about)

    def put_off(self, one: Waiting, until: datetime, why: DeferredReason) -> None:
        """What is due waits until then, and grows no older meanwhile."""
        sequence = one.news.facts.sequence
        del self._due[sequence]
        self._later[sequence] = replace(one, deferred_reason=why, due_at=until)
        heapq.heappush(self._times, (until, sequence))
        if (about := _about(one.news)) is not None:
            self._touched.add(about)

    def end(self, one: Waiting, state: State, reason: str | None = None) -> None:
        """It is open no more."""
        sequence, about = one.news.facts.sequence, _about(one.news)
        self._due.pop(sequence, None)
        self._later.pop(sequence, None)
        self._became[one.id] = state
        if reason is not None:
            self.ended[reason] += 1
        if about is None:
            return
        self._open_of[about[0]].remove(sequence)
        self._open_about[about].remove(sequence)
        if state is State.DELIVERED:
            self._tell(about, one)
        elif sequence > self._last_told.get(about, -1):
            self._untold_about.setdefault(about, []).append(one)

    def next_time(self) -> datetime | None:
        """When something that waits is due; None where nothing waits."""
        while self._times:
            at, sequence = self._times[0]
            one = self._later.get(sequence)
            if one is not None and one.due_at == at:
                return at
            heapq.heappop(self._times)
        return None

    def wake(self, now: datetime) -> None:
        """What waited until now is due."""
        is_back = False
        while (at := self.next_time()) is not None and at <= now:
            _, sequence = heapq.heappop(self._times)
            self._due[sequence] = self._later.pop(sequence)
            is_back = True
        if is_back:
            self._due = dict(sorted(self._due.items()))

    def give_way(self, wishes: Wishes) -> None:
        """End what gives way to something newer that is open, or was told, and what leads back.

        What quiet hours put off is told along with what is newer, unless that went out already.
        """
        for about in self._touched:
            line = self._open_line(about)
            told = self._told_about.get(about, [])
            gone = {
                one.id
                for one in line
                if any(_gives_way(one, each, wishes) for each in told)
                or (
                    one.deferred_reason is not DeferredReason.QUIET_HOURS
                    and any(_gives_way(one, each, wishes) for each in line)
                )
            }
            for one in line:
                if one.id in gone:
                    self.end(one, State.SKIPPED, SkipReason.SUPERSEDED)
            if gone:
                self._reverse(about, gone, wishes)
        self._touched.clear()

    def _tell(self, about: About, one: Waiting) -> None:
        sequence = _sequence(one)
        self._last_told[about] = max(sequence, self._last_told.get(about, -1))
        oldest = min(self._open_about[about], default=sequence)
        told = (*self._told_about.get(about, ()), one)
        self._told_about[about] = [each for each in told if _sequence(each) > oldest]
        untold = self._untold_about.get(about, ())
        self._untold_about[about] = [each for each in untold if _sequence(each) > sequence]
        self._touched.add(about)

    def _reverse(self, about: About, gone: Container[str], wishes: Wishes) -> None:
        """End what waits right behind what gave way, and leads back."""
        is_open = {one.id: one for one in self._open_line(about)}
        line = [*self._untold_about.get(about, ()), *is_open.values()]
        since = self._last_told.get(about, -1)
        line = sorted((one for one in line if _sequence(one) > since), key=_sequence)
        steps = [
            Step(last.id, last.endpoint_id, before[0].news, last.news)
            for before, last in last_steps(line, lambda one: one.id in is_open)
            if any(one.id in gone for one in before)
        ]
        for key in find_reversed(steps, wishes):
            self.end(is_open[key], State.SKIPPED, SkipReason.REVERSED)

    def _open_line(self, about: About) -> list[Waiting]:
        return [
            self._due.get(sequence) or self._later[sequence]
            for sequence in self._open_about.get(about, [])
        ]

    def look(self, most: int, *, is_strict: bool, newest_first: bool) -> list[Waiting]:
        """What is next of what is due: the oldest, or the newest of it, in order of sequence."""
        line: Iterable[Waiting] = self._due.values()
        if newest_first:
            line = reversed(self._due.values())
        found = list(islice(self._ready(line, is_strict=is_strict), most))
        return found[::-1] if newest_first else found

    def _ready(self, line: Iterable[Waiting], *, is_strict: bool) -> Iterator[Waiting]:
        """Without what waits for something else to end first."""
        for one in line:
            if is_strict and not self._is_oldest(one):
                continue
            if one.news.corrects is None:
                yield one
                continue
            corrected = self._became.get(one.news.corrects)
            if corrected is not State.PENDING:
                yield replace(one, corrected=corrected)

    def _is_oldest(self, one: Waiting) -> bool:
        about = _about(one.news)
        return about is None or min(self._open_of[about[0]]) == one.news.facts.sequence


def _sequence(one: Waiting) -> int:
    return one.news.facts.sequence


def _is_move(one: Waiting) -> bool:
    return one.news.facts.type is EventType.MOVED


def _about(news: News) -> About | None:
    facts = news.facts
    if facts.token is None or facts.kind is None:
        return None
    rule = (EventType.CROSSED, facts.window) if facts.type in RULED else None
    return (facts.token, facts.kind), news.corrects, rule


def _gives_way(one: Waiting, other: Waiting, wishes: Wishes) -> bool:
    """Whether something newer takes its place, both about the same. A move does that to moves."""
    if _sequence(other) <= _sequence(one) or (_is_move(other) and not _is_move(one)):
        return False
    crossed, newer = one.news.facts.crossed, other.news.facts.crossed
    if one.news.facts.type is not EventType.CROSSED or crossed is None or newer is None:
        return True
    rule = wishes.rule(one.endpoint_id, one.news.facts)
    return isinstance(rule, Miss) or not is_crossed_still(rule, crossed, newer)
