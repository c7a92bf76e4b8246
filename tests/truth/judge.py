"""What came, held against what was right: lost, doubled, false and late."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.truth.cooling import judge_cooled
from tests.truth.messages import Arrival, Key, key_of, shown
from tests.truth.oracle import Truth
from tests.truth.told import FAILING, HELD, RECOVERED, Told
from tests.truth.verdict import Verdict
from tests.truth.wanted import Wanted, due_of

NOTICES = frozenset({FAILING, RECOVERED, HELD})


def judge(
    verdict: Verdict, truth: Truth, wanted: Iterable[Wanted], arrivals: Sequence[Arrival]
) -> None:
    """Count every message of a grade against what each endpoint was to be told."""
    events = set()
    for want in wanted:
        came = [each for each in arrivals if each.path == want.path]
        due = due_of(want, truth)
        events |= {(each.at, *each.key[:-1]) for each, _ in due}
        known = _known_once(verdict, want, came)
        if want.cooldown is None:
            _judge_one(verdict, want, due, known)
        else:
            told = [each for each, _ in due]
            judge_cooled(verdict, want.path, want.cooldown, told, known, until=truth.until)
        _judge_corrections(verdict, want, came)
    verdict.events = len(events)
    verdict.problems += [f"{each.path}: not verified" for each in arrivals if not each.verified]


def judge_notices(verdict: Verdict, truth: Truth, arrivals: Sequence[Arrival]) -> None:
    """Count what the operator was told; of cycles that are held, whether and not how often."""
    expected = _said_once(truth)
    came: Counter[tuple[str, str]] = Counter()
    for each in arrivals:
        if each.message["type"] in NOTICES:
            came[each.message["type"], each.message["data"]["kind"]] += 1
    for notice in sorted({*expected, *came}):
        right, said = expected[notice], came[notice]
        if notice[0] == HELD:
            right, said = min(right, 1), min(said, 1)
        verdict.expected += right
        verdict.lost += max(right - said, 0)
        verdict.false += max(said - right, 0)
        if right != said:
            verdict.problems.append(f"the operator: {notice} {said} times, not {right}")


def _said_once(truth: Truth) -> Counter[tuple[str, str]]:
    """What the operator is to be told, by (type, kind): what both kinds hear of our key once."""
    said: Counter[tuple[str, str]] = Counter()
    told: set[str] = set()
    silent: set[str] = set()
    for notice, kind, _, is_of_key in sorted(truth.notices, key=lambda each: each[2]):
        if notice == FAILING and is_of_key and told - {kind}:
            silent.add(kind)
            continue
        if notice == RECOVERED:
            told.discard(kind)
            if kind in silent:
                silent.remove(kind)
                continue
        elif is_of_key:
            told.add(kind)
        said[notice, kind] += 1
    return said


def _known_once(
    verdict: Verdict, want: Wanted, came: Iterable[Arrival]
) -> list[tuple[Arrival, Key]]:
    """What came about grades, in order; what came again is doubled, and left out."""
    found: list[tuple[Arrival, Key]] = []
    seen: set[str] = set()
    for each in came:
        if each.event_id in seen:
            verdict.doubled += 1
            verdict.problems.append(f"{want.path}: {each.event_id} came again")
            continue
        seen.add(each.event_id)
        key = key_of(each, want)
        if key is not None:
            found.append((each, key))
    return found


def _judge_one(
    verdict: Verdict,
    want: Wanted,
    due: Iterable[tuple[Told, bool]],
    came: Iterable[tuple[Arrival, Key]],
) -> None:
    open_ones: dict[Key, list[tuple[Told, bool]]] = {}
    for told, must in due:
        verdict.expected += must
        open_ones.setdefault(told.key, []).append((told, must))
    for each, key in came:
        waiting = open_ones.get(key)
        if not waiting:
            verdict.false += 1
            verdict.problems.append(f"{want.path}: false {shown(key)} at {each.at:%m-%d %H:%M}")
            continue
        right, _ = waiting.pop(0)
        if each.at > right.due:
            verdict.late += 1
            problem = f"late {shown(key)} at {each.at:%m-%d %H:%M}, due {right.due:%m-%d %H:%M}"
            verdict.problems.append(f"{want.path}: {problem}")
    for left in open_ones.values():
        lost = [told for told, must in left if must]
        verdict.lost += len(lost)
        verdict.problems += [f"{want.path}: lost {shown(told.key)}" for told in lost]


def _judge_corrections(verdict: Verdict, want: Wanted, came: Iterable[Arrival]) -> None:
    """Nobody is corrected who was not told what is corrected."""
    told: set[str] = set()
    for each in came:
        told.add(each.event_id)
        if each.corrects is not None and each.corrects not in told:
            verdict.false += 1
            verdict.problems.append(f"{want.path}: corrects {each.corrects}, which never came")
