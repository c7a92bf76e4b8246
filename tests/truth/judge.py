"""What came, held against what was right: lost, doubled, false and late."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from tests.truth.told import DOWN, FAILING, HELD, RECOVERED, UP, Told

NOTICES = frozenset({FAILING, RECOVERED, HELD})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one endpoint asked for. tokens: upstream's ids, None for all."""

    path: str
    types: frozenset[str]
    tokens: frozenset[int] | None = None

    def takes(self, told: Told) -> bool:
        """Whether it is to be told: a correction follows what it corrects."""
        if told.corrects is not None:
            return self.takes(told.corrects)
        return told.type in self.types and (self.tokens is None or told.token in self.tokens)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it came. at: the service's time. verified: its signature was good."""

    path: str
    at: datetime
    event_id: str
    body: bytes
    verified: bool


@dataclass(slots=True)
class Verdict:
    """What came of a scenario. problems: a line for each, in the order lost, doubled, false, late.

    expected: messages due to all endpoints; events: of them without the copies.
    """

    name: str
    events: int = 0
    expected: int = 0
    lost: int = 0
    doubled: int = 0
    false: int = 0
    late: int = 0
    requests: int = 0
    refused: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return not (self.lost or self.doubled or self.false or self.late or self.problems)


def judge(
    verdict: Verdict, told: Sequence[Told], wanted: Iterable[Wanted], arrivals: Sequence[Arrival]
) -> None:
    """Count every message of a grade against what each endpoint was to be told."""
    verdict.events = len(told)
    for want in wanted:
        came = [each for each in arrivals if each.path == want.path]
        due = [each for each in told if want.takes(each)]
        verdict.expected += len(due)
        _judge_one(verdict, want.path, due, came)
    verdict.problems += [f"{each.path}: not verified" for each in arrivals if not each.verified]


def judge_notices(
    verdict: Verdict, expected: Counter[tuple[str, str]], arrivals: Sequence[Arrival]
) -> None:
    """Count what the operator was told; of cycles that are held, whether and not how often."""
    came: Counter[tuple[str, str]] = Counter()
    for each in arrivals:
        message = json.loads(each.body)
        if message["type"] in NOTICES:
            came[message["type"], message["data"]["kind"]] += 1
    for notice in sorted({*expected, *came}):
        right, said = expected[notice], came[notice]
        if notice[0] == HELD:
            right, said = min(right, 1), min(said, 1)
        verdict.expected += right
        verdict.lost += max(right - said, 0)
        verdict.false += max(said - right, 0)
        if right != said:
            verdict.problems.append(f"the operator: {notice} {said} times, not {right}")


def _judge_one(verdict: Verdict, path: str, due: list[Told], came: list[Arrival]) -> None:
    ids = Counter(each.event_id for each in came)
    twice = sum(count - 1 for count in ids.values())
    verdict.doubled += twice
    verdict.problems += [f"{path}: {one} came {n} times" for one, n in ids.items() if n > 1]
    open_ones: dict[tuple[object, ...], list[Told]] = {}
    for told in due:
        open_ones.setdefault(told.key, []).append(told)
    seen: set[str] = set()
    for each in came:
        key = _key(each.body)
        if key is None or each.event_id in seen:
            continue
        seen.add(each.event_id)
        waiting = open_ones.get(key)
        if not waiting:
            verdict.false += 1
            verdict.problems.append(f"{path}: false {_shown(key)} at {each.at:%m-%d %H:%M}")
            continue
        right = waiting.pop(0)
        if each.at > right.due:
            verdict.late += 1
            problem = f"late {_shown(key)} at {each.at:%m-%d %H:%M}, due {right.due:%m-%d %H:%M}"
            verdict.problems.append(f"{path}: {problem}")
    for left in open_ones.values():
        verdict.lost += len(left)
        verdict.problems += [f"{path}: lost {_shown(told.key)}" for told in left]


def _key(body: bytes) -> tuple[object, ...] | None:
    """What a message says, as `Told.key` has it; None for what is about no grade."""
    message = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    if not message["type"].startswith("grade."):
        return None
    data = message["data"]
    after, before = data["to"], data["from"]
    return (
        message["type"],
        data["kind"],
        int(data["token"]["id"].partition(":")[2]),
        message["timestamp"][:10],
        data["token"]["symbol"],
        None if before is None else before["score"],
        None if after is None else after["score"],
        None if after is None else after["band"],
        data.get("revises") is not None,
    )


def _shown(key: tuple[object, ...]) -> str:
    return " ".join(str(part) for part in key)


ALL_TYPES = frozenset(
    {UP, DOWN, "grade.moved", "grade.initiated", "grade.withdrawn", "grade.reinstated"}
)
USUAL_TYPES = frozenset({UP, DOWN})
