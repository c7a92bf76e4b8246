"""Why (not): what was told to places, what was not, and what of it a person can mend."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from alerts.bootstrap import Services
from alerts.domain.deliveries import EndpointState, State
from alerts.domain.events import EventType
from alerts.domain.grades import TokenId
from alerts.domain.ids import HOUSE_APP
from alerts.domain.meanings import MEANINGS, Meaning, meaning_of
from alerts.domain.subscriptions import Miss
from alerts.pipeline.replay import explain
from alerts.store.deliveries import AttemptRecord, DeliveryRecord, attempts_at
from alerts.store.digests import last_digest
from alerts.store.endpoints import EndpointRecord
from alerts.store.engine import Transaction
from alerts.store.events import EventRecord, last_band_change
from alerts.store.log import LogFilter, list_deliveries
from alerts.store.tokens import find_token

# Of each endpoint, the newest first.
MOST_TOLD: Final = 8
_QUIET: Final = "nothing changed, so nothing was posted"
# What stands before that part of a meaning which is Discord's own.
_HERE: Final = "On Discord: "
_ELSEWHERE: Final = " On Telegram"
_COMING: Final = "on its way"
# In the words of whoever set a channel up, not of the filter that it became.
MISSES: Final = {
    Miss.TOKEN: "not posted: this server watches other tokens",
    Miss.KIND: "not posted: the other kind of grades was asked for here",
    Miss.TYPE: "not posted at once: that was not asked for here; the digest tells it",
    Miss.MIN_NOTCHES: "not posted: larger changes were asked for here",
    Miss.MIN_DELTA: "not posted: larger changes were asked for here",
    Miss.BEFORE_SUBSCRIPTION: "not posted: it came before it was asked for here, or while "
    "nothing was to be posted",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that was, or was not, told. became: in plain words, without a full stop.

    event_type, token (as people call it): of what.
    """

    at: datetime
    event_type: EventType
    token: str | None
    became: str


async def told_lately(endpoint: EndpointRecord, *, services: Services) -> list[Told]:
    """The last things owed to an endpoint, and a week in which there was nothing to say."""
    wanted = LogFilter(endpoint_id=endpoint.id)
    async with services.store.read() as tx:
        records = await list_deliveries(tx, wanted, app_id=HOUSE_APP, before=None, limit=MOST_TOLD)
        tries = await attempts_at(tx, [each.id for each in records])
        found = [await _told(tx, each, tries.get(each.id, ())) for each in records]
        week = await last_digest(tx, endpoint.id)
    if week is not None and week.event_id is None:
        found.append(Told(week.scheduled_at, EventType.DIGEST_WEEKLY, None, _QUIET))
    return sorted(found, key=lambda told: told.at, reverse=True)[:MOST_TOLD]


async def last_change(token: TokenId, *, services: Services) -> EventRecord | None:
    """The newest upgrade or downgrade of a token."""
    async with services.store.read() as tx:
        return await last_band_change(tx, token=token)


async def became(event: EventRecord, endpoint: EndpointRecord, *, services: Services) -> str:
    """What became of an event for an endpoint, in plain words, without a full stop."""
    found = await explain(endpoint.id, event.id, app_id=HOUSE_APP, store=services.store)
    if found.delivery is not None:
        async with services.store.read() as tx:
            tries = await attempts_at(tx, [found.delivery.id])
        return _became(found.delivery, tries.get(found.delivery.id, ()))
    return _COMING if found.miss is None else MISSES[found.miss]


def standing(endpoint: EndpointRecord) -> str | None:
    """Why nothing is posted at all; None for an endpoint in service."""
    match endpoint.state:
        case EndpointState.ACTIVE:
            return None
        case EndpointState.PAUSED:
            return "paused; `/digest resume` goes on"
        case EndpointState.DISABLED:
            reason = endpoint.disabled_reason
            why = None if reason is None else MEANINGS[type(reason)][reason]
            return _because("out of service", why)
        case _:
            assert_never(endpoint.state)


async def _told(tx: Transaction, record: DeliveryRecord, tries: Sequence[AttemptRecord]) -> Told:
    token = None if record.token is None else await find_token(tx, record.token)
    called = record.token if token is None else token.symbol
    kind = "" if record.kind is None else f", {record.kind.value}"
    return Told(
        at=record.recorded_at,
        event_type=EventType(record.event_type),
        token=None if called is None else f"{called}{kind}",
        became=_became(record, tries),
    )


def _became(record: DeliveryRecord, tries: Iterable[AttemptRecord]) -> str:
    match record.state:
        case State.DELIVERED:
            return "posted"
        case State.PENDING | State.SENDING:
            return _with(_COMING, record, tries)
        case State.UNKNOWN:
            return _with("perhaps posted: look", record, tries)
        case State.DEAD | State.SKIPPED:
            return _with("not posted", record, tries)
        case _:
            assert_never(record.state)


def _with(said: str, record: DeliveryRecord, tries: Iterable[AttemptRecord]) -> str:
    """What the last answer said of itself, or else what the reason means."""
    reason = record.reason or record.deferred_reason
    details = [each.detail for each in tries if each.detail]
    if details:
        return f"{said}. {details[-1][:1].upper()}{details[-1][1:]}"
    return _because(said, None if reason is None else meaning_of(record.state, reason))


def _because(said: str, meaning: Meaning | None) -> str:
    """What a reason means on Discord, which is the receiver here."""
    if meaning is None:
        return said
    here, _, _ = meaning.means.partition(_ELSEWHERE)
    means = here.partition(_HERE)[2] or here.replace("The receiver", "Discord")
    return f"{said}. {means[:1].upper()}{means[1:]}".removesuffix(".")
