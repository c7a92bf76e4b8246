"""Relived: the events that a filter's rules would have brought, among those that were recorded."""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from alerts.domain.events import RULED, WINDOWED, CycleView, Draft, encode
from alerts.domain.grades import Kind, TokenId
from alerts.domain.payloads import TokenView, grade_event
from alerts.domain.relived import Line, Rules, heard, relive
from alerts.domain.subscriptions import EventFacts, Filter
from alerts.errors import InvalidInput
from alerts.pipeline.diff import Ladder
from alerts.store.engine import Store
from alerts.store.outbox import News
from alerts.store.past_grades import Silence, lines_recorded, silences, token_ids
from alerts.store.tokens import TokenRecord, find_tokens

# Tokens whose history is read at once.
CHUNK: Final = 100
# So much earlier one begins, for how far a score has to go for a rule depends on how it came there.
BEFORE: Final = timedelta(days=30)
# They are put in order before the first is told, so all of them are held.
MOST: Final = 250_000
# Between two recorded events there is room for so many that are relived.
_ROOM: Final = 1_000_000
Progress = Callable[[float], None]
# An event, and when it was recorded, or would have been.
Heard = tuple[News, datetime]


async def relived(
    wanted: Filter,
    *,
    since: datetime,
    until: datetime,
    store: Store,
    ladder: Ladder,
    progress: Progress | None = None,
) -> list[Heard]:
    """What a filter's thresholds and windows would have told, in order; unnumbered as yet.

    progress: called with the share of the tokens that is done. Raises InvalidInput for more than
    `MOST`.
    """
    rules = {kind: named for kind in Kind if (named := Rules.of(wanted, kind)) is not None}
    if not rules:
        return []
    ids: Sequence[TokenId] | None = wanted.tokens
    if ids is None:
        async with store.read() as tx:
            ids = await token_ids(tx)
    found: list[Heard] = []
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        async with store.read() as tx:
            lines = {
                kind: await lines_recorded(tx, kind, chunk, since=since - BEFORE)
                for kind in (Kind if wanted.given else rules)
            }
            records = await find_tokens(tx, chunk)
            silent = await silences(tx, chunk)
        past = _Past(lines, records, silent, ladder=ladder)
        made = await asyncio.to_thread(past.told, rules)
        found += [each for each in made if since <= each[1] <= until]
        if len(found) > MOST:
            raise InvalidInput("days", f"are too many: these rules tell more than {MOST:,} events")
        if progress is not None:
            progress(min(1.0, (start + CHUNK) / len(ids)))
    return sorted(found, key=_place)


def _place(each: Heard) -> tuple[datetime, bool, str]:
    """When it is told; in one cycle crossings come before what windows tell, and both by token."""
    news, recorded_at = each
    return recorded_at, news.facts.type in WINDOWED, news.facts.token or ""


class _Past:
    """Some tokens' history of both kinds."""

    def __init__(
        self,
        lines: Mapping[Kind, Mapping[TokenId, list[Line]]],
        records: Mapping[TokenId, TokenRecord],
        silent: Iterable[Silence],
        *,
        ladder: Ladder,
    ) -> None:
        self._lines = lines
        self._records = records
        self._silent = list(silent)
        self._ladder = ladder

    def told(self, rules: Mapping[Kind, Rules]) -> list[Heard]:
        """What these rules tell of it."""
        heard_of = {
            kind: {token: list(heard(lines)) for token, lines in of_kind.items()}
            for kind, of_kind in self._lines.items()
        }
        found: list[Heard] = []
        for kind, named in rules.items():
            (other,) = (each for each in Kind if each is not kind)
            for token, lines in heard_of[kind].items():
                # Read only where a condition asks what it was.
                lines_of_other = heard_of.get(other, {}).get(token, [])
                others = self._scores(token, other, lines_of_other)
                found += self._of_token(token, kind, lines, named=named, others=others)
        return found

    def _of_token(
        self,
        token: TokenId,
        kind: Kind,
        lines: Sequence[Line],
        *,
        named: Rules,
        others: Sequence[tuple[datetime, int | None]],
    ) -> Iterable[Heard]:
        record, policy = self._records[token], self._ladder.policies[kind]
        page = self._ladder.token_page(token, record.symbol, record.name)
        view = TokenView(token, record.symbol, record.name, page)

        def cycle_of(line: Line) -> CycleView:
            return CycleView(line.cycle_id, record.source, kind, line.as_of)

        anew = {one.at for one in self._silent if one[:3] == (token, kind, True)}
        told = relive(token, lines, rules=named, policy=policy, cycle_of=cycle_of, anew=anew)
        for change, line in told:
            draft = grade_event(change, token=view, cycle=cycle_of(line), policy=policy)
            place = bisect_left(others, line.recorded_at, key=lambda each: each[0])
            other_score = others[place - 1][1] if place else None
            yield _news(draft, line, other_score=other_score), line.recorded_at

    def _scores(
        self, token: TokenId, kind: Kind, lines: Iterable[Line]
    ) -> list[tuple[datetime, int | None]]:
        """What a grade was from when on, as it was recorded; None while it was withdrawn."""
        told: list[tuple[datetime, bool, int | None]] = [
            (line.recorded_at, True, line.score) for line in lines
        ]
        silent = [one for one in self._silent if one[:2] == (token, kind)]
        told += [(one.recorded_at, one.is_back, None) for one in silent]
        found: list[tuple[datetime, int | None]] = []
        last: int | None = None
        for at, is_graded, score in sorted(told, key=lambda each: each[0]):
            # One that is back as it had been has no line of that.
            last = last if score is None else score
            found.append((at, last if is_graded else None))
        return found


def _news(draft: Draft, line: Line, *, other_score: int | None) -> News:
    """An event as it would have been recorded, but for its number."""
    facts = EventFacts(
        sequence=0,
        type=draft.type,
        token=draft.token,
        kind=draft.kind,
        notches=draft.notches,
        size=draft.size,
        crossed=draft.crossed,
        other_score=other_score,
        window=draft.window,
    )
    body = encode(draft, sequence=0, recorded_at=line.recorded_at)
    return News(draft.id, facts, is_matched=True, body=body, corrects=None, cycle_id=line.cycle_id)


class Braid:
    """What is relived, put among what was recorded: behind the events of its own cycle.

    What was recorded of rules is left out where it is none of these; what is recorded, too, has its
    place from there. Numbers are a million times what they were, so that there are some in between.
    """

    def __init__(self, made: Iterable[Heard]) -> None:
        self._made = deque(made)
        self._unheard = {news.id for news, _ in self._made}
        self._cycle: str | None = None
        self._number = 0

    def hear(self, chunk: Iterable[Heard]) -> list[Heard]:
        """The next that were recorded, and what comes before each of them."""
        found: list[Heard] = []
        for news, recorded_at in chunk:
            if news.cycle_id != self._cycle:
                found += self._until(recorded_at, news.cycle_id)
            self._cycle, self._number = news.cycle_id, news.facts.sequence * _ROOM
            if news.facts.type not in RULED or news.id in self._unheard:
                self._unheard.discard(news.id)
                found.append((_numbered(news, self._number), recorded_at))
        return found

    def finish(self) -> list[Heard]:
        """What is left."""
        return self._until(None, None)

    def _until(self, recorded_at: datetime | None, cycle_id: str | None) -> list[Heard]:
        """What was relived before then, but for what is of the cycle that comes next."""
        found: list[Heard] = []
        while self._made:
            news, at = self._made[0]
            if recorded_at is not None and (at > recorded_at or news.cycle_id == cycle_id):
                break
            self._made.popleft()
            if news.id in self._unheard:
                self._number += 1
                found.append((_numbered(news, self._number), at))
        return found


def _numbered(news: News, number: int) -> News:
    return msgspec.structs.replace(news, facts=replace(news.facts, sequence=number))
