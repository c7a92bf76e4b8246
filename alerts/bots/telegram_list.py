"""`/list` on Telegram: what a chat follows, in one message whose pages are turned in place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.bootstrap import Services
from alerts.bots.chats import ChatDesk
from alerts.bots.following import follows, follows_all
from alerts.bots.grades import big_tokens, grades_of, tokens_of
from alerts.bots.telegram_grades import table_lines
from alerts.bots.telegram_mutes import RESUME, lasting
from alerts.bots.telegram_questions import listed
from alerts.bots.telegram_says import Asked, Said
from alerts.bots.telegram_subjects import Shows, in_rows, labels, token_button
from alerts.channels.telegram_address import TelegramChat
from alerts.channels.telegram_buttons import Button, Rows, Verb, Wanted
from alerts.channels.telegram_markup import Line, bold, literal, say
from alerts.channels.wording import counted
from alerts.domain.deliveries import EndpointState
from alerts.domain.grades import TokenId
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.sparing import mutes_of
from alerts.store.apps import find_app
from alerts.store.endpoints import EndpointRecord
from alerts.store.tokens import TokenRecord, fold

PAGE: Final = 8
BIG_TOKENS: Final = 6
MUTED: Final = "🔕"
_WIDE: Final = 4
_PAUSE: Final = Button("⏸ Pause all", Wanted(Verb.PAUSE))
_SETTINGS: Final = Button("⚙️ Settings", Wanted(Verb.SET, "main"))
_ADD: Final = Button("➕ Add", Wanted(Verb.ADD))  # noqa: RUF001 - a sign, not a letter.


@dataclass(frozen=True, slots=True)
class Lists:
    """What chats follow, as they see it."""

    services: Services

    async def page(self, asked: Asked, number: int, *, hint: str = "") -> Said:
        """One page of it; the last one where there are fewer."""
        desk = ChatDesk(self.services)
        endpoint = await desk.find(asked.chat)
        others = [each for each in await desk.every(asked.chat) if each.app_id != HOUSE_APP]
        ending = await self._others(others)
        tokens = await self.followed(endpoint)
        if endpoint is None or not tokens:
            return await self._none(asked, endpoint, ending, hint=hint)
        pages = -(-len(tokens) // PAGE)
        number = min(max(number, 1), pages)
        here = tokens[(number - 1) * PAGE : number * PAGE]
        names = dict(zip([token.id for token in tokens], labels(tokens), strict=True))
        graded = await grades_of(here, services=self.services)
        muted = await muted_until(asked.chat, services=self.services)
        lines = [
            [bold(f"{who(asked)} {counted(len(tokens), 'token')}"), say(_quiet(endpoint))],
            *_state(endpoint),
            *table_lines(graded, endpoint.filter.kinds, self.services.ladder.policies),
            *mute_lines(here, muted),
            *ending,
        ]
        cards = [
            token_button(
                Verb.CARD,
                f"{names[each.id]} {MUTED}" if each.id in muted else names[each.id],
                each.id,
                shows=Shows.CARD,
                page=number,
            )
            for each in here
        ]
        rows = (*in_rows(cards, wide=_WIDE), *_pager(number, pages), _bottom(endpoint))
        return Said(lines=lines, buttons=rows, hint=hint)

    async def followed(self, endpoint: EndpointRecord | None) -> list[TokenRecord]:
        """The tokens that an endpoint names, by symbol."""
        found = await tokens_of(follows(endpoint), services=self.services)
        return sorted(found, key=lambda token: (fold(token.symbol), token.id))

    async def big_buttons(self, verb: Verb = Verb.FOLLOW) -> Rows:
        """Some tokens to begin with. verb: what is done with the one that is pressed."""
        tokens = await big_tokens(most=BIG_TOKENS, services=self.services)
        pairs = zip(tokens, labels(tokens), strict=True)
        buttons = [token_button(verb, name, each.id, shows=Shows.MORE) for each, name in pairs]
        return in_rows(buttons, wide=_WIDE - 1)

    async def _none(
        self, asked: Asked, endpoint: EndpointRecord | None, ending: Sequence[Line], *, hint: str
    ) -> Said:
        if follows_all(endpoint):
            said = [bold(f"{who(asked)} all tokens")]
            return Said(lines=[said, *ending], hint=hint)
        lines: list[Line] = [
            [bold(f"{who(asked)} no tokens yet")],
            *ending,
            [say("Write /subscribe and a symbol, such as /subscribe BTC, or press one:")],
        ]
        return Said(lines=lines, buttons=await self.big_buttons(), hint=hint)

    async def _others(self, endpoints: Sequence[EndpointRecord]) -> list[Line]:
        """Who else tells this chat of grades, by a link that was opened here."""
        if not endpoints:
            return []
        async with self.services.store.read() as tx:
            apps = [await find_app(tx, each.app_id) for each in endpoints]
        names = [literal(app.name) for app in apps if app is not None]
        return [[say(f"Told here by apps as well: {listed(names)}.")]] if names else []


async def muted_until(chat: TelegramChat, *, services: Services) -> dict[TokenId | None, datetime]:
    """What a chat has muted, and until when; None is everything."""
    return {each.token: each.until for each in await mutes_of(chat.kept, desk=services.desk)}


def who(asked: Asked) -> str:
    """Whose list it is."""
    return "You follow" if asked.is_private else "This chat follows"


def _quiet(endpoint: EndpointRecord) -> str:
    hours = endpoint.quiet_hours
    return "" if hours is None else f" · quiet {hours.shown} {endpoint.time_zone}"


def mute_lines(
    tokens: Sequence[TokenRecord], muted: Mapping[TokenId | None, datetime]
) -> list[Line]:
    """Of what of these nothing is told just now."""
    named = [(literal(token.symbol), muted.get(token.id)) for token in tokens]
    return [
        [say(f"{MUTED} {name} is muted "), *lasting(until)]
        for name, until in [("Everything", muted.get(None)), *named]
        if until is not None
    ]


def _state(endpoint: EndpointRecord) -> list[Line]:
    """Why nothing is told, where nothing is."""
    if endpoint.state is EndpointState.PAUSED:
        return [[say("⏸ Paused: nothing is told here until /resume.")]]
    if endpoint.state is EndpointState.DISABLED:
        return [[say("Out of service; /subscribe or /start begins again.")]]
    return []


def _bottom(endpoint: EndpointRecord) -> tuple[Button, ...]:
    is_active = endpoint.state is EndpointState.ACTIVE
    return _ADD, _PAUSE if is_active else RESUME, _SETTINGS


def _pager(number: int, pages: int) -> Rows:
    if pages == 1:
        return ()

    def to(page: int, says: str) -> Button:
        return Button(says, Wanted(Verb.LIST, str((page - 1) % pages + 1)))

    return ((to(number - 1, "‹"), to(number, f"{number}/{pages}"), to(number + 1, "›")),)
