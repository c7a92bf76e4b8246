"""From changes of grades to a picture in a channel: a week on Discord."""

from typing import Any

from alerts.channels.discord_messages import PICTURE_NAME
from alerts.domain.deliveries import State
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.endpoints import Wish, create_discord
from tests.discord.double import Discord
from tests.pipeline.conftest import OpenServices, log_of
from tests.pipeline.digesting import MONDAY, UNWANTED, a_week_of_changes, due_at, tell


async def test_a_week_is_posted_once_with_its_picture(
    open_with: OpenServices,
) -> None:
    async with Discord() as discord:
        services = await open_with(discord_api_url=discord.api_url)
        wish = Wish(digest=MONDAY, wanted=UNWANTED, tokens=["demo:x"])
        url = discord.world.webhook().url
        address = await services.desk.vet_discord(url)
        made = await create_discord(HOUSE_APP, address, wish, desk=services.desk)
        await a_week_of_changes(services)
        due = await due_at(services, made)

        for _ in range(2):
            await tell(services, due)
            await services.dispatcher().run_until_idle()

        (sent,) = discord.world.messages
        embeds: Any = sent.payload["embeds"]
        assert embeds[0]["title"].startswith("Weekly grades · ")
        assert any("UP** Neutral → Strong Buy" in field["value"] for field in embeds[1]["fields"])
        ((name, content),) = sent.files.values()
        assert name == PICTURE_NAME
        assert content.startswith(b"\x89PNG")
        (delivery,) = await log_of(services, made.id)
        assert delivery.state is State.DELIVERED
