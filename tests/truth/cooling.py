"""What an endpoint that has a cooldown is told: nothing within it, and after it what holds.

What it believes of a grade is the band that it was told last. Which of the changes within a
cooldown it is told is nobody's business, as long as that is right again once it is over.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.truth.messages import Arrival, Key, shown
from tests.truth.told import BAND_CHANGES, MOVED, Told
from tests.truth.verdict import Verdict

# What waits for the end of a cooldown; all else is told at once.
COOLED = BAND_CHANGES | {MOVED}
SOON = timedelta(minutes=1)


@dataclass(slots=True)
class _One:
    """A token and kind. told: what there was to tell, in order. came: what of it came, and when."""

    cooldown: timedelta
    told: list[Told] = field(default_factory=list)
    came: list[tuple[datetime, Told]] = field(default_factory=list)

    def take(self, at: datetime, told: Told) -> Iterator[str]:
        """Something of it comes: what is wrong with that."""
        if told.type in COOLED:
            if self.came and at < self.came[-1][0] + self.cooldown:
                yield "within the cooldown"
            if any(self._is_newer(each, told) and each.due <= at for each in self.told):
                yield "old news"
            if told.type != MOVED and self.came and self.came[-1][1].band == told.band:
                yield "in vain"
        elif at > told.due:
            yield "late"
        self.came.append((at, told))

    def unbelieved(self, until: datetime) -> list[Told]:
        """What held when a cooldown was over, and was not believed; and what did not come."""
        missing = []
        for told in self.told:
            if told.due > until or any(told is each for _, each in self.came):
                continue
            looks = (at for at in self._looks() if at <= until)
            if told.type not in COOLED or any(self._is_missed(told, at) for at in looks):
                missing.append(told)
        return missing

    def _looks(self) -> list[datetime]:
        """When something is to be known, or may be told again."""
        return [each.due for each in self.told] + [at + self.cooldown + SOON for at, _ in self.came]

    def _is_missed(self, told: Told, at: datetime) -> bool:
        """Whether it is what holds then, and it could have been said, and something else was."""
        if told.due > at or any(each.at <= at < each.due for each in self.told):
            return False
        if any(self._is_newer(each, told) and each.due <= at for each in self.told):
            return False
        came = [each for each in self.came if each[0] <= at]
        if not came:
            return True
        if at < came[-1][0] + self.cooldown + SOON:
            return False
        # A move that came in its stead does not say that the band has changed.
        believed = [each.band for _, each in came if each.at < told.at]
        return told.type == MOVED or believed[-1:] != [told.band]

    def _is_newer(self, other: Told, told: Told) -> bool:
        """Whether it takes the place of what waits: a move does so of moves alone."""
        return other.at > told.at and (other.type != MOVED or told.type == MOVED)


def judge_cooled(
    verdict: Verdict,
    path: str,
    cooldown: timedelta,
    due: Iterable[Told],
    came: Iterable[tuple[Arrival, Key]],
    *,
    until: datetime,
) -> None:
    """Count what came in vain, too early or as old news, and what holds and is not believed."""
    ones: dict[tuple[str, int], _One] = {}
    waiting: dict[Key, list[Told]] = {}
    newest: dict[Told, Told] = {}
    for told in due:
        waiting.setdefault(told.key, []).append(told)
        if told.corrects is None:
            ones.setdefault((told.kind, told.token), _One(cooldown)).told.append(told)
        else:
            # Of several corrections of one event the last will do.
            newest[told.corrects] = told
    false, right = [], []
    for each, key in came:
        if not waiting.get(key):
            false.append(f"false {shown(key)} at {each.at:%m-%d %H:%M}")
            continue
        told = waiting[key].pop(0)
        right.append(told)
        if told.corrects is None:
            wrong = ones[told.kind, told.token].take(each.at, told)
            false += [f"{why} {shown(key)} at {each.at:%m-%d %H:%M}" for why in wrong]
    lost = [told for one in ones.values() for told in one.unbelieved(until)]
    lost += [told for event, told in newest.items() if event in right and told not in right]
    verdict.expected += len(right) + len(lost)
    verdict.false += len(false)
    verdict.lost += len(lost)
    words = [*false, *(f"lost {shown(told.key)}" for told in lost)]
    verdict.problems += [f"{path}: {each}" for each in words]
