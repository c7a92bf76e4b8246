"""Chats that follow tokens, on a Telegram of our own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alerts.bootstrap import Services
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.quiet import QuietHours
from alerts.pipeline.access import create_app
from alerts.pipeline.chats import ask_for_chat, create_chat, open_link
from alerts.pipeline.endpoints import Wish
from alerts.pipeline.sparing import set_quiet_hours, set_time_zone
from alerts.store.endpoints import EndpointRecord
from alerts.store.tables import endpoints
from tests.pipeline.conftest import OpenServices, log_of, pass_time
from tests.telegram.double import TOKEN, Telegram
from tests.telegram.world import Chat

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Chatting:
    """A chat of one person, and the service that tells it."""

    services: Services
    telegram: Telegram
    chat: Chat

    @property
    def address(self) -> str:
        return TelegramChat(self.chat.id).kept

    @property
    def texts(self) -> list[str]:
        return self.chat.texts

    async def follow(self, *tokens: str, **wish: Any) -> EndpointRecord:  # noqa: ANN401
        """The chat becomes an endpoint of the house. tokens: none for all."""
        asked = Wish(tokens=tokens or None, **wish)
        return await create_chat(self.address, asked, most_rate=1, desk=self.services.desk)

    async def open_link(self, app: str) -> EndpointRecord:
        """The chat becomes an endpoint of an app, which is made; of all tokens."""
        store, desk = self.services.store, self.services.desk
        made = await create_app(app, store=store)
        link = await ask_for_chat(made.id, Wish(), desk=desk)
        opened = await open_link(link.url.partition("=")[2], self.address, most_rate=1, desk=desk)
        assert opened is not None
        return opened

    async def now(self) -> datetime:
        async with self.services.store.read() as tx:
            return await tx.now()

    async def be_quiet(self, lasts: timedelta = 2 * HOUR) -> None:
        """Quiet hours that began an hour ago, and go on for so long, to the minute."""
        now = await self.now()
        hours = QuietHours(minute(now - HOUR), minute(now + lasts))
        await set_time_zone(self.address, "UTC", desk=self.services.desk)
        await set_quiet_hours(self.address, hours, desk=self.services.desk)

    async def wake_up(self, after: timedelta) -> None:
        """So much time passes, and the quiet hours that held are over."""
        await pass_time(self.services, after)
        now = await self.now()
        hours = {"starts": f"{now - 3 * HOUR:%H:%M:00}", "ends": f"{now - HOUR:%H:%M:00}"}
        async with self.services.store.write() as tx:
            # Not as a person would: that would bring what is held forward.
            await tx.connection.execute(endpoints.update().values(quiet_hours=hours))

    async def became(self) -> list[tuple[str, str | None, str | None]]:
        """(token, reason it was skipped, or else its state, reason it waits) of each delivery."""
        return [
            (str(one.token), one.reason or one.state.value, one.deferred_reason)
            for one in await log_of(self.services)
        ]


def minute(at: datetime) -> Any:  # noqa: ANN401 - a time of day.
    return at.time().replace(second=0, microsecond=0)


@asynccontextmanager
async def chatting(open_with: OpenServices) -> AsyncIterator[Chatting]:
    async with Telegram() as telegram:
        services = await open_with(
            telegram_api_url=telegram.api_url, telegram_bot_token=TOKEN, send_deadline_seconds=5
        )
        yield Chatting(services, telegram, telegram.world.started("Ada"))
