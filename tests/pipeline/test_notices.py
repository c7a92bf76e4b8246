"""What concerns an app is told to its endpoints, a chunk at a time, apart from what brought it."""

from alerts.bootstrap import Services
from alerts.domain.deliveries import State
from alerts.domain.events import EventType
from alerts.store.notices import fan_out_notice, notices_to_fan_out
from tests.pipeline.conftest import dispatch, feed, log_of, subscribe, upgrade_tokens
from tests.receiver import Receiver, Reply


async def test_settling_many_closings_owes_nothing_and_only_those_left_are_told(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("*", Reply(410))
    for number in range(30):
        await subscribe(services, receiver.url(f"/{number}"))
    await subscribe(services, receiver.url("/left"), tokens=["demo:other"])
    await upgrade_tokens(services, ["a"])

    await services.dispatcher().run_until_idle()

    events = [one for one in await feed(services) if one.type is EventType.ENDPOINT_DISABLED]
    assert len(events) == 30
    assert len(await log_of(services)) == 30
    receiver.script("/left", Reply(204))
    await dispatch(services)
    # Not one row for each pair of the closed: nobody is there any more to be told.
    log = await log_of(services)
    assert len(log) == 60
    assert len(receiver.at("/left")) == 30


async def test_a_notice_is_owed_a_chunk_at_a_time_and_to_nobody_twice(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/gone", Reply(410))
    await subscribe(services, receiver.url("/gone"))
    others = [
        (await subscribe(services, receiver.url(f"/{number}"), tokens=["demo:other"])).endpoint.id
        for number in range(5)
    ]
    await upgrade_tokens(services, ["a"])
    await services.dispatcher().run_until_idle()
    async with services.store.read() as tx:
        (notice,) = await notices_to_fan_out(tx)

    told = []
    for _ in range(5):
        async with services.store.write() as tx:
            told.append(await fan_out_notice(tx, notice, size=2))

    assert [is_last for _, is_last in told] == [False, False, True, True, True]
    assert sum(count for count, _ in told) == 5
    log = [one for one in await log_of(services) if one.event_id == notice]
    assert sorted(one.endpoint_id for one in log) == sorted(others)
    assert {one.state for one in log} == {State.PENDING}
    async with services.store.read() as tx:
        assert await notices_to_fan_out(tx) == []
