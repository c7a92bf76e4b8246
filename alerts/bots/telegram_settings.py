"""`/settings` on Telegram: one message, edited in place, in which everything is chosen.

Grades, changes and the weekly summary are those of what a chat set up itself. Its zone and its
quiet hours are of the chat, and so of all endpoints that it is.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from alerts.bootstrap import Services
from alerts.bots import digests
from alerts.bots import telegram_settings_rules as rules
from alerts.bots import telegram_settings_screens as screens
from alerts.bots import telegram_settings_windows as windows
from alerts.bots.chats import ChatDesk
from alerts.bots.spans import read_hours
from alerts.bots.telegram_says import Asked, Command, Press, Said
from alerts.bots.zones import find_zones
from alerts.channels.telegram_buttons import Verb
from alerts.domain.deliveries import Channel, EndpointState
from alerts.domain.events import BAND_CHANGES, EventType
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Filter
from alerts.domain.weeks import Schedule
from alerts.pipeline.endpoints import change_endpoint
from alerts.pipeline.sparing import set_quiet_hours, set_time_zone
from alerts.store.endpoints import EndpointRecord

DEFAULT_WEEK: Final = (1, 9)
_HOURS_OF_A_DAY: Final = range(24)
_DAYS_OF_A_WEEK: Final = range(1, 8)
_HOUR: Final = re.compile(r"(\d{1,2})(?::00)?")
Reader = Callable[[Filter, str], rules.Ruling]
_NEEDS_ZONE: Final = "For that I have to know your time zone."


class SettingsDesk:
    """The settings of chats."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._chats = ChatDesk(services)
        self._digests = digests.DigestDesk(services, Channel.TELEGRAM)
        self._choices: Mapping[str, Callable[[Asked, str], Awaitable[Said]]] = {
            "grades": self._grades,
            "changes": self._changes,
            "moves": self._moves,
            "size": self._size,
            "points": self._points,
            "rules": self._rules,
            "score": partial(self._ruled, read=rules.score_ruling),
            "while": partial(self._ruled, read=rules.while_ruling),
            "windows": self._windows,
            "move": partial(self._ruled, read=windows.move_ruling),
            "zones": self._zones,
            "zone": self._zone,
            "quiet": self._quiet,
            "week": self._week,
        }

    async def tell(self, asked: Asked) -> Said:
        """What was typed; what cannot be read is said where it is chosen by buttons."""
        if not asked.words:
            return screens.main(await self._chosen(asked))
        # As people say it, and as it is written at a terminal: trader above 85.
        kind = [word for word in asked.words[:1] if word.casefold() in rules.KINDS]
        words = [*asked.words[len(kind) :], *kind]
        name, value = words[0].casefold(), " ".join(words[1:])
        if name in _SCREENS and not value:
            return await self._screen(asked, name)
        if name in _READERS:
            text = value if name == "while" else f"{name} {value}"
            return await self._ruled(asked, text, read=_READERS[name])
        typed = {"zone": self._find_zone, "quiet": self._quiet, "week": self._typed_week}
        if name in typed:
            return await typed[name](asked, value)
        return screens.main(await self._chosen(asked))

    async def press(self, asked: Asked) -> Said:
        """A button of ours; one that we do not know shows what there is now."""
        subject = "" if asked.wanted is None else asked.wanted.subject
        name, is_choice, value = subject.partition(".")
        if not is_choice:
            return await self._screen(asked, name)
        if name not in self._choices:
            return await self._screen(asked, "main")
        return await self._choices[name](asked, value)

    async def _screen(self, asked: Asked, name: str) -> Said:
        chosen = await self._chosen(asked)
        if name in {"quiet", "week"} and chosen.time_zone is None:
            return screens.zone(chosen, why=_NEEDS_ZONE)
        return _SCREENS.get(name, screens.main)(chosen)

    async def _grades(self, asked: Asked, value: str) -> Said:
        kinds, _ = screens.GRADES.get(value, screens.GRADES["both"])
        return await self._filtered(asked, lambda old: replace(old, kinds=kinds))

    async def _changes(self, asked: Asked, value: str) -> Said:
        types, _ = screens.DIRECTIONS.get(value, screens.DIRECTIONS["both"])
        return await self._filtered(
            asked, lambda old: replace(old, types=(old.types - BAND_CHANGES) | types)
        )

    async def _moves(self, asked: Asked, value: str) -> Said:
        def change(old: Filter) -> Filter:
            if value == "on":
                return replace(old, types=old.types | {EventType.MOVED})
            # Points hold every change back, so they go with what they were chosen for.
            return replace(old, types=old.types - {EventType.MOVED}, min_delta=0)

        return await self._filtered(asked, change, shows="changes")

    async def _size(self, asked: Asked, value: str) -> Said:
        bands = _number(value, screens.BANDS)
        return await self._filtered(asked, lambda old: replace(old, min_notches=bands))

    async def _points(self, asked: Asked, value: str) -> Said:
        size = _number(value, screens.POINTS) * 100
        return await self._filtered(asked, lambda old: replace(old, min_delta=size))

    async def _rules(self, asked: Asked, value: str) -> Said:
        wanted = (await self._chosen(asked)).wanted
        kinds = [kind for kind in Kind if kind.value == value]
        return rules.rules_of(wanted, kinds[0]) if kinds else rules.rules(wanted)

    async def _windows(self, asked: Asked, value: str) -> Said:
        return windows.screen(value, (await self._chosen(asked)).wanted)

    async def _ruled(self, asked: Asked, value: str, *, read: Reader) -> Said:
        """A rule as a button says it, or as it was typed."""
        ruling = read((await self._chosen(asked)).wanted, value)
        change = ruling.change
        if change is not None:
            await self._change_own(asked, lambda old: replace(old, filter=change(old.filter)))
        return ruling.shows((await self._chosen(asked)).wanted)

    async def _filtered(
        self, asked: Asked, change: Callable[[Filter], Filter], *, shows: str = "main"
    ) -> Said:
        """Change what is told; the weekly summary is of the same grades and sizes."""

        def changed(old: EndpointRecord) -> EndpointRecord:
            wanted = change(old.filter)
            return replace(old, filter=wanted, digest=_same(old.digest, wanted))

        await self._change_own(asked, changed)
        return await self._screen(asked, shows)

    async def _zones(self, asked: Asked, value: str) -> Said:
        region, _, page = value.partition(".")
        chosen = await self._chosen(asked)
        return screens.zones(chosen, region, int(page) if page.isdecimal() else 0)

    async def _find_zone(self, asked: Asked, typed: str) -> Said:
        found = find_zones(typed)
        if len(found) == 1:
            return await self._zone(asked, found[0])
        return screens.found_zones(await self._chosen(asked), typed, found)

    async def _zone(self, asked: Asked, name: str) -> Said:
        """Set the zone of the chat, and so when its summary comes."""
        if name not in find_zones(name):
            return await self._screen(asked, "zone")
        await self._chats.ensure(asked.chat, asked.title)
        await set_time_zone(asked.chat.kept, name, desk=self._services.desk)
        chosen = await self._chosen(asked)
        if chosen.quiet_hours is None:
            return screens.quiet(chosen, is_offered=True)
        return screens.main(chosen)

    async def _quiet(self, asked: Asked, value: str) -> Said:
        hours = read_hours(value)
        chosen = await self._chosen(asked)
        if hours is None and value.casefold() not in rules.OFF:
            return screens.quiet(chosen, unread=value)
        if hours is not None and chosen.time_zone is None:
            return screens.zone(chosen, why=_NEEDS_ZONE)
        await set_quiet_hours(asked.chat.kept, hours, desk=self._services.desk)
        return screens.main(await self._chosen(asked))

    async def _week(self, asked: Asked, value: str) -> Said:
        """A day, an hour, or none at all; what was not chosen yet is as most have it."""
        if value == screens.OFF:
            await self._change_own(asked, lambda old: replace(old, digest=None))
            return await self._screen(asked, "main")
        part, _, number = value.partition(".")
        if part == "day":
            return await self._summary(asked, weekday=_number(number, _DAYS_OF_A_WEEK))
        return await self._summary(asked, hour=_number(number, _HOURS_OF_A_DAY))

    async def _typed_week(self, asked: Asked, typed: str) -> Said:
        if typed.casefold() in rules.OFF:
            return await self._week(asked, screens.OFF)
        day, _, hour = typed.casefold().partition(" ")
        days = [n for n, name in enumerate(screens.DAYS, 1) if name.casefold().startswith(day)]
        match = _HOUR.fullmatch(hour or str(DEFAULT_WEEK[1]))
        if len(days) != 1 or match is None or int(match[1]) not in _HOURS_OF_A_DAY:
            return screens.week(await self._chosen(asked), unread=typed)
        return await self._summary(asked, weekday=days[0], hour=int(match[1]))

    async def _summary(
        self, asked: Asked, *, weekday: int | None = None, hour: int | None = None
    ) -> Said:
        chosen = await self._chosen(asked)
        zone = chosen.time_zone
        if zone is None:
            return screens.zone(chosen, why=_NEEDS_ZONE)
        held = chosen.summary or Schedule(*DEFAULT_WEEK, zone)

        def changed(old: EndpointRecord) -> EndpointRecord:
            block = digests.Asked(
                weekday=weekday or held.weekday,
                hour=held.hour if hour is None else hour,
                time_zone=zone,
            ).block
            return replace(old, digest=_same(block, old.filter))

        await self._change_own(asked, changed)
        return await self._screen(asked, "week")

    async def _change_own(
        self, asked: Asked, change: Callable[[EndpointRecord], EndpointRecord]
    ) -> None:
        """Of the house's endpoint, which is made if there is none."""
        own = await self._chats.ensure(asked.chat, asked.title)
        await change_endpoint(own.id, change, app_id=own.app_id, desk=self._services.desk)

    async def _chosen(self, asked: Asked) -> screens.Chosen:
        every = await self._chats.every(asked.chat)
        own = await self._chats.find(asked.chat)
        summary, due = await self._planned(own)
        zoned = next((each for each in every if each.time_zone is not None), None)
        return screens.Chosen(
            wanted=Filter(tokens=()) if own is None else own.filter,
            time_zone=None if zoned is None else zoned.time_zone,
            quiet_hours=None if zoned is None else zoned.quiet_hours,
            summary=summary,
            next_summary=due,
            is_paused=any(each.state is EndpointState.PAUSED for each in every),
            now=self._services.clock.now(),
            language=asked.language,
        )

    async def _planned(self, own: EndpointRecord | None) -> tuple[Schedule | None, datetime | None]:
        if own is None or own.digest is None:
            return None, None
        return msgspec.convert(own.digest, Schedule), await self._digests.next_post(own)


_SCREENS: Final[Mapping[str, Callable[[screens.Chosen], Said]]] = {
    "main": screens.main,
    "grades": screens.grades,
    "changes": screens.changes,
    "size": screens.size,
    **dict.fromkeys(("rules", "scores"), lambda chosen: rules.rules(chosen.wanted)),
    "windows": lambda chosen: windows.windows(chosen.wanted),
    "zone": screens.zone,
    "quiet": screens.quiet,
    "week": screens.week,
}
# What a rule is typed by: its first word, or that of both of its sides.
_READERS: Final[Mapping[str, Reader]] = {
    "while": rules.while_ruling,
    **dict.fromkeys(rules.PRESETS, rules.score_ruling),
    **dict.fromkeys(windows.VERBS, windows.move_ruling),
}


def commands(services: Services) -> list[Command]:
    """/settings."""
    desk = SettingsDesk(services)
    about = "Choose grades, changes, scores, moves, time zone, quiet hours and the weekly summary."
    return [Command("settings", about, desk.tell, changes=True)]


def presses(services: Services) -> Mapping[Verb, Press]:
    """What its buttons choose."""
    return {Verb.SET: Press(SettingsDesk(services).press, changes=True)}


def _same(digest: Mapping[str, object] | None, wanted: Filter) -> Mapping[str, object] | None:
    """A summary of the kinds and sizes that are told at once."""
    if digest is None:
        return None
    return {**digest, "kinds": sorted(wanted.kinds), "min_notches": wanted.min_notches}


def _number(value: str, allowed: Sequence[int]) -> int:
    """The first of those allowed where it is none of them: a button says nothing else."""
    number = int(value) if value.isdecimal() else allowed[0]
    return number if number in allowed else allowed[0]
