"""Parcels: what waits in a chat, as the messages it goes in. Pure.

A parcel is one send, of one delivery or of several that are told together.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from alerts.domain.deliveries import DeferredReason, Trigger
from alerts.store.outbox import Waiting

# Changes of one cycle that are told one by one; more are told together.
MOST_SINGLY: Final = 3

Group = tuple[Waiting, ...]


def gather(waiting: Iterable[Waiting], *, newest_first: bool) -> list[Group]:
    """What is due in a chat, in groups that go together, in the order in which they go.

    What quiet hours put off is told at once, before all else, and so is a cycle of many changes;
    the rest goes by itself. newest_first: cycles; what one cycle says stays in its order, and of
    one token and kind the older goes first always. What was asked for by hand comes last.
    """
    together: dict[str | None, list[Waiting]] = {}
    for one in waiting:
        together.setdefault(_told_with(one), []).append(one)
    groups: list[Group] = [(one,) for one in together.pop(None, ())]
    newest: dict[str, int] = {}
    for name, members in together.items():
        members.sort(key=_sequence)
        newest |= {one.id: members[-1].news.facts.sequence for one in members}
        if name is DeferredReason.QUIET_HOURS or len(members) > MOST_SINGLY:
            groups.append(tuple(members))
        else:
            groups += [(one,) for one in members]

    def place(group: Group) -> tuple[bool, bool, float, int]:
        first = group[0]
        if first.trigger is not Trigger.SCHEDULE:
            return (True, True, first.due_at.timestamp(), first.news.facts.sequence)
        sequence = first.news.facts.sequence
        fresh = newest.get(first.id, sequence)
        return (False, not _is_put_off(first), -fresh if newest_first else fresh, sequence)

    return _older_first(sorted(groups, key=place))


def _told_with(one: Waiting) -> str | None:
    """What it is told together with; None for what goes alone whatever comes."""
    news = one.news
    is_ordinary = one.trigger is Trigger.SCHEDULE and news.is_matched and news.corrects is None
    if not is_ordinary or news.cycle_id is None:
        return None
    return DeferredReason.QUIET_HOURS if _is_put_off(one) else news.cycle_id


def _is_put_off(one: Waiting) -> bool:
    return one.deferred_reason is DeferredReason.QUIET_HOURS


def _sequence(one: Waiting) -> int:
    return one.news.facts.sequence


def _older_first(groups: Sequence[Group]) -> list[Group]:
    """The same, but what is older about a token and kind before what is newer, as a correction."""
    about: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for number, group in enumerate(groups):
        for one in group:
            facts = one.news.facts
            if facts.token and facts.kind and one.trigger is Trigger.SCHEDULE:
                about.setdefault((facts.token, facts.kind), []).append((facts.sequence, number))
    behind: dict[int, set[int]] = {}
    for places in about.values():
        for (_, older), (_, newer) in pairwise(sorted(places)):
            behind.setdefault(newer, set()).add(older)
    ordered: dict[int, Group] = {}
    for number, group in enumerate(groups):
        late = _behind(number, behind, gone=ordered)
        for older in sorted(late, key=lambda each: _first(groups[each])):
            ordered[older] = groups[older]
        ordered.setdefault(number, group)
    return list(ordered.values())


def _behind(number: int, behind: Mapping[int, set[int]], *, gone: Container[int]) -> set[int]:
    """What is behind a group, and behind that, of what has not gone yet."""
    found: set[int] = set()
    looking = [number]
    while looking:
        late = behind.get(looking.pop(), set())
        fresh = {one for one in late if one != number and one not in found and one not in gone}
        found |= fresh
        looking += fresh
    return found


def _first(group: Group) -> int:
    return group[0].news.facts.sequence
