"""`/why` on Telegram: what a chat was told and what not, and what would mend it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerts.bootstrap import Services
from alerts.bots import telegram_reasons as reasons
from alerts.bots import why
from alerts.bots.chats import ChatDesk
from alerts.bots.following import as_followed, is_followed
from alerts.bots.meant import tokens_by, words_of
from alerts.bots.telegram_mutes import RESUME, lasting, unmute_button
from alerts.bots.telegram_questions import which
from alerts.bots.telegram_reasons import TOLD, UNTOLD, became, is_quiet, mark
from alerts.bots.telegram_says import Asked, Command, Press, Said
from alerts.bots.telegram_subjects import OLD, label, read_subject, token_button
from alerts.channels.telegram_buttons import Button, Rows, Verb, Wanted
from alerts.channels.telegram_markup import Line, bold, literal, moment, say, typed
from alerts.channels.telegram_messages import headline
from alerts.domain.deliveries import EndpointState
from alerts.domain.events import EventType
from alerts.domain.ids import HOUSE_APP
from alerts.domain.quiet import quiet_until
from alerts.domain.subscriptions import Miss
from alerts.pipeline.sparing import mutes_of
from alerts.store.apps import find_app
from alerts.store.endpoints import EndpointRecord
from alerts.store.events import EventRecord
from alerts.store.mutes import Mute
from alerts.store.tokens import TokenRecord

MOST_TOLD: Final = 10
_NOTHING: Final = "Nothing is told here yet: /subscribe BTC begins it."
_NAMES: Final = {
    EventType.UPGRADED: "upgraded",
    EventType.DOWNGRADED: "downgraded",
    EventType.MOVED: "moved within its band",
    EventType.CROSSED: "crossed a score that was named",
    EventType.ROSE: "rose as far as was named",
    EventType.FELL: "fell as far as was named",
    EventType.INITIATED: "graded for the first time",
    EventType.WITHDRAWN: "no longer graded",
    EventType.REINSTATED: "graded again",
    EventType.RESTATED: "corrected",
    EventType.REBASED: "Bands were changed",
    EventType.DIGEST_WEEKLY: "Weekly summary",
    EventType.ENDPOINT_TEST: "Test",
}
# As far in as what stands behind a sign.
_UNDER: Final = "      "
_QUIET_WEEK: Final = "nothing changed in that week"
_STANDING: Final[Mapping[EndpointState, Line]] = {
    EndpointState.PAUSED: [say("⏸ Just now this chat is paused: nothing comes.")],
    EndpointState.DISABLED: [say("⛔ I stopped, for I could not write here: nothing comes.")],
}
_SETTINGS: Final = Button("⚙️ Settings", Wanted(Verb.EDIT))
# What another choice in the settings would mend.
_CHOSEN: Final = frozenset(
    {
        Miss.KIND,
        Miss.TYPE,
        Miss.MIN_NOTCHES,
        Miss.MIN_DELTA,
        Miss.THRESHOLD,
        Miss.WINDOW,
        Miss.OTHER_GRADE,
        Miss.OTHER_UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class WhyDesk:
    """Why chats were told, or not."""

    services: Services

    async def tell(self, asked: Asked) -> Said:
        """Of what happened lately, or of the last change of a token."""
        words = words_of(asked.words)
        if not words:
            return await self._lately(asked)
        (named, *_) = await tokens_by(words, services=self.services)
        meant = as_followed(named, await ChatDesk(self.services).every(asked.chat))
        if meant.one is None:
            return await which(meant, Verb.WHY, services=self.services)
        return await self._of(asked, meant.one)

    async def press(self, asked: Asked) -> Said:
        """Of the token that was chosen."""
        subject = await read_subject(asked, self.services)
        return OLD if subject is None else await self._of(asked, subject.token)

    async def _lately(self, asked: Asked) -> Said:
        every = await ChatDesk(self.services).every(asked.chat)
        if not every:
            return Said(lines=[[say(_NOTHING)]])
        found = []
        for endpoint in every:
            through = await self._through(endpoint)
            told = await why.told_lately(endpoint, most=MOST_TOLD, services=self.services)
            found += [(each, endpoint, through) for each in told]
        found.sort(key=lambda each: each[0].at, reverse=True)
        lines = [line for each in found[:MOST_TOLD] for line in _lines(*each)]
        title = "What happened here lately" if lines else "Nothing happened here so far."
        standing, buttons = await self._standing(asked, every, None)
        if not lines:
            lines = [[say("I tell you of a token's next change: /list shows which are followed.")]]
        return Said(lines=[[bold(title)], *standing, *lines], buttons=buttons)

    async def _of(self, asked: Asked, token: TokenRecord) -> Said:
        """What became of a token's last change of band here, and of what a rule is of."""
        every = await ChatDesk(self.services).every(asked.chat)
        events = await why.last_changes(token.id, every, services=self.services)
        follow = () if any(is_followed(token.id, each) for each in every) else (_follow(token),)
        standing, buttons = await self._standing(asked, every, token)
        symbol = literal(token.symbol)
        if not events:
            lines: list[Line] = [[bold(f"{symbol} was neither upgraded nor downgraded so far.")]]
            if follow:
                lines.append([say("It is not followed here.")])
            return Said(lines=[*lines, *standing], buttons=(*_row(follow), *buttons))
        lines, mends = [], []
        for event in events:
            lines += [[bold(headline(event.body))], _when(event)]
            fates = {each.id: await self._fate(event, each) for each in every}
            lines += await self._became(every, fates)
            if any(map(_is_chosen, fates.values())):
                mends = [_SETTINGS]
        if not every:
            lines.append([say(f"{UNTOLD} Not told: no token is followed here.")])
        return Said(lines=[*lines, *standing], buttons=(*_row([*follow, *mends]), *buttons))

    async def _fate(self, event: EventRecord, endpoint: EndpointRecord) -> why.Fate:
        return await why.fate_of(event, endpoint, services=self.services)

    async def _became(
        self, every: Sequence[EndpointRecord], fates: Mapping[str, why.Fate]
    ) -> list[Line]:
        """A line for each endpoint; of those that do not follow it, where any other does, none."""
        told = [each for each in every if fates[each.id].miss is not Miss.TOKEN] or every[:1]
        lines: list[Line] = []
        for each in told:
            fate, through = fates[each.id], await self._through(each)
            first, *rest = became(fate, each)
            said = f"{first.text[:1].upper()}{first.text[1:]}"
            lines.append([say(f"{mark(fate)} {through}{said}"), *rest])
            if is_quiet(fate):
                lines.append([say("For other hours, type")])
                lines.append([typed("/settings quiet 22:30-06:30")])
        return lines

    async def _standing(
        self, asked: Asked, every: Sequence[EndpointRecord], token: TokenRecord | None
    ) -> tuple[list[Line], Rows]:
        """What keeps this chat quiet just now, and the buttons that end it. token: or only that."""
        states = {each.state for each in every}
        lines: list[Line] = [line for state, line in _STANDING.items() if state in states]
        buttons = [RESUME] if lines else []
        lines += _quiet_now(every, self.services.clock.now())
        for each in await mutes_of(asked.chat.kept, desk=self.services.desk):
            if each.token is None:
                lines.append([say("🔕 Everything is muted "), *lasting(each.until)])
                buttons.append(unmute_button("everything", None))
            elif token is not None and each.token == token.id:
                lines.append(_muted(token, each))
                buttons.append(unmute_button(label(token), token.id))
        return lines, _row(buttons)

    async def _through(self, endpoint: EndpointRecord) -> str:
        """The app that tells this chat; nothing of what the chat set up itself."""
        if endpoint.app_id == HOUSE_APP:
            return ""
        async with self.services.store.read() as tx:
            app = await find_app(tx, endpoint.app_id)
        return "" if app is None else f"{literal(app.name)}: "


def commands(services: Services) -> list[Command]:
    """/why."""
    about = "What was told here lately, what not, and why; or /why BTC."
    return [Command("why", about, WhyDesk(services).tell)]


def presses(services: Services) -> Mapping[Verb, Press]:
    """Of a token among several of its name."""
    return {Verb.WHY: Press(WhyDesk(services).press)}


def _lines(told: why.Told, endpoint: EndpointRecord, through: str) -> list[Line]:
    """What happened; and when, and why it was not told where it was not."""
    is_week = told.fate.delivery is None
    sign = UNTOLD if is_week else mark(told.fate)
    name = _NAMES.get(told.event_type, "News of the service")
    called = "" if told.token is None else f"{literal(told.token.symbol)} "
    kind = "" if told.kind is None or told.token is None else f" ({told.kind.value})"
    when: Line = [say(_UNDER), moment(told.at)]
    if is_week:
        when = [*when, say(f" · {_QUIET_WEEK}")]
    elif sign != TOLD:
        when = [*when, say(" · "), *reasons.why(told.fate, endpoint)]
    return [[say(f"{sign} {through}"), bold(f"{called}{name}"), say(kind)], when]


def _quiet_now(every: Sequence[EndpointRecord], now: datetime) -> list[Line]:
    """Quiet hours are the chat's, and so the same for all."""
    for each in every:
        if each.quiet_hours is not None and each.time_zone is not None:
            until = quiet_until(each.quiet_hours, each.time_zone, now)
            if until is not None:
                local = until.astimezone(ZoneInfo(each.time_zone))
                return [[say(f"🌙 Quiet hours just now: what changes comes at {local:%H:%M}.")]]
    return []


def _when(event: EventRecord) -> Line:
    kind = "" if event.kind is None else f"{event.kind.value.capitalize()} grade, "
    return [say(kind), moment(event.recorded_at)]


def _muted(token: TokenRecord, muted: Mute) -> Line:
    return [say(f"🔕 {literal(token.symbol)} is muted "), *lasting(muted.until)]


def _is_chosen(fate: why.Fate) -> bool:
    return fate.miss in _CHOSEN


def _follow(token: TokenRecord) -> Button:
    return token_button(Verb.FOLLOW, f"🔔 Follow {label(token)}", token.id)


def _row(buttons: Sequence[Button]) -> Rows:
    return (tuple(buttons),) if buttons else ()
