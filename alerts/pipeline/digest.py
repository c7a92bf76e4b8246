"""Digest: an endpoint's week, summed up and owed to it once.

What happened up to the scheduled moment is read first. Then one transaction, under the lane's
lock, plans the next week, remembers this one, and owes its event: who comes second finds the
plan moved, and who is lost in between has done nothing.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from alerts.domain.channels import TERMS
from alerts.domain.deliveries import Channel
from alerts.domain.digests import Digest, Window, digest_event
from alerts.domain.events import encode
from alerts.domain.summaries import DigestSettings, WhenEmpty
from alerts.domain.weeks import MINUTE, due_occasion, last_occasion, next_occasion, spread
from alerts.errors import Conflict, NotFound
from alerts.pipeline.survey import Surveys
from alerts.pipeline.tell import tell_endpoint
from alerts.ports import Call, Waker
from alerts.store.digests import (
    DigestRecord,
    due_digests,
    find_due_at,
    insert_digest,
    last_digest,
    last_sequence_before,
    move_due_at,
    plan_digest,
)
from alerts.store.endpoints import EndpointRecord, find_endpoint
from alerts.store.engine import Store, Transaction
from alerts.store.fan_out import lock_lanes
from alerts.telemetry import Step, emit

Draw = Callable[[Digest], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Week:
    """The next week that an endpoint is told. planned: the moment it was planned for.

    is_due: its moment has come; else it is what there is of it so far.
    """

    endpoint: EndpointRecord
    settings: DigestSettings
    planned: datetime
    window: Window
    digest: Digest
    is_due: bool

    def due_at(self, now: datetime) -> datetime:
        """When it goes, being told now: in its endpoint's turn after its moment, if that came."""
        if now < self.window.ends_at:
            return now
        turn = spread(self.endpoint.id, TERMS[self.endpoint.channel].spread)
        return max(now, self.window.ends_at + turn)

    @property
    def is_told(self) -> bool:
        """Whether anything is said of it: of one in which nothing changed only where asked."""
        return not self.digest.is_empty or self.settings.when_empty is WhenEmpty.SAY


class DigestRun:
    """The digests that are due at one moment. at: None is now; another tells early, or late.

    draw: draws a digest before it is owed, so that its sending does not wait for that, and any
    number of them are told no faster than they are drawn.
    """

    def __init__(
        self,
        *,
        store: Store,
        surveys: Surveys,
        waker: Waker,
        at: datetime | None = None,
        draw: Draw | None = None,
    ) -> None:
        self._store = store
        self._surveys = surveys
        self._waker = waker
        self._at = at
        self._draw = draw

    async def due(self) -> list[str]:
        """Endpoints whose week is to be told, or yet to be planned."""
        async with self._store.read() as tx:
            return await due_digests(tx, self._at or await tx.now())

    async def tell(self, endpoint_id: str) -> DigestRecord | None:
        """Tell an endpoint its week, or pass over one in which nothing changed; None: none is due.

        Harmless to repeat, and with any number of processes at once: one of them does it.
        """
        async with self._store.read() as tx:
            endpoint = await find_endpoint(tx, endpoint_id, app_id=None)
            planned = await find_due_at(tx, endpoint_id)
            week = None
            if endpoint is not None and planned is not None:
                now = self._at or await tx.now()
                week = await self._read(tx, endpoint, now, planned=planned)
        if planned is None:
            await self._plan(endpoint_id)
        if endpoint is None or week is None or not week.is_due:
            return None
        if self._draw is not None and endpoint.channel is Channel.DISCORD and week.is_told:
            await self._draw(week.digest)
        record = await self._settle(endpoint_id, week)
        if record is not None:
            _log(record, week.digest)
            await self._waker.wake(Call.LANES)
        return record

    async def preview(self, endpoint_id: str, *, app_id: str | None) -> tuple[Week, bytes]:
        """What an endpoint's next digest would be as things stand, and the body of its event.

        Raises NotFound, or Conflict for an endpoint that has no digest.
        """
        async with self._store.read() as tx:
            endpoint = await find_endpoint(tx, endpoint_id, app_id=app_id)
            if endpoint is None:
                raise NotFound("endpoint", endpoint_id)
            now = self._at or await tx.now()
            planned = await find_due_at(tx, endpoint_id) or now
            week = await self._read(tx, endpoint, now, planned=planned)
        if week is None:
            raise Conflict("this endpoint has no digest", field="digest")
        draft = digest_event(week.digest, endpoint_id)
        return week, encode(draft, sequence=week.window.through_sequence + 1, recorded_at=now)

    async def _read(
        self, tx: Transaction, endpoint: EndpointRecord, now: datetime, *, planned: datetime
    ) -> Week | None:
        if endpoint.digest is None:
            return None
        settings = msgspec.convert(endpoint.digest, DigestSettings)
        schedule = settings.schedule
        due = due_occasion(schedule, planned, now)
        occasion, weeks = due or (next_occasion(schedule, planned - MINUTE), 1)
        last = await last_digest(tx, endpoint.id)
        if last is None:
            starts_at = last_occasion(schedule, planned - MINUTE).at
            after = await last_sequence_before(tx, starts_at)
        else:
            starts_at, after = last.scheduled_at, last.through_sequence
        window = Window(
            period=occasion.period,
            weeks=weeks,
            starts_at=starts_at,
            ends_at=occasion.at,
            time_zone=settings.time_zone,
            from_sequence=after,
            through_sequence=max(after, await last_sequence_before(tx, occasion.at)),
        )
        wants = settings.wants(endpoint.filter.tokens or ())
        digest = await self._surveys.digest(tx, window, wants)
        return Week(endpoint, settings, planned, window, digest, is_due=due is not None)

    async def _plan(self, endpoint_id: str) -> None:
        """Plan the first week of a digest that an earlier release took in."""
        async with self._store.write() as tx:
            await lock_lanes(tx, [endpoint_id])
            endpoint = await find_endpoint(tx, endpoint_id, app_id=None)
            if endpoint is not None and await find_due_at(tx, endpoint_id) is None:
                await plan_digest(tx, endpoint_id, endpoint.digest)

    async def _settle(self, endpoint_id: str, week: Week) -> DigestRecord | None:
        """Plan the next one, remember this one, and owe it. None: somebody else did."""
        window = week.window
        upcoming = next_occasion(week.settings.schedule, window.ends_at, beyond=window.period)
        draft = digest_event(week.digest, endpoint_id) if week.is_told else None
        record = DigestRecord(
            endpoint_id=endpoint_id,
            period=window.period,
            weeks=window.weeks,
            scheduled_at=window.ends_at,
            from_sequence=window.from_sequence,
            through_sequence=window.through_sequence,
            event_id=None if draft is None else draft.id,
        )
        async with self._store.write() as tx:
            await lock_lanes(tx, [endpoint_id])
            if not await move_due_at(tx, endpoint_id, planned=week.planned, to=upcoming.at):
                return None
            await insert_digest(tx, record)
            if draft is not None:
                await tell_endpoint(tx, draft, due_at=week.due_at(await tx.now()))
        return record


def _log(record: DigestRecord, digest: Digest) -> None:
    emit(
        Step.DIGEST_SUMMED_UP,
        endpoint=record.endpoint_id,
        period=record.period,
        weeks=record.weeks,
        told=record.event_id,
        upgrades=sum(kind.upgrades.total for kind in digest.kinds),
        downgrades=sum(kind.downgrades.total for kind in digest.kinds),
    )
