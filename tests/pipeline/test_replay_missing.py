"""What waited when its endpoint was closed or paused was missed then, however old it was."""

from datetime import datetime, timedelta

from alerts.bootstrap import Services
from alerts.domain.deliveries import State
from alerts.pipeline.endpoints import enable, pause
from alerts.pipeline.replay import Wanted, count_replayable, replay
from tests.pipeline.conftest import dispatch, log_of, subscribe, upgrade_tokens
from tests.receiver import Receiver, Reply


async def missing(
    services: Services, endpoint_id: str, *, since: datetime, dry_run: bool = False
) -> int:
    wanted = Wanted(since=since, only="missing")
    if dry_run:
        return await count_replayable(endpoint_id, wanted, app_id=None, store=services.store)
    record = await replay(
        endpoint_id, wanted, app_id=None, store=services.store, waker=services.waker
    )
    return record.total


async def all_made(services: Services) -> datetime:
    """A time at which every delivery of now was there already."""
    made = max(one.created_at for one in await log_of(services))
    return made + timedelta(microseconds=1)


async def test_what_waited_for_a_closed_endpoint_is_missing_since_the_closing(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(410))
    made = await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, [f"t{number}" for number in range(12)])
    since = await all_made(services)

    await dispatch(services)

    skipped = [one for one in await log_of(services) if one.state is State.SKIPPED]
    assert skipped
    count = await missing(services, made.endpoint.id, since=since, dry_run=True)
    assert count == len(skipped)


async def test_what_waited_for_a_paused_endpoint_is_sent_by_a_replay_since_the_pause(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())
    await upgrade_tokens(services, ["a"])
    since = await all_made(services)
    await pause(made.endpoint.id, app_id=None, desk=services.desk)
    await dispatch(services)
    await enable(made.endpoint.id, app_id=None, desk=services.desk)

    assert await missing(services, made.endpoint.id, since=since) == 1

    await dispatch(services)
    assert [one.state for one in await log_of(services)] == [State.DELIVERED]
