"""From changes of grades to a picture in a channel: a week on Discord."""

from datetime import datetime
from typing import Any

from alerts.bootstrap import Services
from alerts.channels.discord_messages import PICTURE_NAME
from alerts.domain.deliveries import State
from alerts.domain.digests import Digest
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.digest import DigestRun
from alerts.pipeline.endpoints import Wish, create_discord
from alerts.pipeline.survey import Surveys
from alerts.store.endpoints import EndpointRecord
from tests.discord.double import Discord
from tests.pipeline.conftest import OpenServices, log_of
from tests.pipeline.digesting import (
    MONDAY,
    UNWANTED,
    WEEK,
    a_week_of_changes,
    digested,
    due_at,
    tell,
)
from tests.receiver import Receiver


async def made_on(discord: Discord, services: Services) -> EndpointRecord:
    wish = Wish(digest=MONDAY, wanted=UNWANTED, tokens=["demo:x"])
    address = await services.desk.vet_discord(discord.world.webhook().url)
    return await create_discord(HOUSE_APP, address, wish, desk=services.desk)


async def test_what_is_told_on_discord_is_drawn_before_it_is_owed(
    open_with: OpenServices, receiver: Receiver
) -> None:
    async with Discord() as discord:
        services = await open_with(discord_api_url=discord.api_url)
        drawn: list[datetime] = []

        async def draw(digest: Digest) -> None:
            assert await log_of(services) == []
            drawn.append(digest.ends_at)

        def run_at(at: datetime) -> DigestRun:
            surveys = Surveys(services.ladder)
            store, waker = services.store, services.waker
            return DigestRun(store=store, surveys=surveys, waker=waker, at=at, draw=draw)

        on_discord = await made_on(discord, services)
        quiet = await due_at(services, on_discord)
        due = quiet + WEEK
        assert await run_at(quiet).tell(on_discord.id) is not None
        await a_week_of_changes(services)

        await run_at(due).tell(on_discord.id)
        by_webhook = await digested(services, receiver)
        await run_at(due).tell(by_webhook.id)

        # Of a week without changes nothing is told.
        assert drawn == [due]
        assert len(await log_of(services)) == 2


async def test_a_week_is_posted_once_with_its_picture(
    open_with: OpenServices,
) -> None:
    async with Discord() as discord:
        services = await open_with(discord_api_url=discord.api_url)
        made = await made_on(discord, services)
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
