"""Endpoints change while something is on its way to them: nothing is lost or held too long."""

from alerts.bootstrap import Services
from alerts.domain.deliveries import State
from alerts.pipeline.endpoints import change_endpoint, enable, pause
from tests.pipeline.conftest import dispatch, lane_of, log_of, subscribe, upgrade_tokens
from tests.receiver import Receiver, Reply

BUSY = Reply(503, {"retry-after": "3600"})


async def test_a_new_url_is_not_held_back_by_what_the_old_one_asked(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/busy", BUSY)
    made = await subscribe(services, receiver.url("/busy"))
    await upgrade_tokens(services, ["a", "b", "c"])
    await dispatch(services)
    assert (await lane_of(services, made.endpoint.id)).held_until is not None

    await change_endpoint(
        made.endpoint.id,
        lambda old: old,
        app_id=None,
        desk=services.desk,
        url=receiver.url("/fresh"),
    )
    await dispatch(services)

    assert {one.state for one in await log_of(services)} == {State.DELIVERED}
    assert len(receiver.at("/fresh")) == 3


async def test_an_endpoint_that_is_enabled_is_not_held_back_by_what_it_asked_before(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", BUSY, Reply())
    made = await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])
    await dispatch(services)
    await pause(made.endpoint.id, app_id=None, desk=services.desk)

    await enable(made.endpoint.id, app_id=None, desk=services.desk)
    await upgrade_tokens(services, ["b"], since=2)
    await dispatch(services)

    _, fresh = await log_of(services)
    assert fresh.state is State.DELIVERED
