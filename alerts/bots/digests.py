"""A channel's weekly digest: what a command about it means, whatever platform it was typed on."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from alerts.bootstrap import Services
from alerts.domain.channels import TERMS
from alerts.domain.deliveries import Channel, EndpointState
from alerts.domain.events import EventType
from alerts.domain.grades import Kind, TokenId
from alerts.domain.ids import HOUSE_APP
from alerts.domain.subscriptions import Filter
from alerts.domain.summaries import DEFAULT_TOP, DigestSettings, WhenEmpty
from alerts.domain.weeks import MINUTE, next_occasion, spread
from alerts.errors import Conflict, InvalidInput
from alerts.pipeline import endpoints
from alerts.pipeline.digest import Week
from alerts.pipeline.endpoints import Wish
from alerts.pipeline.places import find_place
from alerts.store.digests import find_due_at
from alerts.store.endpoints import EndpointRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asks for. weekday: 1 is Monday. role: an id, or None for nobody.

    at_once: what is told when it happens, beside the digest. kinds, min_notches: of both.
    """

    weekday: int
    hour: int
    time_zone: str
    role: str | None = None
    says_when_empty: bool = False
    at_once: frozenset[EventType] = frozenset()
    kinds: frozenset[Kind] = frozenset(Kind)
    min_notches: int = 1

    @property
    def block(self) -> dict[str, Any]:
        """The digest as it is stored."""
        return {
            "weekday": self.weekday,
            "hour": self.hour,
            "time_zone": self.time_zone,
            "kinds": sorted(self.kinds),
            "tokens": None,
            "min_notches": self.min_notches,
            "when_empty": "say" if self.says_when_empty else "skip",
            "top": DEFAULT_TOP,
            "role": self.role,
        }

    def filter(self, tokens: tuple[TokenId, ...] | None) -> Filter:
        """What is told at once. tokens: of these alone; None is all."""
        return Filter(
            tokens=tokens, kinds=self.kinds, types=self.at_once, min_notches=self.min_notches
        )


@dataclass(frozen=True, slots=True)
class DigestDesk:
    """The digests of one platform's channels, which are endpoints of the house.

    making: held while one is made; a platform has one bot, so two who ask at once meet here.
    """

    services: Services
    channel: Channel
    making: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def find(self, address: str) -> EndpointRecord:
        """The endpoint at an address. Raises InvalidInput where no digest is set up."""
        found = await find_place(address, channel=self.channel, desk=self.services.desk)
        if found is None or found.digest is None:
            raise InvalidInput("channel", "has no digest; `/digest setup` makes one")
        return found

    async def set_up(
        self,
        address: str,
        asked: Asked,
        *,
        description: str,
        tokens: tuple[TokenId, ...] | None = None,
    ) -> EndpointRecord:
        """Make a channel's digest, or change the one that it has; it is active then.

        tokens: that a new channel watches; one that is there goes on as it did.
        """
        async with self.making:
            return await self._set_up(address, asked, description=description, tokens=tokens)

    async def _set_up(
        self, address: str, asked: Asked, *, description: str, tokens: tuple[TokenId, ...] | None
    ) -> EndpointRecord:
        desk = self.services.desk
        found = await find_place(address, channel=self.channel, desk=desk)
        if found is None:
            wish = Wish(
                description=description,
                wanted=asked.filter(None),
                tokens=tokens,
                digest=asked.block,
            )
            return await endpoints.create_discord(HOUSE_APP, address, wish, desk=desk)

        def change(old: EndpointRecord) -> EndpointRecord:
            return replace(
                old,
                description=description,
                digest={**(old.digest or {}), **asked.block},
                filter=asked.filter(old.filter.tokens),
                state=EndpointState.ACTIVE,
                disabled_reason=None,
            )

        return await endpoints.change_endpoint(found.id, change, app_id=HOUSE_APP, desk=desk)

    async def preview(self, endpoint: EndpointRecord) -> tuple[Week, bytes]:
        """The next digest as things stand, and the body of its event."""
        return await self.services.digest_run().preview(endpoint.id, app_id=HOUSE_APP)

    async def next_post(self, endpoint: EndpointRecord) -> datetime:
        """When the next digest of an endpoint that has one goes out, in its turn."""
        async with self.services.store.read() as tx:
            now = await tx.now()
            planned = await find_due_at(tx, endpoint.id)
        settings = msgspec.convert(endpoint.digest, DigestSettings)
        occasion = next_occasion(settings.schedule, (planned or now) - MINUTE)
        return occasion.at + spread(endpoint.id, TERMS[endpoint.channel].spread)

    async def send_now(self, endpoint: EndpointRecord) -> bool:
        """Owe the coming digest at once, in place of its time; False if it would say nothing.

        One that says nothing keeps its time. Raises Conflict where it was sent early before.
        """
        week, _ = await self.preview(endpoint)
        async with self.services.store.read() as tx:
            now = await tx.now()
        if week.window.starts_at > now:
            raise Conflict("this week's digest was posted already; `/digest preview` is the next")
        if week.digest.is_empty and week.settings.when_empty is WhenEmpty.SKIP:
            return False
        record = await self.services.digest_run(at=week.window.ends_at).tell(endpoint.id)
        return record is not None and record.event_id is not None

    async def pause(self, endpoint: EndpointRecord) -> None:
        """Send nothing to this channel until it is resumed. Raises Conflict if nothing is sent."""
        if endpoint.state is not EndpointState.ACTIVE:
            raise Conflict("nothing is posted there anyway; `/digest settings` says why")
        await endpoints.pause(endpoint.id, app_id=HOUSE_APP, desk=self.services.desk)

    async def resume(self, endpoint: EndpointRecord) -> None:
        """Go on, from the present."""
        await endpoints.enable(endpoint.id, app_id=HOUSE_APP, desk=self.services.desk)

    async def remove(self, endpoint: EndpointRecord) -> None:
        """Delete a channel's digest and its log."""
        await endpoints.remove(endpoint.id, app_id=HOUSE_APP, desk=self.services.desk)
