"""A chat's week: told once, in its own zone, in its own turn within the hour."""

from datetime import datetime, timedelta

from sqlalchemy import update

from alerts.bootstrap import Services
from alerts.domain.channels import TERMS
from alerts.domain.deliveries import Channel
from alerts.domain.weeks import spread
from alerts.pipeline.sparing import mute, set_time_zone
from alerts.store.endpoints import EndpointRecord
from alerts.store.tables import endpoints
from tests.pipeline.chatting import HOUR, Chatting, chatting
from tests.pipeline.conftest import OpenServices, dispatch, log_of, pass_time
from tests.pipeline.digesting import UNWANTED, WEEK, a_week_of_changes, due_at, tell

WEEKLY = {"weekday": 1, "hour": 9, "time_zone": "Europe/Berlin", "when_empty": "say"}


async def due_this_hour(here: Chatting) -> tuple[EndpointRecord, datetime]:
    """A chat whose week ended when this hour began."""
    now = await here.now()
    began = now.replace(minute=0, second=0, microsecond=0)
    block = WEEKLY | {"weekday": now.isoweekday(), "hour": now.hour, "time_zone": "UTC"}
    made = await here.follow("demo:nothing", digest=block, wanted=UNWANTED)
    async with here.services.store.write() as tx:
        await tx.connection.execute(update(endpoints).values(digest_due_at=began))
    return made, began


async def tell_now(services: Services, endpoint: EndpointRecord) -> bool:
    return await services.digest_run(at=None).tell(endpoint.id) is not None


async def test_a_week_is_told_in_its_chat_s_turn_within_the_hour(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        await a_week_of_changes(here.services)
        made, began = await due_this_hour(here)
        turn = began + spread(made.id, TERMS[Channel.TELEGRAM].spread)

        assert await tell_now(here.services, made)
        assert not await tell_now(here.services, made)

        (owed,) = await log_of(here.services, made.id)
        assert owed.due_at == max(turn, owed.created_at)
        await pass_time(here.services, HOUR)
        await dispatch(here.services)
        (text,) = here.texts
        assert text.startswith("Weekly grades · ")


async def test_a_week_that_is_told_early_goes_at_once(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        made = await here.follow("demo:nothing", digest=WEEKLY, wanted=UNWANTED)

        await tell(here.services, await due_at(here.services, made))
        await dispatch(here.services)

        assert len(here.texts) == 1


async def test_whoever_travels_is_told_each_local_week_once(open_with: OpenServices) -> None:
    async with chatting(open_with) as here:
        made = await here.follow("demo:nothing", digest=WEEKLY, wanted=UNWANTED)
        due = await due_at(here.services, made)
        (told,) = await tell(here.services, due)

        # There Monday morning is yet to come.
        await set_time_zone(here.address, "Pacific/Pago_Pago", desk=here.services.desk)

        again = await due_at(here.services, made)
        assert due + WEEK < again < due + WEEK + timedelta(days=1)
        (later,) = await tell(here.services, again)
        assert later.period > told.period


async def test_quiet_hours_hold_a_week_back_and_a_mute_of_everything_ends_it(
    open_with: OpenServices,
) -> None:
    async with chatting(open_with) as here:
        made = await here.follow("demo:nothing", digest=WEEKLY, wanted=UNWANTED)
        await here.be_quiet()
        await tell(here.services, await due_at(here.services, made))
        await dispatch(here.services)
        assert await here.became() == [("None", "pending", "quiet_hours")]
        await here.wake_up(2 * HOUR)
        await dispatch(here.services)
        assert [text.splitlines()[0][:15] for text in here.texts] == ["Weekly grades ·"]

        await mute(here.address, await here.now() + HOUR, desk=here.services.desk)
        await tell(here.services, await due_at(here.services, made))
        await pass_time(here.services, timedelta(minutes=1))
        await dispatch(here.services)

        assert await here.became() == [
            ("None", "delivered", "quiet_hours"),
            ("None", "muted", None),
        ]
