"""What was set up in a server waits for our bot to be invited again, and not for ever."""

from datetime import timedelta

from sqlalchemy import update

from alerts.bootstrap import Services, open_services
from alerts.channels.discord_address import BotChannel
from alerts.domain.deliveries import Channel, DisableReason
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.endpoints import Wish, create_discord
from alerts.pipeline.places import close_places, list_places
from alerts.pipeline.retain import DESERTED_KEPT, drop_old
from alerts.store.tables import endpoints
from tests.pipeline.conftest import settings_for

HOUR = timedelta(hours=1)


async def left(services: Services, *, after: timedelta) -> set[str]:
    """The channels that are kept so long after all of them became what they are."""
    async with services.store.write() as tx:
        await tx.connection.execute(update(endpoints).values(state_since=await tx.now() - after))
    await drop_old(services.settings.kept, store=services.store)
    places = await list_places(channel=Channel.DISCORD, desk=services.desk)
    return {place.endpoint.description for place in places}


async def test_a_server_that_the_bot_was_removed_from_is_forgotten_after_a_month(
    database_url: str,
) -> None:
    async with open_services(settings_for(database_url)) as services:
        for number, name in enumerate(("removed", "deleted", "there")):
            address = BotChannel("1" * 18, str(number) * 18).kept
            wish = Wish(description=name)
            await create_discord(HOUSE_APP, address, wish, desk=services.desk)
        places = await list_places(channel=Channel.DISCORD, desk=services.desk)
        for name, reason in (("removed", DisableReason.REMOVED), ("deleted", DisableReason.GONE)):
            found = [place for place in places if place.endpoint.description == name]
            await close_places(found, reason, desk=services.desk)

        within = await left(services, after=DESERTED_KEPT - HOUR)
        beyond = await left(services, after=DESERTED_KEPT + HOUR)

    assert within == {"removed", "deleted", "there"}
    assert beyond == {"deleted", "there"}
