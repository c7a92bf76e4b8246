"""What waits in a chat, as the messages it goes in."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.deliveries import DeferredReason, State, Trigger
from alerts.domain.events import EventType
from alerts.domain.grades import Kind, TokenId
from alerts.domain.subscriptions import EventFacts
from alerts.pipeline.parcels import MOST_SINGLY, Group, gather
from alerts.store.outbox import News, Waiting

DUE = datetime(2026, 11, 20, tzinfo=UTC)


def waits(
    sequence: int,
    cycle: str | None = "old",
    *,
    name: str | None = None,
    is_put_off: bool = False,
    corrects: str | None = None,
    trigger: Trigger = Trigger.SCHEDULE,
    is_matched: bool = True,
) -> Waiting:
    """A delivery that is due. name: of its token, one of its own unless said."""
    token = TokenId(f"demo:{sequence if name is None else name}")
    facts = EventFacts(sequence, EventType.UPGRADED, token, Kind.TRADER, 1, 500)
    return Waiting(
        id=f"dlv_{sequence}",
        endpoint_id="ep_1",
        news=News(f"evt_{sequence}", facts, is_matched, b"{}", corrects, cycle),
        trigger=trigger,
        due_at=DUE + timedelta(seconds=sequence),
        expires_at=DUE + timedelta(days=1),
        position=0,
        attempts=0,
        interruptions=0,
        status_code=None,
        deferred_reason=DeferredReason.QUIET_HOURS if is_put_off else None,
        corrected=None if corrects is None else State.DELIVERED,
    )


def numbers(groups: Sequence[Group]) -> list[list[int]]:
    return [[one.news.facts.sequence for one in group] for group in groups]


BY_HAND = Trigger.MANUAL
CASES = {
    "three of a cycle go singly, in their order": (
        [waits(1), waits(2), waits(3)],
        [[1], [2], [3]],
    ),
    "four of a cycle go together": (
        [waits(4), waits(2), waits(3), waits(1)],
        [[1, 2, 3, 4]],
    ),
    "the newest cycle goes first, and each cycle is told by itself": (
        [*map(waits, range(1, 5)), waits(5, "mid"), *(waits(n, "new") for n in range(6, 10))],
        [[6, 7, 8, 9], [5], [1, 2, 3, 4]],
    ),
    "what quiet hours put off is told at once, of whatever cycles, and before the rest": (
        [waits(1, is_put_off=True), waits(2, "mid", is_put_off=True), waits(3, "new")],
        [[1, 2], [3]],
    ),
    "both ways of one token are told together where quiet hours put them off": (
        [waits(1, name="a", is_put_off=True), waits(2, "mid", name="a", is_put_off=True)],
        [[1, 2]],
    ),
    "a test and a digest go alone, whatever was put off": (
        [
            waits(1, None, is_matched=False, is_put_off=True),
            *(waits(n, is_put_off=True) for n in (2, 3)),
            waits(4, None, is_matched=False),
        ],
        [[2, 3], [1], [4]],
    ),
    "what is sent again by hand goes alone and last": (
        [*(waits(n, trigger=BY_HAND) for n in range(1, 6)), *(waits(n, "new") for n in (6, 7))],
        [[6], [7], [1], [2], [3], [4], [5]],
    ),
    "a correction goes alone": (
        [*(waits(n) for n in range(1, 5)), waits(5, corrects="evt_0"), waits(6)],
        [[1, 2, 3, 4, 6], [5]],
    ),
    "a correction goes before what is newer about its token": (
        [waits(1, corrects="evt_0", name="a"), waits(2, "mid"), waits(3, "new", name="a")],
        [[1], [3], [2]],
    ),
    "nor does a cycle that is told together overtake it": (
        [
            waits(1, corrects="evt_0", name="a"),
            *(waits(n, "new") for n in (2, 3, 4)),
            waits(5, "new", name="a"),
        ],
        [[1], [2, 3, 4, 5]],
    ),
    "corrections of one token go in their order": (
        [waits(n, corrects=f"evt_{n - 10}", name="a") for n in (11, 12, 13)],
        [[11], [12], [13]],
    ),
}


@pytest.mark.parametrize(("waiting", "expected"), CASES.values(), ids=CASES)
def test_what_goes_together_and_in_which_order(
    waiting: list[Waiting], expected: list[list[int]]
) -> None:
    assert numbers(gather(waiting, newest_first=True)) == expected


def test_where_order_is_not_latest_cycles_go_in_their_order() -> None:
    waiting = [waits(3, "new"), waits(1), waits(2, "mid")]

    assert numbers(gather(waiting, newest_first=False)) == [[1], [2], [3]]


ANY = st.builds(
    lambda cycle, name, **given: (cycle, name, given),
    st.sampled_from(["a", "b", "c", None]),
    st.sampled_from(["x", "y", "z", None]),
    is_put_off=st.booleans(),
    corrects=st.sampled_from([None, None, "evt_0"]),
    trigger=st.sampled_from(list(Trigger)),
    is_matched=st.booleans(),
)


@given(st.lists(ANY, max_size=30), st.booleans())
def test_everything_goes_once_and_only_what_belongs_together_goes_together(
    given_: list[tuple[str | None, str | None, dict[str, object]]], is_latest: bool
) -> None:
    waiting = [
        waits(number, cycle, name=name, **given)  # type: ignore[arg-type]
        for number, (cycle, name, given) in enumerate(given_)
    ]

    groups = gather(waiting, newest_first=is_latest)

    assert sorted(one.id for group in groups for one in group) == sorted(w.id for w in waiting)
    for group in groups:
        sequences = [one.news.facts.sequence for one in group]
        assert sequences == sorted(sequences)
        if len(group) == 1:
            continue
        assert all(one.news.corrects is None and one.news.is_matched for one in group)
        assert {one.trigger for one in group} == {Trigger.SCHEDULE}
        were_put_off = {one.deferred_reason is not None for one in group}
        assert were_put_off == {True} or len({one.news.cycle_id for one in group}) == 1
        assert were_put_off == {True} or len(group) > MOST_SINGLY


@given(st.lists(st.sampled_from(["x", "y", "z"]), max_size=12), st.data())
def test_of_one_token_the_older_goes_first_where_each_goes_alone(
    names: list[str], data: st.DataObject
) -> None:
    waiting = [
        waits(n, f"cycle-{n}", name=name, corrects=data.draw(st.sampled_from([None, "evt_0"])))
        for n, name in enumerate(names)
    ]

    order = [group[0] for group in gather(waiting, newest_first=True)]

    for name in set(names):
        about = [one.news.facts.sequence for one in order if one.news.facts.token == f"demo:{name}"]
        assert about == sorted(about)
