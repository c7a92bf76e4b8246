"""The buttons under what a chat was told: mute its token, stop it, choose otherwise, show all.

What was told stays as it is; its buttons say what is so since.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from alerts.bootstrap import Services
from alerts.bots.chats import ChatDesk
from alerts.bots.spans import FOREVER
from alerts.bots.telegram_mutes import DEFAULT_SPAN
from alerts.bots.telegram_questions import listed
from alerts.bots.telegram_says import Asked, Command, Press, Said
from alerts.bots.telegram_settings import SettingsDesk
from alerts.channels.telegram_buttons import Button, Rows, Verb, Wanted
from alerts.channels.telegram_markup import literal
from alerts.channels.telegram_messages import ROWS_ON_A_PAGE, page_lines
from alerts.channels.telegram_under import grade_buttons
from alerts.domain.grades import TokenId
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.endpoints import change_endpoint
from alerts.pipeline.sparing import mute, unmute
from alerts.store.apps import find_app
from alerts.store.deliveries import find_delivery_of
from alerts.store.endpoints import EndpointRecord
from alerts.store.events import find_event
from alerts.store.sends import told_with

# Longer than that, what was told is not kept: the log's days, and the events'.
_TOO_OLD: Final = "This message is so old that I do not know its token any more. /mute BTC does it."
_LIST_TOO_OLD: Final = "This message is so old that I do not know the rest of it any more."

Change = Callable[[tuple[TokenId, ...]], tuple[TokenId, ...]]


@dataclass(frozen=True, slots=True)
class _About:
    """The token of the change whose button was pressed. event_id: of the change."""

    event_id: str
    token: TokenId
    symbol: str


@dataclass(frozen=True, slots=True)
class AlertDesk:
    """What is pressed under a message."""

    services: Services

    async def mute(self, asked: Asked) -> Said:
        """Its token, for a day."""
        about = await self._about(asked)
        if about is None:
            return Said(hint=_TOO_OLD)
        until = self.services.clock.now() + DEFAULT_SPAN
        await mute(asked.chat.kept, until, token=about.token, desk=self.services.desk)
        hint = f"{literal(about.symbol)} is muted for 24 hours. What changes meanwhile is not told."
        return Said(buttons=grade_buttons(about.event_id, about.symbol, is_muted=True), hint=hint)

    async def unmute(self, asked: Asked) -> Said:
        """… and not any longer."""
        about = await self._about(asked)
        if about is None:
            return Said(hint=_TOO_OLD)
        await unmute(asked.chat.kept, token=about.token, desk=self.services.desk)
        hint = f"{literal(about.symbol)} is told again."
        return Said(buttons=grade_buttons(about.event_id, about.symbol), hint=hint)

    async def edit(self, asked: Asked) -> Said:
        """Settings, beside what was told."""
        return replace(await SettingsDesk(self.services).tell(asked), is_new=True)

    async def stop(self, asked: Asked) -> Said:
        """Follow its token no more, where this was told by: the chat's own list, or an app's."""
        about = await self._about(asked)
        if about is None:
            return Said(hint=_TOO_OLD)
        told = await self._told(asked, about)
        named = [each for each in told if each.filter.tokens is not None]
        for each in named:
            await self._set(each, lambda old: tuple(one for one in old if one != about.token))
        if len(named) < len(told):
            # What takes all tokens takes all but this one, until it is undone.
            await mute(asked.chat.kept, FOREVER, token=about.token, desk=self.services.desk)
        apps = [await self._name(each) for each in told if each.app_id != HOUSE_APP]
        through = f" It came through {listed(apps)}; it is taken out there." if apps else ""
        hint = f"{literal(about.symbol)} is not told any more.{through}"
        return Said(buttons=grade_buttons(about.event_id, about.symbol, is_stopped=True), hint=hint)

    async def keep(self, asked: Asked) -> Said:
        """Follow it again after all, from now on."""
        about = await self._about(asked)
        if about is None:
            return Said(hint=_TOO_OLD)
        await unmute(asked.chat.kept, token=about.token, desk=self.services.desk)
        for each in await self._told(asked, about):
            if each.filter.tokens is not None:
                await self._set(each, lambda old: tuple(sorted({*old, about.token})))
        hint = f"{literal(about.symbol)} is told again, from now on."
        return Said(buttons=grade_buttons(about.event_id, about.symbol), hint=hint)

    async def show_all(self, asked: Asked) -> Said:
        """All that was told in one message, in pages: a message of its own, turned in place."""
        subject = "" if asked.wanted is None else asked.wanted.subject
        event_id, is_turned, number = subject.partition(".")
        bodies: Sequence[bytes] = ()
        for each in await ChatDesk(self.services).every(asked.chat):
            async with self.services.store.read() as tx:
                bodies = bodies or await told_with(tx, event_id, endpoint_id=each.id)
        if not bodies:
            return Said(hint=_LIST_TOO_OLD)
        pages = (len(bodies) - 1) // ROWS_ON_A_PAGE + 1
        page = min(max(int(number) if number.isdecimal() else 1, 1), pages)
        buttons = _turning(event_id, page, pages)
        return Said(lines=page_lines(bodies, page), buttons=buttons, is_new=not is_turned)

    async def _about(self, asked: Asked) -> _About | None:
        """None where the event is not kept any more, or is of no token."""
        event_id = "" if asked.wanted is None else asked.wanted.subject
        async with self.services.store.read() as tx:
            event = await find_event(tx, event_id, app_id=HOUSE_APP)
        if event is None or event.token is None:
            return None
        symbol = msgspec.json.decode(event.body)["data"]["token"]["symbol"]
        return _About(event.id, event.token, symbol)

    async def _told(self, asked: Asked, about: _About) -> list[EndpointRecord]:
        """The endpoints of the chat that were told of it; its own where that is not kept."""
        every = await ChatDesk(self.services).every(asked.chat)
        async with self.services.store.read() as tx:
            told = [
                each
                for each in every
                if await find_delivery_of(tx, about.event_id, each.id) is not None
            ]
        return told or [each for each in every if each.app_id == HOUSE_APP]

    async def _set(self, endpoint: EndpointRecord, change: Change) -> None:
        def changed(old: EndpointRecord) -> EndpointRecord:
            if old.filter.tokens is None:
                return old
            return replace(old, filter=replace(old.filter, tokens=change(old.filter.tokens)))

        await change_endpoint(endpoint.id, changed, app_id=None, desk=self.services.desk)

    async def _name(self, endpoint: EndpointRecord) -> str:
        async with self.services.store.read() as tx:
            app = await find_app(tx, endpoint.app_id)
        return "an app" if app is None else literal(app.name)


def commands(services: Services) -> list[Command]:
    """None: these are pressed alone."""
    del services
    return []


def presses(services: Services) -> Mapping[Verb, Press]:
    """All of them. Whoever may read may show; the rest is the chat's to choose."""
    desk = AlertDesk(services)
    return {
        Verb.MUTE: Press(desk.mute, changes=True),
        Verb.UNMUTE: Press(desk.unmute, changes=True),
        Verb.EDIT: Press(desk.edit, changes=True),
        Verb.STOP: Press(desk.stop, changes=True),
        Verb.KEEP: Press(desk.keep, changes=True),
        Verb.ALL: Press(desk.show_all),
    }


def _turning(event_id: str, page: int, pages: int) -> Rows:
    if pages == 1:
        return ()
    turns = [("‹", page - 1), (f"{page}/{pages}", page), ("›", page + 1)]
    return (
        tuple(
            Button(says, Wanted(Verb.ALL, f"{event_id}.{to}"))
            for says, to in turns
            if 1 <= to <= pages
        ),
    )
