"""Survey: what the events of a window came to, read once for all endpoints that share it."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from alerts.domain import surveys
from alerts.domain.digests import Digest, KindDigest, Window
from alerts.domain.events import EventType
from alerts.domain.grades import Kind, TokenId
from alerts.domain.payloads import TokenView
from alerts.domain.summaries import Wants, as_digest, summarise
from alerts.domain.surveys import Mark, Standing, Survey, Told, read_told
from alerts.pipeline.diff import Ladder
from alerts.store.digests import StandingRow, bodies_after, find_standings, recorded_after
from alerts.store.engine import Transaction

# Events read and parsed at once: some hundredths of a second, in a thread.
PART_EVENTS: Final = 2000
# Endpoints are taken in the order of their moments, so those that share a window come together.
WINDOWS_KEPT: Final = 4
WISHES_KEPT: Final = 64


_Key = tuple[datetime, datetime, int, int]


@dataclass(frozen=True, slots=True)
class _Known:
    """A window's surveys, and what they came to for each wish so far."""

    surveys: tuple[Survey, ...]
    kinds: OrderedDict[Wants, tuple[KindDigest, ...]] = field(default_factory=OrderedDict)


class Surveys:
    """The windows read lately. For one run: what was read and summed up is not again."""

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder
        self._known: OrderedDict[_Key, _Known] = OrderedDict()

    async def digest(self, tx: Transaction, window: Window, wants: Wants) -> Digest:
        """A window's digest for somebody's wishes."""
        key = (window.starts_at, window.ends_at, window.from_sequence, window.through_sequence)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _Known(await self._read(tx, window))
            if len(self._known) > WINDOWS_KEPT:
                self._known.popitem(last=False)
        kinds = known.kinds.get(wants)
        if kinds is None:
            # Of a week that is not over nothing is late yet.
            ends_at = min(window.ends_at, await tx.now())
            kinds = await asyncio.to_thread(summarise, known.surveys, wants, ends_at=ends_at)
            known.kinds[wants] = kinds
            if len(known.kinds) > WISHES_KEPT:
                known.kinds.popitem(last=False)
        return as_digest(window, kinds)

    async def _read(self, tx: Transaction, window: Window) -> tuple[Survey, ...]:
        story = await _read_story(tx, window.from_sequence)
        # Where the week before was told early, what happened since then has already changed what
        # was known at its moment.
        first = await recorded_after(tx, window.from_sequence)
        starts_at = window.starts_at if first is None else min(first, window.starts_at)
        rows = await find_standings(tx, starts_at=starts_at, ends_at=window.ends_at)
        return await asyncio.to_thread(self._sum_up, window, story, rows)

    def _sum_up(
        self, window: Window, story: "_Story", rows: Sequence[StandingRow]
    ) -> tuple[Survey, ...]:
        standings = [self._standing(row) for row in rows]
        return tuple(
            surveys.survey(
                window,
                story.told,
                standings,
                kind=kind,
                ladder=surveys.Ladder(policy.names, policy.move_step),
                rebases=[number for number, rebased in story.rebases if rebased is kind],
            )
            for kind, policy in self._ladder.policies.items()
        )

    def _standing(self, row: StandingRow) -> Standing:
        names = self._ladder.policies[row.kind].names
        token = TokenId(row.token)
        return Standing(
            token=TokenView(
                token, row.symbol, row.name, self._ladder.token_page(token, row.symbol, row.name)
            ),
            kind=row.kind,
            # A ladder of fewer bands holds from its first cycle on, and is read from then on.
            band=names[min(row.rank, len(names)) - 1],
            rank=min(row.rank, len(names)),
            as_of=row.as_of,
            withdrawn=row.withdrawn,
            start=_mark(row.start_score, row.start_as_of),
            end=_mark(row.end_score, row.end_as_of),
        )


@dataclass(slots=True)
class _Story:
    """What was told of grades. rebases: numbers of the events that changed a kind's ladder."""

    told: list[Told] = field(default_factory=list)
    rebases: list[tuple[int, Kind]] = field(default_factory=list)

    def take(self, bodies: Sequence[tuple[int, bytes]]) -> None:
        for number, body in bodies:
            event = msgspec.json.decode(body)
            if event["type"] == EventType.REBASED:
                self.rebases.append((number, Kind(event["data"]["kind"])))
            else:
                self.told.append(read_told(event))


async def _read_story(tx: Transaction, after: int) -> _Story:
    story = _Story()
    while bodies := await bodies_after(tx, after, limit=PART_EVENTS):
        await asyncio.to_thread(story.take, bodies)
        after = bodies[-1][0]
    return story


def _mark(score: int | None, as_of: datetime | None) -> Mark | None:
    return None if score is None or as_of is None else Mark(score, as_of)
