"""`/mute`, `/pause` and `/resume` on Telegram: what a chat is not told of, and until when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from alerts.bootstrap import Services
from alerts.bots.chats import ChatDesk
from alerts.bots.following import as_followed
from alerts.bots.grades import tokens_of
from alerts.bots.meant import tokens_by, words_of
from alerts.bots.spans import FOREVER, Until, read_span, read_until
from alerts.bots.telegram_questions import ask, listed
from alerts.bots.telegram_says import Asked, Command, Press, Said
from alerts.bots.telegram_subjects import OLD, Shows, in_rows, label, labels, read_subject
from alerts.bots.watching import MOST_WATCHED
from alerts.bots.zones import UTC_NAME
from alerts.channels.telegram_buttons import Button, Verb, Wanted
from alerts.channels.telegram_markup import Line, bold, literal, moment, say, typed
from alerts.domain.deliveries import EndpointState
from alerts.domain.grades import TokenId
from alerts.domain.tokens import short_id
from alerts.pipeline.chat_life import pause_chat, resume_chat
from alerts.pipeline.sparing import mute, mutes_of, unmute
from alerts.store.mutes import Mute
from alerts.store.tokens import TokenRecord, find_short

DEFAULT_SPAN: Final = timedelta(hours=24)
# What a button says, and how long it mutes.
SPANS: Final = {"1h": "1 hour", "8h": "8 hours", "24h": "24 hours", "3d": "3 days", "7d": "7 days"}
# Muted tokens that have a line and a button; a chat has seldom more than a few.
_MOST_SHOWN: Final = 40
_EVERYTHING: Final = frozenset({"all", "everything"})
_FOREVER: Final = "forever"
_OFF: Final = "off"
_UNTOLD: Final = "What changes meanwhile is not told later; /why shows it."
_UNZONED: Final[Line] = [say("That is by UTC: /settings knows your time zone once you choose it.")]
_NOTHING: Final = "Nothing is told here yet: /subscribe BTC begins it."


@dataclass(frozen=True, slots=True)
class MuteDesk:
    """What chats have muted."""

    services: Services

    async def tell(self, asked: Asked) -> Said:
        """What was typed. Raises InvalidInput for a time that cannot be meant."""
        every = await ChatDesk(self.services).every(asked.chat)
        if not every:
            return Said(lines=[[say(_NOTHING)]])
        if not asked.words:
            return await self._shown(asked)
        if asked.words[-1].casefold() == _OFF:
            return await self._unmute(asked, words_of(asked.words[:-1]))
        zone = next((each.time_zone for each in every if each.time_zone is not None), None)
        until = read_until(asked.words, self.services.clock.now(), zone or UTC_NAME)
        unzoned = [_UNZONED] if until.is_local and zone is None else []
        words = words_of(until.words)
        if not words or _is_everything(words):
            done = await self._mute_all(asked, until)
            return replace(done, lines=[*done.lines, *unzoned])
        named = await tokens_by(words[:MOST_WATCHED], services=self.services)
        meant = [as_followed(each, every) for each in named]
        tokens = [one for each in meant if (one := each.one) is not None]
        done = await self._mute(asked, tokens, until) if tokens else Said()
        unclear = [each for each in meant if each.one is None]
        shows = Shows.MORE if tokens else Shows.ANSWER
        questions = await ask(unclear, Verb.LONG, shows, services=self.services)
        return Said(
            lines=[*done.lines, *unzoned, *questions.lines],
            buttons=(*done.buttons, *questions.buttons),
        )

    async def unmute(self, asked: Asked) -> Said:
        """`/unmute`: the end of a mute, as `/mute … off` is; alone, of which."""
        if not asked.words or not await ChatDesk(self.services).every(asked.chat):
            return await self.tell(replace(asked, words=()))
        return await self._unmute(asked, words_of(asked.words))

    async def _unmute(self, asked: Asked, words: Sequence[str]) -> Said:
        """End the mutes of what is named: of a symbol, those of all tokens that bear it."""
        if not words or _is_everything(words):
            await unmute(asked.chat.kept, desk=self.services.desk)
            return await self._shown(asked)
        meant = await tokens_by(words[:MOST_WATCHED], services=self.services)
        for token in (one for each in meant if each.is_known for one in each.tokens):
            await unmute(asked.chat.kept, token=token.id, desk=self.services.desk)
        shown = await self._shown(asked)
        unknown = [literal(each.word) for each in meant if not each.is_known]
        lines: list[Line] = [[say(f"I know no token {listed(unknown)}.")]] if unknown else []
        return replace(shown, lines=[*lines, *shown.lines])

    async def press(self, asked: Asked) -> Said:
        """Mute, or unmute, a token or everything, and show what is muted then."""
        subject = "" if asked.wanted is None else asked.wanted.subject
        said, _, short = subject.partition(".")
        token = None
        if short:
            async with self.services.store.read() as tx:
                found = await find_short(tx, short)
            if found is None:
                return OLD
            token = found.id
        address, desk = asked.chat.kept, self.services.desk
        if said == _OFF:
            await unmute(address, token=token, desk=desk)
        elif said == _FOREVER:
            await mute(address, FOREVER, token=token, desk=desk)
        elif (span := read_span(said)) is not None:
            await mute(address, self.services.clock.now() + span, token=token, desk=desk)
        return await self._shown(asked)

    async def press_token(self, asked: Asked) -> Said:
        """A token was chosen: for how long?"""
        subject = await read_subject(asked, self.services)
        if subject is None:
            return OLD
        token = subject.token
        buttons = (
            *in_rows([_button(says, span, token.id) for span, says in SPANS.items()], wide=3),
            (_button("Until I unmute it", _FOREVER, token.id),),
        )
        lines: list[Line] = [
            [bold(f"🔕 Mute {literal(token.symbol)} for how long?")],
            [say(_UNTOLD)],
        ]
        return Said(lines=lines, buttons=buttons, is_new=subject.shows is not Shows.ANSWER)

    async def _shown(self, asked: Asked) -> Said:
        """What is muted, with what ends it, and what mutes everything."""
        muted = await mutes_of(asked.chat.kept, desk=self.services.desk)
        named = [each.token for each in muted if each.token is not None]
        known = {one.id: one for one in await tokens_of(named, services=self.services)}
        symbols = dict(zip(known, labels(list(known.values())), strict=True))
        is_all = any(each.token is None for each in muted)
        lines: list[Line] = [[bold("🔕 Muted" if muted else "🔔 Nothing is muted")]]
        lines += [_line(each, symbols) for each in muted[:_MOST_SHOWN]]
        if muted:
            lines.append([say(_UNTOLD)])
        lines.append([say("To mute a token, type "), typed("/mute BTC 3d")])
        lines.append([say("or "), typed("/mute BTC until monday")])
        ends = [
            _button(f"🔔 Unmute {_called(each, symbols)}", _OFF, each.token)
            for each in muted[:_MOST_SHOWN]
        ]
        presets = [_button(f"🔕 All {span}", span, None) for span in ("1h", "8h", "24h")]
        return Said(lines=lines, buttons=(*in_rows(ends, wide=2), *(() if is_all else (presets,))))

    async def _mute(self, asked: Asked, tokens: Sequence[TokenRecord], until: Until) -> Said:
        ends = until.at or self.services.clock.now() + DEFAULT_SPAN
        for token in tokens:
            await mute(asked.chat.kept, ends, token=token.id, desk=self.services.desk)
        names = listed([literal(each.symbol) for each in tokens])
        is_are = "is" if len(tokens) == 1 else "are"
        lines: list[Line] = [
            [bold(f"🔕 {names} {is_are} muted "), *lasting(ends)],
            [say(_UNTOLD)],
        ]
        shown = tokens[:_MOST_SHOWN]
        buttons = [_button(f"🔔 Unmute {label(each)}", _OFF, each.id) for each in shown]
        return Said(lines=lines, buttons=in_rows(buttons, wide=2))

    async def _mute_all(self, asked: Asked, until: Until) -> Said:
        ends = until.at or self.services.clock.now() + DEFAULT_SPAN
        await mute(asked.chat.kept, ends, desk=self.services.desk)
        lines: list[Line] = [
            [bold("🔕 Everything is muted "), *lasting(ends)],
            [say("The weekly summary, too. "), say(_UNTOLD)],
        ]
        return Said(lines=lines, buttons=((_button("🔔 Unmute", _OFF, None),),))


@dataclass(frozen=True, slots=True)
class PauseDesk:
    """Chats that are told nothing until they ask for it."""

    services: Services

    async def pause(self, asked: Asked) -> Said:
        """Tell nothing until it is resumed."""
        chats = ChatDesk(self.services)
        if not await chats.every(asked.chat):
            return Said(lines=[[say(_NOTHING)]])
        # Of its own, by which an app is told that it is not the app's to end.
        await chats.ensure(asked.chat, asked.title)
        await pause_chat(asked.chat.kept, desk=self.services.desk)
        lines: list[Line] = [[bold("⏸ Paused: nothing comes until /resume.")], [say(_UNTOLD)]]
        return Said(lines=lines, buttons=((RESUME,),))

    async def resume(self, asked: Asked) -> Said:
        """Go on from now; and say what still keeps it quiet."""
        was_active = all(
            each.state is EndpointState.ACTIVE
            for each in await ChatDesk(self.services).every(asked.chat)
        )
        every = await resume_chat(asked.chat.kept, desk=self.services.desk)
        if not every:
            return Said(lines=[[say(_NOTHING)]])
        muted = await mutes_of(asked.chat.kept, desk=self.services.desk)
        lines: list[Line] = [[bold("▶️ It goes on: what changes from now on is told.")]]
        if was_active:
            lines = [[bold("▶️ It was not paused: what changes is told.")]]
        else:
            lines.append([say("What changed meanwhile is not; /why shows it.")])
        for each in muted:
            if each.token is None:
                lines.append([say("But everything is muted "), *lasting(each.until), say(".")])
                return Said(lines=lines, buttons=((_button("🔔 Unmute", _OFF, None),),))
        return Said(lines=lines)


def _is_everything(words: Sequence[str]) -> bool:
    """Whether what was typed means all tokens."""
    return len(words) == 1 and words[0].casefold() in _EVERYTHING


RESUME: Final = Button("▶️ Resume", Wanted(Verb.RESUME))


def lasting(until: datetime) -> Line:
    """Until when; of what has no end of its own, who ends it."""
    return [say("until you unmute it")] if until >= FOREVER else [say("until "), moment(until)]


def unmute_button(symbol: str, token: TokenId | None) -> Button:
    """What ends a mute. token: None is that of everything."""
    return _button(f"🔔 Unmute {symbol}".strip(), _OFF, token)


def commands(services: Services) -> list[Command]:
    """/mute, /pause and /resume."""
    mutes, pauses = MuteDesk(services), PauseDesk(services)
    return [
        Command("mute", "Be told nothing of a token for a while.", mutes.tell, changes=True),
        Command(
            "unmute", "Be told again of what is muted, such as BTC.", mutes.unmute, changes=True
        ),
        Command("pause", "Be told nothing until /resume.", pauses.pause, changes=True),
        Command("resume", "Be told again, from now on.", pauses.resume, changes=True),
    ]


def presses(services: Services) -> Mapping[Verb, Press]:
    """The same, by buttons."""
    mutes, pauses = MuteDesk(services), PauseDesk(services)
    return {
        Verb.MUTES: Press(mutes.press, changes=True),
        Verb.LONG: Press(mutes.press_token, changes=True),
        Verb.PAUSE: Press(pauses.pause, changes=True),
        Verb.RESUME: Press(pauses.resume, changes=True),
    }


def _button(says: str, span: str, token: TokenId | None) -> Button:
    subject = span if token is None else f"{span}.{short_id(token)}"
    return Button(says, Wanted(Verb.MUTES, subject))


def _called(each: Mute, symbols: Mapping[TokenId, str]) -> str:
    return "everything" if each.token is None else symbols.get(each.token, "?")


def _line(each: Mute, symbols: Mapping[TokenId, str]) -> Line:
    name = "Everything" if each.token is None else literal(_called(each, symbols))
    return [bold(name), say(" "), *lasting(each.until)]
