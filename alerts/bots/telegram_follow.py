"""`/subscribe` and `/unsubscribe` on Telegram, and the buttons that do the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts.bootstrap import Services
from alerts.bots.chats import ChatDesk
from alerts.bots.following import FollowDesk, Followed, follows, follows_all
from alerts.bots.grades import grades_of, tokens_of
from alerts.bots.meant import Meant, tokens_by, words_of
from alerts.bots.telegram_cards import Cards
from alerts.bots.telegram_grades import LONGEST_CELL, in_a_line, table_lines
from alerts.bots.telegram_list import Lists, mute_lines, muted_until, who
from alerts.bots.telegram_questions import ask, listed
from alerts.bots.telegram_says import Asked, Said
from alerts.bots.telegram_subjects import (
    OLD,
    Shows,
    Subject,
    in_rows,
    labels,
    read_subject,
    token_button,
)
from alerts.bots.watching import MOST_WATCHED
from alerts.channels.telegram_buttons import Button, Rows, Verb, Wanted
from alerts.channels.telegram_markup import Line, bold, literal, say
from alerts.channels.wording import counted
from alerts.domain.deliveries import EndpointState
from alerts.domain.subscriptions import DEFAULT_TYPES
from alerts.store.endpoints import EndpointRecord
from alerts.store.tokens import TokenRecord, fold

# Buttons of what can be left out; the rest is typed.
MOST_BUTTONS: Final = 60
# Tokens whose grades are shown at once.
MOST_SHOWN: Final = 12
_LIST: Final = Button("📋 List", Wanted(Verb.LIST, "1"))
_WHICH: Final = "Which tokens do you want to stop following?"
_ALL: Final = "All tokens are followed here; /stop ends it."


@dataclass(frozen=True, slots=True)
class Follow:
    """What is followed, and what no more."""

    services: Services

    async def subscribe(self, asked: Asked) -> Said:
        """Follow what is named; ask about what is not clear; without words, explain."""
        words = words_of(asked.words)
        if not words:
            return await self.explain(asked)
        meant = await tokens_by(words[:MOST_WATCHED], services=self.services)
        tokens = [one for each in meant if (one := each.one) is not None]
        lines, buttons = await self._done(asked, tokens) if tokens else ([], ())
        unclear = [each for each in meant if each.one is None]
        # What was done stays to be seen where the answer to a question comes after it.
        shows = Shows.MORE if tokens else Shows.ANSWER
        questions = await ask(unclear, Verb.FOLLOW, shows, services=self.services)
        apart: list[Line] = [[]] if lines and unclear else []
        return Said(
            lines=[*lines, *apart, *questions.lines], buttons=(*questions.buttons, *buttons)
        )

    async def explain(self, asked: Asked) -> Said:
        """How it is done, and some tokens to begin with."""
        does = "I tell you" if asked.is_private else "I tell this chat"
        lines: list[Line] = [
            [bold("Which tokens?")],
            [say("Write their symbols, such as /subscribe BTC ETH; names and ids do as well.")],
            [say(f"{does} as soon as one is upgraded or downgraded.")],
        ]
        buttons = await self._lists.big_buttons()
        if buttons:
            lines.append([say("Or press one to begin with:")])
        return Said(lines=lines, buttons=(*buttons, (_LIST,)))

    async def unsubscribe(self, asked: Asked) -> Said:
        """Follow what is named no more; without words, show what can be left out."""
        endpoint = await ChatDesk(self.services).find(asked.chat)
        words = words_of(asked.words)
        if follows_all(endpoint):
            return Said(lines=[[say(_ALL)]])
        followed = await self._lists.followed(endpoint)
        if endpoint is None or not followed:
            return await self._lists.page(asked, 1)
        if not words:
            return self._to_leave_out(
                followed, [bold("Which tokens do you want to stop following?")]
            )
        meant = _among(words, followed)
        tokens = [one for each in meant if (one := each.one) is not None]
        lines, buttons = await self._undone(asked, tokens, endpoint) if tokens else ([], ())
        missing = [literal(each.word) for each in meant if not each.tokens]
        if missing:
            lines = [*lines, [say(f"Not followed here: {listed(missing)}.")]]
            buttons = buttons or ((_LIST,),)
        several = [each for each in meant if len(each.tokens) > 1]
        shows = Shows.MORE if tokens or missing else Shows.ANSWER
        questions = await ask(several, Verb.UNFOLLOW, shows, services=self.services)
        apart: list[Line] = [[]] if lines and several else []
        return Said(
            lines=[*lines, *apart, *questions.lines], buttons=(*questions.buttons, *buttons)
        )

    async def press_follow(self, asked: Asked) -> Said:
        """Follow the token of a button."""
        subject = await read_subject(asked, self.services)
        if subject is None:
            return OLD
        hint = f"{who(asked)} {literal(subject.token.symbol)}"
        if subject.shows in {Shows.ANSWER, Shows.MORE}:
            lines, buttons = await self._done(asked, [subject.token])
            is_new = subject.shows is Shows.MORE
            return Said(lines=lines, buttons=buttons, is_new=is_new)
        desk = FollowDesk(self.services)
        done = await desk.follow([subject.token.id], asked.chat, asked.title)
        if done.refused:
            return Said(hint=_full())
        return await self._shown(asked, subject, done.endpoint, hint=hint)

    async def press_unfollow(self, asked: Asked) -> Said:
        """Follow the token of a button no more."""
        subject = await read_subject(asked, self.services)
        endpoint = await ChatDesk(self.services).find(asked.chat)
        if subject is None or endpoint is None:
            return OLD
        if follows_all(endpoint):
            return Said(hint=_ALL)
        if subject.shows in {Shows.ANSWER, Shows.MORE}:
            lines, buttons = await self._undone(asked, [subject.token], endpoint)
            is_new = subject.shows is Shows.MORE
            return Said(lines=lines, buttons=buttons, is_new=is_new)
        done = await FollowDesk(self.services).unfollow([subject.token.id], endpoint)
        hint = f"{literal(subject.token.symbol)} is not followed any more"
        return await self._shown(asked, subject, done.endpoint, hint=hint)

    @property
    def _lists(self) -> Lists:
        return Lists(self.services)

    async def _shown(
        self, asked: Asked, subject: Subject, endpoint: EndpointRecord, *, hint: str
    ) -> Said:
        """What the button stood under, as it is now."""
        cards = Cards(self.services)
        if subject.shows is Shows.GRADE:
            return await cards.grade(asked, subject.token, hint=hint)
        if subject.shows is Shows.CARD:
            return await cards.card(asked, subject.token, page=subject.page, hint=hint)
        followed = await self._lists.followed(endpoint)
        is_gone = subject.token.id not in follows(endpoint)
        title = _no_more([subject.token]) if is_gone else [bold(hint)]
        undo = _undo([subject.token], shows=Shows.UNFOLLOW) if is_gone else ()
        return self._to_leave_out(followed, title, undo=undo)

    def _to_leave_out(
        self, followed: Sequence[TokenRecord], title: Line, *, undo: Rows = ()
    ) -> Said:
        """What is followed, a button each."""
        lines: list[Line] = [title]
        if len(followed) > MOST_BUTTONS:
            lines.append([say("Of the others write the symbol, such as /unsubscribe BTC.")])
        names = labels(followed)
        buttons = [
            token_button(Verb.UNFOLLOW, name, each.id, shows=Shows.UNFOLLOW)
            for each, name in zip(followed[:MOST_BUTTONS], names, strict=False)
        ]
        return Said(lines=lines, buttons=(*in_rows(buttons, wide=4), *undo, (_LIST,)))

    async def _done(self, asked: Asked, tokens: Sequence[TokenRecord]) -> tuple[list[Line], Rows]:
        """Follow tokens, and say what is followed now."""
        ids = list(dict.fromkeys(token.id for token in tokens))
        done = await FollowDesk(self.services).follow(ids, asked.chat, asked.title)
        changed, same, refused = [
            await tokens_of(part, services=self.services)
            for part in (done.changed, done.same, done.refused)
        ]
        lines = [_first(asked, changed, same)]
        lines += await self._grades([*changed, *same], done.endpoint)
        if changed and same:
            lines.append([say(f"{_names(same)} {_were(same)} followed already.")])
        if refused:
            lines.append([say(f"{_full()} Not added: {_names(refused)}.")])
        muted = await muted_until(asked.chat, services=self.services)
        lines += [*_outlook(asked, done), *mute_lines([*changed, *same], muted)]
        return lines, ((_LIST,),)

    async def _grades(self, tokens: Sequence[TokenRecord], endpoint: EndpointRecord) -> list[Line]:
        """The present grades of one in a line, of several in columns."""
        policies = self.services.ladder.policies
        graded = await grades_of(tokens[:MOST_SHOWN], services=self.services)
        if len(graded) <= 1:
            return [in_a_line(each, policies) for each in graded]
        lines = table_lines(graded, endpoint.filter.kinds, policies)
        left = len(tokens) - len(graded)
        return [*lines, [say(f"and {left} more: /list")]] if left else lines

    async def _undone(
        self, asked: Asked, tokens: Sequence[TokenRecord], endpoint: EndpointRecord
    ) -> tuple[list[Line], Rows]:
        """Follow tokens no more, and say what is left."""
        ids = [token.id for token in tokens]
        done = await FollowDesk(self.services).unfollow(ids, endpoint)
        gone = await tokens_of(done.changed, services=self.services)
        if not gone:
            return [[say(f"{_names(tokens)} {_were(tokens)} not followed here.")]], ((_LIST,),)
        left = len(follows(done.endpoint))
        still = f"{who(asked)} {counted(left, 'token') if left else 'no token'} now."
        return [_no_more(gone), [say(still)]], (*_undo(gone), (_LIST,))


def _among(words: Sequence[str], followed: Sequence[TokenRecord]) -> list[Meant]:
    """What words mean of what is followed; several of them may be one name."""

    def named(word: str) -> tuple[TokenRecord, ...]:
        called = (
            [token for token in followed if token.id == word],
            [token for token in followed if fold(token.symbol) == fold(word)],
            [token for token in followed if token.name.casefold() == word.casefold()],
        )
        return tuple(next((found for found in called if found), ()))

    name = " ".join(words)
    if len(words) > 1 and named(name):
        words = [name]
    return [Meant(word, named(word), is_known=True) for word in words]


def _first(asked: Asked, changed: Sequence[TokenRecord], same: Sequence[TokenRecord]) -> Line:
    if changed:
        return [bold(f"✅ {who(asked)} {_names(changed)}")]
    if same:
        return [bold(f"{who(asked)} {_names(same)} already")]
    return [bold("Nothing was added")]


def _no_more(tokens: Sequence[TokenRecord]) -> Line:
    are = "is" if len(tokens) == 1 else "are"
    return [bold(f"{_names(tokens)} {are} not followed any more")]


def _outlook(asked: Asked, done: Followed) -> list[Line]:
    """What comes of it."""
    lines: list[Line] = []
    if done.revived:
        lines.append([say("I had stopped telling anything here; now I go on.")])
    if done.endpoint.state is EndpointState.PAUSED:
        return [*lines, [say("⏸ Paused: nothing is told here until /resume.")]]
    here = "you" if asked.is_private else "this chat"
    wanted = done.endpoint.filter
    ruled = wanted.thresholds or wanted.windows or wanted.given
    if wanted.types == DEFAULT_TYPES and not ruled:
        return [*lines, [say(f"I tell {here} as soon as a grade is upgraded or downgraded.")]]
    return [*lines, [say(f"I tell {here} as /settings says.")]]


def _undo(tokens: Sequence[TokenRecord], *, shows: Shows = Shows.MORE) -> Rows:
    """A button to have each back."""
    shows = Shows.ANSWER if len(tokens) == 1 and shows is Shows.MORE else shows
    pairs = zip(tokens[:MOST_BUTTONS], labels(tokens), strict=False)
    buttons = [
        token_button(Verb.FOLLOW, f"↩ Undo {name}", each.id, shows=shows) for each, name in pairs
    ]
    return in_rows(buttons, wide=2)


def _names(tokens: Sequence[TokenRecord]) -> str:
    return listed([literal(token.symbol, most=LONGEST_CELL) for token in tokens])


def _were(tokens: Sequence[TokenRecord]) -> str:
    return "was" if len(tokens) == 1 else "were"


def _full() -> str:
    return f"{MOST_WATCHED} tokens are followed at most."
