"""What the tests of the Discord channel share."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from alerts.channels.discord import DiscordSender, Paint
from alerts.channels.discord_address import read_webhook_url
from alerts.channels.discord_http import open_discord_http
from alerts.channels.discord_restraint import Restraint
from alerts.channels.discord_slots import Slots
from alerts.domain.deliveries import Channel
from alerts.domain.digests import Digest, KindDigest, digest_data
from alerts.domain.grades import Kind
from alerts.ports import Destination, Letter
from tests.channels.webhooks import FixedClock
from tests.discord.double import Discord
from tests.discord.limits import Rates
from tests.discord.world import Webhook

UPGRADE = Letter(
    "dlv_1",
    "evt_1",
    json.dumps(
        {
            "id": "evt_1",
            "type": "endpoint.test",
            "timestamp": "2026-11-20T00:00:00Z",
            "recorded_at": "2026-11-20T00:04:07Z",
            "sequence": 7,
            "data": {},
        }
    ).encode(),
)
WEEK = Digest(
    period="2026-W47",
    weeks=1,
    starts_at=datetime(2026, 11, 13, tzinfo=UTC),
    ends_at=datetime(2026, 11, 20, tzinfo=UTC),
    time_zone="Europe/Berlin",
    from_sequence=1,
    through_sequence=7,
    kinds=(KindDigest(kind=Kind.TRADER, bands=("low", "high"), tokens=2),),
)
DIGEST = Letter(
    "dlv_01kahfzv5n9k3t1x7b8c2d4e6f",
    "evt_2",
    json.dumps(
        {
            "id": "evt_2",
            "type": "digest.weekly",
            "timestamp": "2026-11-20T00:00:00Z",
            "recorded_at": "2026-11-20T00:04:07Z",
            "sequence": 8,
            "data": digest_data(WEEK),
        }
    ).encode(),
)
URL_OF_NOBODY = f"https://discord.com/api/webhooks/1300000000000000000/{'t0ken-' * 12}"


def to(webhook: Webhook, *, thread_id: str | None = None, role: str | None = None) -> Destination:
    url = webhook.url if thread_id is None else f"{webhook.url}?thread_id={thread_id}"
    kept = read_webhook_url(url).kept
    return Destination("ep_1", Channel.DISCORD, kept, role=role)


@asynccontextmanager
async def open_sender(
    *,
    rates: Rates | None = None,
    paint: Paint | None = None,
    deadline_seconds: float = 5.0,
    bot_token: str = "",
    slots: Slots | None = None,
    clock: FixedClock | None = None,
) -> AsyncIterator[tuple[Discord, DiscordSender]]:
    async with (
        Discord(rates=rates) as discord,
        open_discord_http(discord.api_url, deadline_seconds=deadline_seconds) as http,
    ):
        clock = clock or FixedClock()
        # Unless a test is about them, nothing waits for slots.
        slots = slots or Slots(webhook_gap=0, channel_gap=0)
        yield discord, DiscordSender(http, Restraint(clock), clock, paint, bot_token, slots)
