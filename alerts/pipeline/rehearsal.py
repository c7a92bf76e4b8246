"""Rehearsal: what one endpoint would have been told of events, if every send had arrived. Pure.

What is decided is decided by the code that decides where things are sent: `Wishes`, `quiet_end`,
`weigh` and `gather`, in the order in which `claim.take` asks them.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from alerts.domain.channels import TERMS
from alerts.domain.cooldowns import SAYING, LastWord, band_of
from alerts.domain.deliveries import DeferredReason, Order, State, Trigger
from alerts.domain.subscriptions import Miss, Subscription
from alerts.pipeline.claim import LOOK_AHEAD, ROUND_SIZE, quota_of
from alerts.pipeline.consent import Consent, Wishes, quiet_end, weigh
from alerts.pipeline.cooldown import Cooling, oldest_of
from alerts.pipeline.give_way import tells_newest_alone
from alerts.pipeline.parcels import Group, gather
from alerts.pipeline.rehearsed_queue import RehearsedQueue
from alerts.pipeline.turn import IN_FLIGHT
from alerts.store.cooldowns import Key
from alerts.store.endpoints import Recipient
from alerts.store.outbox import News, Waiting

Words = dict[Key, LastWord]


@dataclass(frozen=True, slots=True)
class Part:
    """One event of a message. rule: what it is told by. deferred_reason: why it waited."""

    event_id: str
    rule: Subscription | None
    deferred_reason: DeferredReason | None


@dataclass(frozen=True, slots=True)
class Telling:
    """One message, and when it would have gone out."""

    at: datetime
    parts: tuple[Part, ...]


class Rehearsal:
    """One endpoint, told of events in their order.

    told: what went out, in order; the `newest` of it, None for all. sent: how many that were in
    all. owed: how many events were matched.
    """

    def __init__(self, recipient: Recipient, wishes: Wishes, *, newest: int | None = None) -> None:
        self.told: Final = deque[Telling](maxlen=newest)
        self.queue: Final = RehearsedQueue()
        self.owed = self.sent = 0
        self._recipient = recipient
        self._wishes = wishes
        self._is_chat = TERMS[recipient.channel].takes_summaries
        self._quota = quota_of(recipient.order, recipient.rate_limit, IN_FLIGHT)
        seconds = recipient.cooldown_seconds
        self._cooldowns = {} if seconds is None else {recipient.id: timedelta(seconds=seconds)}
        self._words: Words = {}
        # Of a cycle that may go on with what is heard next, each with when it was recorded.
        self._cycle: list[tuple[News, datetime]] = []
        # When something may be done next: what is due now, or after the slot of what went last.
        self._now: datetime | None = None
        self._slot: datetime | None = None

    def hear(self, chunk: Sequence[tuple[News, datetime]]) -> None:
        """The next events, each with when it was recorded. Those of one cycle come at once."""
        for news, recorded_at in chunk:
            if self._cycle and self._cycle[0][0].cycle_id != news.cycle_id:
                self._take_in()
            self._cycle.append((news, recorded_at))

    def finish(self, until: datetime) -> None:
        """Nothing more comes; all that would go until then, that moment included, goes."""
        self._take_in()
        self._advance(until + timedelta.resolution)

    def _take_in(self) -> None:
        """Owe what of a cycle is wanted, once all has gone that was due before."""
        if not self._cycle:
            return
        at = self._cycle[0][1]
        self._advance(at)
        lives = timedelta(seconds=self._recipient.time_to_live_seconds)
        for news, recorded_at in self._cycle:
            if self._is_owed(news):
                self.owed += 1
                self._now = at
                self.queue.add(self._owe(news, at, expires_at=recorded_at + lives))
        self._cycle.clear()

    def _owe(self, news: News, now: datetime, *, expires_at: datetime) -> Waiting:
        """What is owed, as `store/owing.py` writes it."""
        return Waiting(
            id=news.id,
            endpoint_id=self._recipient.id,
            news=news,
            trigger=Trigger.SCHEDULE,
            due_at=now,
            expires_at=expires_at,
            position=0,
            attempts=0,
            interruptions=0,
            status_code=None,
            deferred_reason=None,
            corrected=None,
        )

    def _is_owed(self, news: News) -> bool:
        if news.corrects is not None:
            return self.queue.may_correct(news.corrects)
        if not news.is_matched:
            return False
        return not isinstance(self._wishes.rule(self._recipient.id, news.facts), Miss)

    def _advance(self, to: datetime) -> None:
        """All that happens before then."""
        while (at := self._wakes_at()) is not None and at < to:
            self._now = self._turn(at)

    def _wakes_at(self) -> datetime | None:
        """When there is something to do next."""
        at = self._now or self.queue.next_time()
        return at if at is None or self._slot is None else max(at, self._slot)

    def _turn(self, now: datetime) -> datetime | None:
        """What a claim does with a lane, where all that it sends arrives.

        Returns now if there may be more to do, else None.
        """
        self.queue.wake(now)
        until = quiet_end(self._recipient, now)
        if until is not None:
            for one in self.queue.due:
                if one.expires_at > now:
                    longer = replace(one, expires_at=one.expires_at + (until - now))
                    self.queue.put_off(longer, until, DeferredReason.QUIET_HOURS)
        if tells_newest_alone(self._recipient):
            self.queue.give_way(self._wishes)
        groups, rules = self._take(now)
        self._send(groups[: self._quota], rules, now)
        return now if self._look(1) else None

    def _take(self, now: datetime) -> tuple[list[Group], Mapping[str, Subscription]]:
        """What may go now of what is looked at; where all of that had ended, of what is next."""
        most = LOOK_AHEAD if self._is_chat else self._quota
        while True:
            found = self._look(most)
            given = weigh(
                found,
                now,
                leases={self._recipient.id: ""},
                wishes=self._wishes,
                cooling=Cooling(
                    self._cooldowns, self._words, oldest_of(found, self._cooldowns), now
                ),
            )
            self._put_down(given, {one.id: one for one in found})
            if given.kept or not found:
                break
            most = max(most, ROUND_SIZE)
        if not self._is_chat:
            return [(one,) for one in given.kept], given.rules
        is_newest_first = self._recipient.order is Order.LATEST
        return gather(given.kept, newest_first=is_newest_first), given.rules

    def _look(self, most: int) -> list[Waiting]:
        is_strict = self._recipient.order is Order.STRICT
        return self.queue.look(most, is_strict=is_strict, newest_first=self._is_chat)

    def _put_down(self, given: Consent, found: Mapping[str, Waiting]) -> None:
        for key, (until, lives_until) in given.held.items():
            longer = replace(found[key], expires_at=lives_until)
            self.queue.put_off(longer, until, DeferredReason.COOLDOWN)
        for decision in given.ended:
            self.queue.end(found[decision.delivery_id], decision.state, decision.reason)

    def _send(
        self, groups: Sequence[Group], rules: Mapping[str, Subscription], now: datetime
    ) -> None:
        """One after the other, as far apart as the endpoint's rate wants."""
        rate = self._recipient.rate_limit
        for group in groups:
            at = now if rate is None or self._slot is None else max(now, self._slot)
            parts = tuple(Part(one.id, rules.get(one.id), one.deferred_reason) for one in group)
            self.told.append(Telling(at, parts))
            self.sent += 1
            for one in group:
                self.queue.end(one, State.DELIVERED)
                self._remember(one, at)
            if rate is not None:
                self._slot = at + timedelta(seconds=1 / rate)

    def _remember(self, one: Waiting, at: datetime) -> None:
        """What the endpoint was told last of a token and kind, where a cooldown asks for it."""
        facts = one.news.facts
        if not self._cooldowns or facts.token is None or facts.kind is None:
            return
        key = (one.endpoint_id, facts.token, facts.kind)
        last = self._words.get(key)
        if facts.type in SAYING and (last is None or facts.sequence > last.sequence):
            band = band_of(json.loads(one.news.body))
            self._words[key] = LastWord(facts.sequence, State.DELIVERED, at, band)
