"""Several deliveries in one message: begun, answered and logged together, each by itself."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import update

from alerts.domain.deliveries import DisableReason, State
from alerts.domain.subscriptions import Filter
from alerts.pipeline.claim import ClaimedLane, claim
from alerts.pipeline.recover import reap
from alerts.pipeline.turn import begin, turn_of
from alerts.store.deliveries import AttemptRecord
from alerts.store.endpoints import find_endpoint
from alerts.store.outbox import start
from alerts.store.tables import deliveries
from tests.faults import Fault
from tests.pipeline.chatting import Chatting, chatting
from tests.pipeline.conftest import (
    OpenServices,
    day,
    dispatch,
    fan_out,
    lane_of,
    log_of,
    pass_time,
    push,
    token,
    tries,
    upgrade_tokens,
)
from tests.pipeline.lost import LEASE_OVER, LeapingClock
from tests.pipeline.test_claim import change_filter
from tests.telegram.world import KICKED

MANY = ["a", "b", "c", "d", "e"]


@pytest.fixture
async def ada(open_with: OpenServices) -> AsyncIterator[Chatting]:
    """Somebody who follows all tokens."""
    async with chatting(open_with) as one:
        yield one


async def became(ada: Chatting) -> Counter[tuple[str, str | None, int]]:
    """(state, reason, attempts) of all deliveries."""
    return Counter(
        (one.state.value, one.reason, one.attempts) for one in await log_of(ada.services)
    )


async def attempted(ada: Chatting) -> list[AttemptRecord]:
    return [each for one in await log_of(ada.services) for each in await tries(ada.services, one)]


async def claimed(ada: Chatting) -> ClaimedLane:
    """The chat's lane as a worker has it that holds the pool."""
    async with ada.services.store.write() as tx:
        (lane,) = await claim(tx, ada.services.rules, limit=1, pools=["telegram"])
    return lane


def titles(texts: Sequence[str]) -> list[str]:
    return [text.splitlines()[0] for text in texts]


async def test_more_than_three_changes_of_a_cycle_are_one_message_and_an_attempt_each(
    ada: Chatting,
) -> None:
    made = await ada.follow()
    await upgrade_tokens(ada.services, MANY)

    await dispatch(ada.services)

    assert titles(ada.texts) == ["5 changes: 🟢 5 up"]
    assert ada.texts[0].splitlines()[-1].startswith("Told because you follow all tokens. ")
    assert await became(ada) == {("delivered", None, 1): 5}
    tried = await attempted(ada)
    assert len({each.id for each in tried}) == 5
    assert len({(each.send_id, each.provider_id, each.started_at) for each in tried}) == 1
    # One attempt at the chat, however much was in it.
    assert (await lane_of(ada.services, made.id)).recent == 0b11


async def test_three_changes_of_a_cycle_are_a_message_each(ada: Chatting) -> None:
    await ada.follow()
    await upgrade_tokens(ada.services, MANY[:3])

    await dispatch(ada.services)

    assert [text.split()[1] for text in ada.texts] == ["A", "B", "C"]
    assert len({each.send_id for each in await attempted(ada)}) == 3


async def test_what_was_put_off_together_comes_back_together(ada: Chatting) -> None:
    await ada.follow()
    await upgrade_tokens(ada.services, MANY)
    # Said in no words of Telegram's: it is tried again by the schedule.
    ada.telegram.fail(Fault(status=418, body=b"{}"))

    await dispatch(ada.services)

    assert ada.texts == []
    assert await became(ada) == {("pending", "client_error", 1): 5}
    assert len({one.due_at for one in await log_of(ada.services)}) == 1
    await pass_time(ada.services, timedelta(seconds=10))
    await dispatch(ada.services)
    assert titles(ada.texts) == ["5 changes: 🟢 5 up"]
    assert await became(ada) == {("delivered", None, 2): 5}
    assert sorted(Counter(each.send_id for each in await attempted(ada)).values()) == [5, 5]


async def test_a_lost_answer_leaves_one_message_and_all_of_it_unknown(ada: Chatting) -> None:
    await ada.follow()
    await upgrade_tokens(ada.services, MANY)
    ada.telegram.fail(Fault(after_effect=True))

    await dispatch(ada.services)
    await pass_time(ada.services, timedelta(hours=1))
    await dispatch(ada.services)

    assert titles(ada.texts) == ["5 changes: 🟢 5 up"]
    assert await became(ada) == {("unknown", "connection", 1): 5}


async def test_who_has_blocked_the_bot_is_told_none_of_it(ada: Chatting) -> None:
    made = await ada.follow()
    await upgrade_tokens(ada.services, MANY)
    ada.chat.ours = KICKED

    await dispatch(ada.services)

    assert await became(ada) == {("dead", "auth", 1): 5}
    async with ada.services.store.read() as tx:
        endpoint = await find_endpoint(tx, made.id, app_id=None)
    assert endpoint is not None
    assert endpoint.disabled_reason is DisableReason.BLOCKED


async def test_what_is_cut_off_with_its_worker_is_unknown_all_of_it(ada: Chatting) -> None:
    await ada.follow()
    await upgrade_tokens(ada.services, MANY)
    lane = await claimed(ada)
    (parcel,) = lane.parcels
    async with ada.services.store.write() as tx:
        assert await start(tx, parcel.ids, lease_id=lane.lease_id) == 5
    await pass_time(ada.services, LEASE_OVER)

    rules = ada.services.rules
    await reap(store=ada.services.store, repeatable=rules.repeatable, worker=rules.worker)
    await dispatch(ada.services)

    assert ada.texts == []
    assert await became(ada) == {("unknown", "interrupted", 1): 5}
    assert len({each.send_id for each in await attempted(ada)}) == 1


async def test_a_parcel_of_which_some_is_somebody_elses_by_now_is_not_begun(ada: Chatting) -> None:
    await ada.follow()
    await upgrade_tokens(ada.services, MANY)
    lane = await claimed(ada)
    (parcel,) = lane.parcels
    clock, store = LeapingClock(), ada.services.store
    turn = turn_of(lane, began=clock.monotonic(), lease=ada.services.rules.lease)
    turn.in_flight, turn.waiting = 1, type(turn.waiting)()
    async with store.write() as tx:
        away = update(deliveries).where(deliveries.c.id == parcel.ids[2])
        await tx.connection.execute(away.values(lease_id="lse_other"))

    assert not await begin(turn, parcel, store=store, clock=clock, deadline=1.0)

    assert turn.is_stopped
    assert await became(ada) == {("pending", None, 0): 5}


async def test_what_is_not_wanted_any_more_goes_and_the_rest_is_told(ada: Chatting) -> None:
    names = [*MANY, "f"]
    made = await ada.follow()
    await upgrade_tokens(ada.services, names)

    wanted = Filter(tokens=tuple(token(name) for name in names[1:]))
    await change_filter(ada.services, made, wanted)
    await dispatch(ada.services)

    assert titles(ada.texts) == ["5 changes: 🟢 5 up"]
    assert ada.texts[0].splitlines()[-1].startswith("Told because you follow these tokens. ")
    assert await became(ada) == {("skipped", "unsubscribed", 0): 1, ("delivered", None, 1): 5}


async def test_the_newest_cycle_is_told_first_and_what_it_makes_stale_never(ada: Chatting) -> None:
    await ada.follow()
    await push(ada.services, day(0), dict.fromkeys([*MANY, "f"], 50.0))
    await push(ada.services, day(1), dict.fromkeys([*MANY, "f"], 95.0))
    await push(ada.services, day(2), {**dict.fromkeys(MANY, 5.0), "f": 95.0})
    await fan_out(ada.services)

    await dispatch(ada.services)

    assert [title[:9] for title in titles(ada.texts)] == ["5 changes", "🟢 F upgra"]
    assert await became(ada) == {("skipped", "superseded", 0): 5, ("delivered", None, 1): 6}


async def test_both_ways_of_a_night_are_told_in_one_message(ada: Chatting) -> None:
    await ada.follow()
    await ada.be_quiet()
    for number, score in enumerate((50.0, 95.0)):
        await push(ada.services, day(number), {"a": score, "b": score})
    await fan_out(ada.services)
    await dispatch(ada.services)
    await push(ada.services, day(2), {"a": 5.0, "b": 95.0})
    await fan_out(ada.services)
    await dispatch(ada.services)
    assert ada.texts == []

    await ada.wake_up(timedelta(hours=3))
    await dispatch(ada.services)

    assert len(ada.texts) == 1
    assert {one.state for one in await log_of(ada.services)} == {State.DELIVERED}
    assert len({each.send_id for each in await attempted(ada)}) == 1
