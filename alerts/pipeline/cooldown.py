"""Cooldown: what an endpoint was told of lately waits, and what was taken back meanwhile ends."""

import json
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.domain.cooldowns import COOLED, ON_THE_WIRE, LastWord, band_of, cools_until, is_believed
from alerts.domain.deliveries import DeferredReason, Trigger
from alerts.domain.events import BAND_CHANGES
from alerts.store.cooldowns import Key, last_words
from alerts.store.endpoints import Recipient
from alerts.store.engine import Transaction
from alerts.store.outbox import Waiting


@dataclass(frozen=True, slots=True)
class Cooling:
    """What the endpoints of some deliveries were told last. cooldowns: of those that have one.

    oldest: see `oldest_of`.
    """

    cooldowns: Mapping[str, timedelta]
    words: Mapping[Key, LastWord]
    oldest: Mapping[Key, int]
    now: datetime

    def until(self, waiting: Waiting) -> datetime | None:
        """When a delivery may go that could go now; None: at once."""
        key = _key(waiting, self.cooldowns)
        if key is None:
            return None
        if self.oldest[key] < waiting.news.facts.sequence:
            return self.now + ON_THE_WIRE
        return cools_until(self._last(waiting), self.cooldowns[waiting.endpoint_id], self.now)

    def is_taken_back(self, waiting: Waiting) -> bool:
        """Whether a delivery that a cooldown held leads back to what was told before."""
        was_held = waiting.deferred_reason is DeferredReason.COOLDOWN
        if not was_held or _key(waiting, self.cooldowns) is None:
            return False
        if waiting.news.facts.type not in BAND_CHANGES:
            return False
        return is_believed(self._last(waiting), band_of(json.loads(waiting.news.body)))

    def _last(self, waiting: Waiting) -> LastWord | None:
        """What was told before it, unless something newer was: then it is late as it is."""
        key = _key(waiting, self.cooldowns)
        last = None if key is None else self.words.get(key)
        return None if last is None or last.sequence > waiting.news.facts.sequence else last


async def read_cooling(
    tx: Transaction, found: Sequence[Waiting], *, endpoints: Mapping[str, Recipient], now: datetime
) -> Cooling:
    """What may have to wait of these deliveries, and for what; nothing is read where none may."""
    cooldowns = {
        key: timedelta(seconds=endpoint.cooldown_seconds)
        for key, endpoint in endpoints.items()
        if endpoint.cooldown_seconds is not None
    }
    oldest = oldest_of(found, cooldowns)
    words: dict[Key, LastWord] = {}
    if oldest:
        tokens = {token for _, token, _ in oldest}
        words = await last_words(tx, endpoint_ids={key[0] for key in oldest}, tokens=tokens)
    return Cooling(cooldowns, words, oldest, now)


def oldest_of(found: Sequence[Waiting], cooldowns: Collection[str]) -> dict[Key, int]:
    """Of deliveries that may have to wait, the first event about each token and kind."""
    oldest: dict[Key, int] = {}
    for waiting in found if cooldowns else ():
        key, sequence = _key(waiting, cooldowns), waiting.news.facts.sequence
        if key is not None:
            oldest[key] = min(oldest.get(key, sequence), sequence)
    return oldest


def _key(waiting: Waiting, cooldowns: Container[str]) -> Key | None:
    """What a delivery is about, where it may have to wait."""
    facts = waiting.news.facts
    is_cooled = (
        waiting.endpoint_id in cooldowns
        and waiting.trigger is Trigger.SCHEDULE
        and facts.type in COOLED
    )
    if not is_cooled or facts.token is None or facts.kind is None:
        return None
    return waiting.endpoint_id, facts.token, facts.kind
