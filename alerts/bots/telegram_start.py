"""/start: what a chat with our bot begins with, and goes on with after a break."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from alerts.bootstrap import Services
from alerts.bots.chats import ChatDesk
from alerts.bots.following import follows, follows_all
from alerts.bots.grades import big_tokens
from alerts.bots.telegram_follow import Follow
from alerts.bots.telegram_list import who
from alerts.bots.telegram_questions import listed
from alerts.bots.telegram_says import Asked, Command, Press, Said
from alerts.bots.telegram_subjects import Shows, in_rows, labels, token_button
from alerts.channels.telegram_buttons import Rows, Verb
from alerts.channels.telegram_markup import Line, bold, italic, literal, say
from alerts.channels.telegram_payloads import payload_token
from alerts.channels.wording import condition_words, counted, reach_words, threshold_words
from alerts.domain.deliveries import DisableReason, EndpointState
from alerts.domain.events import EventType
from alerts.domain.ids import HOUSE_APP
from alerts.errors import Conflict
from alerts.pipeline.chats import CODE_PREFIX, open_link
from alerts.pipeline.places import Place, reopen_places
from alerts.store.apps import find_app
from alerts.store.endpoints import EndpointRecord
from alerts.store.tokens import TokenRecord, find_short, find_tokens

# What ends by the chat's own word that it is there.
REVIVED: Final = frozenset(
    {
        DisableReason.BLOCKED,
        DisableReason.GONE,
        DisableReason.REMOVED,
        DisableReason.NO_PERMISSION,
    }
)
# Tokens that a new chat may choose from, and that a message names of a link's.
MOST_OFFERED: Final = 6
MOST_NAMED: Final = 10
_A_ROW: Final = 3
_TYPES: Final = {
    EventType.UPGRADED: "upgrades",
    EventType.DOWNGRADED: "downgrades",
    EventType.MOVED: "moves within a band",
    EventType.INITIATED: "first grades",
    EventType.WITHDRAWN: "grades that end",
    EventType.REINSTATED: "grades that come back",
}
_WHAT: Final = "I tell you when the grade of a crypto token changes, within seconds."
_HOW: Final = "Choose one here, or write its symbol: /subscribe BTC ETH"
_MORE: Final = "Grades are a model's output, not financial advice. /help says what else I do."
_OLD_LINK: Final = (
    "This link does not work any more: it works once, for ten minutes. Ask for a new one where you "
    "had it from."
)
_GOES_ON: Final = "What you are told here already goes on."


@dataclass(frozen=True, slots=True)
class StartDesk:
    """Begins and revives chats."""

    services: Services

    async def start(self, asked: Asked) -> Said:
        """Greet, or do what the link is for that led here."""
        payload = asked.words[0] if asked.words else ""
        revived = await revive(asked, self.services)
        if payload.startswith(CODE_PREFIX):
            return await self._open(payload, asked)
        if subject := payload_token(payload):
            async with self.services.store.read() as tx:
                token = await find_short(tx, subject)
            if token is not None:
                return await Follow(self.services).subscribe(replace(asked, words=(token.id,)))
        endpoint = await ChatDesk(self.services).ensure(asked.chat, asked.title)
        if follows(endpoint) or follows_all(endpoint):
            return Said(lines=_welcome_back(asked, endpoint, revived))
        return await self._greet()

    async def _greet(self) -> Said:
        offered = await big_tokens(most=MOST_OFFERED, services=self.services)
        return Said(
            lines=([bold("Gradebell")], [say(_WHAT)], [], [say(_HOW)], [], [italic(_MORE)]),
            buttons=_choices(offered),
        )

    async def _open(self, code: str, asked: Asked) -> Said:
        chat = asked.chat
        try:
            opened = await open_link(
                code, chat.kept, most_rate=chat.most_rate, desk=self.services.desk
            )
        except Conflict:
            return Said(hint="Whoever gave you this link tells you here already; nothing changed.")
        if opened is None:
            # It may have worked a moment ago, in a process that could not confirm it any more.
            told = await ChatDesk(self.services).every(chat)
            is_told = any(each.app_id != HOUSE_APP for each in told)
            return Said(hint=f"{_OLD_LINK} {_GOES_ON}" if is_told else _OLD_LINK)
        async with self.services.store.read() as tx:
            app = await find_app(tx, opened.app_id)
            named = (opened.filter.tokens or ())[:MOST_NAMED]
            found = await find_tokens(tx, named)
        whose = "Gradebell" if app is None or app.id == HOUSE_APP else literal(app.name)
        symbols = [literal(found[each].symbol) if each in found else each for each in named]
        lines: list[Line] = [
            [say("Done. Here you are told by "), bold(whose), say(":")],
            *([say(f"• {each}")] for each in _told(opened, symbols)),
            [],
            [say("/pause stops it for a while, /stop for good. /help says what else I do.")],
        ]
        return Said(lines=lines)


async def revive(asked: Asked, services: Services) -> list[EndpointRecord]:
    """Go on telling a chat that was lost to us: it speaks. All of its endpoints."""
    found = await ChatDesk(services).every(asked.chat)
    places = [Place(asked.chat.kept, each) for each in found]
    return await reopen_places(places, REVIVED, desk=services.desk)


def commands(services: Services) -> list[Command]:
    """/start."""
    start = StartDesk(services).start
    return [Command("start", "Begin, or go on after a break.", start, changes=True)]


def presses(_services: Services) -> Mapping[Verb, Press]:
    """None of its own."""
    return {}


def _choices(tokens: Sequence[TokenRecord]) -> Rows:
    pairs = zip(tokens, labels(tokens), strict=True)
    buttons = [token_button(Verb.FOLLOW, says, each.id, shows=Shows.MORE) for each, says in pairs]
    return in_rows(buttons, wide=_A_ROW)


def _welcome_back(
    asked: Asked, endpoint: EndpointRecord, revived: Sequence[EndpointRecord]
) -> list[Line]:
    many = len(follows(endpoint))
    followed = "all tokens" if follows_all(endpoint) else counted(many, "token")
    lines: list[Line] = [[bold("Welcome back."), say(f" {who(asked)} {followed}: /list")]]
    if revived:
        lines.append([say("I tell again what was asked for here.")])
    if endpoint.state is EndpointState.PAUSED:
        lines.append([say("It is paused: /resume goes on.")])
    elif endpoint.state is EndpointState.DISABLED:
        lines.append([say("I could not write here for long, and stopped: /resume goes on.")])
    return lines


def _told(endpoint: EndpointRecord, symbols: Sequence[str]) -> list[str]:
    """What a link's app tells, in plain words."""
    wanted = endpoint.filter
    types = [word for each, word in _TYPES.items() if each in wanted.types]
    kinds = " and ".join(sorted(kind.value for kind in wanted.kinds))
    of = "all tokens" if wanted.tokens is None else ", ".join(symbols)
    rest = len(wanted.tokens or ()) - len(symbols)
    more = f" and {rest:,} more" if rest > 0 else ""
    told = [f"{listed(types, most=len(types))} of {of}{more} ({kinds} grades)"] if types else []
    told += [f"scores crossed: {threshold_words(each)}" for each in wanted.thresholds]
    told += [f"moves over days: {reach_words(each)}" for each in wanted.windows]
    if told and wanted.given:
        told[-1] += f", while {' and '.join(map(condition_words, wanted.given))}"
    if endpoint.digest is not None:
        told.append("what a week has changed, once a week")
    return told
