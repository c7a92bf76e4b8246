"""What can be asked of our bot on Telegram about tokens: follow them, and see their grades."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from alerts.bootstrap import Services
from alerts.bots.grades import grades_of
from alerts.bots.meant import tokens_by, words_of
from alerts.bots.news import week_so_far
from alerts.bots.telegram_cards import Cards
from alerts.bots.telegram_follow import Follow
from alerts.bots.telegram_grades import in_a_line
from alerts.bots.telegram_list import Lists
from alerts.bots.telegram_mutes import DEFAULT_SPAN
from alerts.bots.telegram_questions import ask
from alerts.bots.telegram_says import Asked, Command, Press, Said
from alerts.bots.telegram_subjects import (
    OLD,
    Shows,
    in_rows,
    labels,
    read_subject,
    token_button,
)
from alerts.channels.telegram_buttons import Verb
from alerts.channels.telegram_digests import digest_lines
from alerts.channels.telegram_markup import Line, bold, moment, say
from alerts.channels.wording import counted
from alerts.pipeline.sparing import mute, unmute
from alerts.pipeline.survey import Surveys

# Looked up at once.
MOST_GRADES: Final = 10
_LONGEST_PAGE: Final = 3


@dataclass(frozen=True, slots=True)
class _Tokens:
    """What is looked at. surveys: many who ask in one minute cost one reading, one at a time."""

    services: Services
    surveys: Surveys
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def grade(self, asked: Asked) -> Said:
        every = words_of(asked.words)
        words, left = every[:MOST_GRADES], len(every) - MOST_GRADES
        if not words:
            lines: list[Line] = [
                [bold("Which token?")],
                [say("Write its symbol, such as /grade BTC; its name or id does as well.")],
            ]
            buttons = await Lists(self.services).big_buttons(Verb.GRADE)
            return Said(lines=lines, buttons=buttons)
        meant = await tokens_by(words, services=self.services)
        found = [one for each in meant if (one := each.one) is not None]
        if len(meant) == len(found) == 1:
            return await Cards(self.services).grade(asked, found[0])
        graded = await grades_of(found, services=self.services)
        unclear = [each for each in meant if each.one is None]
        shows = Shows.MORE if found else Shows.ANSWER
        questions = await ask(unclear, Verb.GRADE, shows, services=self.services)
        cards = [
            token_button(Verb.GRADE, name, each.id, shows=Shows.MORE)
            for each, name in zip(found, labels(found), strict=True)
        ]
        policies = self.services.ladder.policies
        lines = [in_a_line(each, policies) for each in graded]
        if found and unclear:
            lines.append([])
        lines += questions.lines
        if left > 0:
            lines.append([say(f"I show {MOST_GRADES} at once: ask for the other {left:,} again.")])
        return Said(
            lines=lines,
            buttons=(*questions.buttons, *in_rows(cards, wide=4)),
        )

    async def press_grade(self, asked: Asked) -> Said:
        subject = await read_subject(asked, self.services)
        if subject is None:
            return OLD
        said = await Cards(self.services).grade(asked, subject.token)
        return replace(said, is_new=subject.shows is Shows.MORE)

    async def list_(self, asked: Asked) -> Said:
        return await Lists(self.services).page(asked, 1)

    async def press_list(self, asked: Asked) -> Said:
        number = asked.wanted.subject if asked.wanted is not None else ""
        is_page = number.isdecimal() and len(number) <= _LONGEST_PAGE
        return await Lists(self.services).page(asked, int(number) if is_page else 1)

    async def press_card(self, asked: Asked) -> Said:
        subject = await read_subject(asked, self.services)
        if subject is None:
            return OLD
        return await Cards(self.services).card(asked, subject.token, page=subject.page)

    async def press_mute(self, asked: Asked) -> Said:
        subject = await read_subject(asked, self.services)
        if subject is None:
            return OLD
        until = self.services.clock.now() + DEFAULT_SPAN
        token, desk = subject.token, self.services.desk
        await mute(asked.chat.kept, until, token=token.id, desk=desk)
        return await Cards(self.services).card(asked, token, page=subject.page)

    async def press_unmute(self, asked: Asked) -> Said:
        subject = await read_subject(asked, self.services)
        if subject is None:
            return OLD
        await unmute(asked.chat.kept, token=subject.token.id, desk=self.services.desk)
        return await Cards(self.services).card(asked, subject.token, page=subject.page)

    async def top(self, _asked: Asked) -> Said:
        async with self.reading:
            week = await week_so_far(self.services, self.surveys)
        graded = [kind for kind in week.kinds if kind.tokens]
        if not week.is_empty:
            return Said(lines=digest_lines(week, title="The last seven days"))
        if not graded:
            return Said(lines=[[say("No token is graded yet. Ask again in a while.")]])
        lines: list[Line] = [
            [bold("A quiet week so far")],
            [say("No token was upgraded or downgraded in the last seven days.")],
        ]
        tokens = counted(max(kind.tokens for kind in graded), "token")
        newest = max((kind.as_of for kind in graded if kind.as_of is not None), default=None)
        if newest is not None:
            lines.append([say(f"{tokens} graded, up to "), moment(newest)])
        return Said(lines=lines)


def commands(services: Services) -> list[Command]:
    """/subscribe, /unsubscribe, /list, /grade and /top."""
    follow, tokens = Follow(services), _Tokens(services, Surveys(services.ladder))
    return [
        Command("subscribe", "Follow tokens, such as BTC ETH.", follow.subscribe, changes=True),
        Command("unsubscribe", "Stop following tokens.", follow.unsubscribe, changes=True),
        Command("list", "Show what is followed here, and its grades.", tokens.list_),
        Command("grade", "Show a token's grades, such as /grade BTC.", tokens.grade),
        Command("top", "Show the upgrades and downgrades of the last seven days.", tokens.top),
    ]


def presses(services: Services) -> Mapping[Verb, Press]:
    """Of the buttons about tokens, and of a list's."""
    follow, tokens = Follow(services), _Tokens(services, Surveys(services.ladder))
    return {
        Verb.FOLLOW: Press(follow.press_follow, changes=True),
        Verb.UNFOLLOW: Press(follow.press_unfollow, changes=True),
        Verb.HUSH: Press(tokens.press_mute, changes=True),
        Verb.UNHUSH: Press(tokens.press_unmute, changes=True),
        Verb.ADD: Press(follow.explain, changes=True),
        Verb.GRADE: Press(tokens.press_grade),
        Verb.LIST: Press(tokens.press_list),
        Verb.CARD: Press(tokens.press_card),
    }
