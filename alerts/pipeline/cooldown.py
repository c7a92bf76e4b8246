"""Cooldown: what an endpoint was told of lately waits, and what was taken back meanwhile ends."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.domain.cooldowns import COOLED, LastWord, band_of, cools_until, is_believed
from alerts.domain.deliveries import DeferredReason, Trigger
from alerts.domain.events import BAND_CHANGES
from alerts.store.cooldowns import Key, last_words
from alerts.store.endpoints import Recipient
from alerts.store.engine import Transaction
from alerts.store.outbox import Waiting


@dataclass(frozen=True, slots=True)
class Cooling:
    """What the endpoints of some deliveries were told last. cooldowns: of those that have one."""

    cooldowns: Mapping[str, timedelta]
    words: Mapping[Key, LastWord]
    now: datetime

    def until(self, waiting: Waiting) -> datetime | None:
        """When a delivery may go that could go now; None: at once."""
        if not _may_wait(waiting, self.cooldowns):
            return None
        return cools_until(self._last(waiting), self.cooldowns[waiting.endpoint_id], self.now)

    def is_taken_back(self, waiting: Waiting) -> bool:
        """Whether a delivery that a cooldown held leads back to what was told before."""
        was_held = waiting.deferred_reason is DeferredReason.COOLDOWN
        if not was_held or not _may_wait(waiting, self.cooldowns):
            return False
        if waiting.news.facts.type not in BAND_CHANGES:
            return False
        return is_believed(self._last(waiting), band_of(json.loads(waiting.news.body)))

    def _last(self, waiting: Waiting) -> LastWord | None:
        facts = waiting.news.facts
        if facts.token is None or facts.kind is None:
            return None
        return self.words.get((waiting.endpoint_id, facts.token, facts.kind))


async def read_cooling(
    tx: Transaction, found: Sequence[Waiting], *, endpoints: Mapping[str, Recipient], now: datetime
) -> Cooling:
    """What may have to wait of these deliveries, and for what; nothing is read where none may."""
    cooldowns = {
        key: timedelta(seconds=endpoint.cooldown_seconds)
        for key, endpoint in endpoints.items()
        if endpoint.cooldown_seconds is not None
    }
    asked = [waiting for waiting in found if _may_wait(waiting, cooldowns)] if cooldowns else []
    words: dict[Key, LastWord] = {}
    if asked:
        tokens = {one.news.facts.token for one in asked if one.news.facts.token is not None}
        ids = {one.endpoint_id for one in asked}
        words = await last_words(tx, endpoint_ids=ids, tokens=tokens)
    return Cooling(cooldowns, words, now)


def _may_wait(waiting: Waiting, cooldowns: Mapping[str, timedelta]) -> bool:
    return (
        waiting.endpoint_id in cooldowns
        and waiting.trigger is Trigger.SCHEDULE
        and waiting.news.facts.type in COOLED
    )
