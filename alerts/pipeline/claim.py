"""Claim: lanes are leased, their due deliveries reserved, consent read, attempts begun."""

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple

from alerts.domain.channels import TERMS
from alerts.domain.deliveries import (
    SKIPPED_WHILE,
    Channel,
    Order,
)
from alerts.domain.ids import LEASE
from alerts.domain.retries import RetrySchedule
from alerts.domain.subscriptions import Subscription
from alerts.errors import Undecryptable
from alerts.pipeline.consent import consent, spare
from alerts.pipeline.give_way import give_way
from alerts.pipeline.parcels import Group, gather
from alerts.pipeline.recover import recover
from alerts.pipeline.vault import Vault
from alerts.ports import Destination, Letter
from alerts.store.cooldowns import hold_for_cooldown
from alerts.store.decisions import apply_decisions
from alerts.store.endpoints import Recipient, find_recipients
from alerts.store.engine import Transaction
from alerts.store.lanes import hold, lease_lanes, release_lanes, set_next_slot
from alerts.store.outbox import Waiting, find_next, reserve
from alerts.store.secrets import SecretRecord, live_secrets
from alerts.store.skips import skip_waiting
from alerts.telemetry import Step, fail

# Rounds of reserving in one transaction when all that was reserved turned out not to be wanted.
ROUNDS: Final = 20
ROUND_SIZE: Final = 100
# Of what waits in a chat so much is looked at, to tell together what belongs together.
LOOK_AHEAD: Final = 1000
# An endpoint sealed with a key that we were not given waits this long for somebody to give it.
UNREADABLE_WAIT: Final = timedelta(minutes=5)


class Parcel(NamedTuple):
    """One send ready to go, of one delivery or of several that are told together.

    letters: one for each delivery, in the same order. is_suspect: a worker that sent any of it was
    lost: it is tried alone, begun by itself.
    """

    waiting: tuple[Waiting, ...]
    letters: tuple[Letter, ...]
    is_suspect: bool

    @property
    def ids(self) -> list[str]:
        """Of its deliveries."""
        return [one.id for one in self.waiting]


@dataclass(frozen=True, slots=True)
class ClaimedLane:
    """A lane we hold, with its first parcels. rate_limit: sends per second, or None.

    recipient: its endpoint as it was claimed.
    schedule: the endpoint's own, None for the service's.
    is_open: its endpoint's breaker is, and there is one parcel at most.
    """

    endpoint_id: str
    lease_id: str
    recipient: Recipient
    destination: Destination
    is_open: bool
    order: Order
    rate_limit: float | None
    pool: str | None
    schedule: RetrySchedule | None
    parcels: tuple[Parcel, ...]


# Lanes that one worker holds at most where nothing else bounds it.
MOST_LANES: Final = 2048


@dataclass(frozen=True, slots=True)
class Rules:
    """What a claim needs to know. repeatable: channels where a repeated send does no harm.

    width: sends in flight on one lane at most; as many again are kept ready.
    lanes: held by one worker at most, those that hang included.
    pools: by name, how many sends a second their platform takes of all their lanes together.
    """

    vault: Vault
    repeatable: frozenset[Channel]
    worker: str
    lease: timedelta
    width: int
    lanes: int = MOST_LANES
    pools: Mapping[str, float] = field(default_factory=dict)


async def claim(
    tx: Transaction, rules: Rules, *, limit: int, pools: Collection[str] = ()
) -> list[ClaimedLane]:
    """Lease up to `limit` due lanes and begin their first deliveries. pools: those we hold."""
    lease_id = await tx.new_id(LEASE)
    leased = await lease_lanes(tx, lease_id, limit=limit, lease=rules.lease, pools=pools)
    if not leased:
        return []
    lost = [(lane.endpoint_id, lane.lost_lease) for lane in leased if lane.lost_lease is not None]
    if lost:
        await recover(tx, lost, repeatable=rules.repeatable, worker=rules.worker)
    ids = [lane.endpoint_id for lane in leased]
    endpoints = await find_recipients(tx, ids)
    for state, reason in SKIPPED_WHILE.items():
        closed = [endpoint.id for endpoint in endpoints.values() if endpoint.state is state]
        await skip_waiting(tx, closed, reason)
    destinations = await _read_destinations(tx, lease_id, endpoints, vault=rules.vault)
    readable = [lane for lane in leased if lane.endpoint_id in destinations]
    quotas = {
        lane.endpoint_id: 1 if lane.is_open else quota_of(lane.order, lane.rate_limit, rules.width)
        for lane in readable
    }
    leases = dict.fromkeys(quotas, lease_id)
    parcels = await take(tx, leases, quotas, endpoints=endpoints, rules=rules)
    return [
        ClaimedLane(
            endpoint_id=lane.endpoint_id,
            lease_id=lease_id,
            recipient=endpoints[lane.endpoint_id],
            destination=destinations[lane.endpoint_id],
            is_open=lane.is_open,
            order=lane.order,
            rate_limit=lane.rate_limit,
            pool=lane.pool,
            schedule=_schedule(endpoints[lane.endpoint_id]),
            parcels=tuple(parcels.get(lane.endpoint_id, ())),
        )
        for lane in readable
    ]


def _schedule(endpoint: Recipient) -> RetrySchedule | None:
    seconds = endpoint.retry_schedule_seconds
    return None if seconds is None else RetrySchedule.of_seconds(seconds)


async def _read_destinations(
    tx: Transaction, lease_id: str, endpoints: Mapping[str, Recipient], *, vault: Vault
) -> dict[str, Destination]:
    """Where each endpoint is reached; lanes of those that cannot be read are given back."""
    secrets: dict[str, list[SecretRecord]] = {}
    for record in await live_secrets(tx, list(endpoints)):
        secrets.setdefault(record.endpoint_id, []).append(record)
    found: dict[str, Destination] = {}
    for endpoint in endpoints.values():
        try:
            signing = [vault.secret(r.id, r.secret) for r in secrets.get(endpoint.id, ())]
            found[endpoint.id] = vault.destination(endpoint, signing)
        except Undecryptable as error:
            fail(Step.JOB_FAILED, error, job="claim", endpoint=endpoint.id)
            await hold(tx, endpoint.id, await tx.now() + UNREADABLE_WAIT)
    unread = [endpoint for endpoint in endpoints.values() if endpoint.id not in found]
    strict = {endpoint.id for endpoint in unread if endpoint.order is Order.STRICT}
    await release_lanes(tx, {endpoint.id: lease_id for endpoint in unread}, strict=strict)
    return found


def quota_of(order: Order, rate_limit: float | None, width: int) -> int:
    """How many sends of a lane may be begun at once."""
    if order is Order.STRICT:
        return 1
    # What is begun and waits for its slot waits a second at most.
    return 2 * width if rate_limit is None else max(1, min(2 * width, int(rate_limit)))


async def take(
    tx: Transaction,
    leases: Mapping[str, str],
    quotas: Mapping[str, int],
    *,
    endpoints: Mapping[str, Recipient],
    rules: Rules,
) -> dict[str, list[Parcel]]:
    """Reserve and begin up to `quotas` parcels of lanes we hold, by endpoint.

    leases: ours, by endpoint, and on the lanes already.
    What is expired or no longer wanted ends here, and the next is looked at instead.
    """
    now = await tx.now()
    ours = [endpoint for endpoint in endpoints.values() if endpoint.id in quotas]
    await spare(tx, ours, now)
    await give_way(tx, ours, repeatable=rules.repeatable)
    strict = {e.id for e in endpoints.values() if e.order is Order.STRICT}
    chats = {e.id: e.order for e in ours if TERMS[e.channel].takes_summaries}
    wanted = dict(quotas)
    taken: dict[str, list[Parcel]] = {}
    for _ in range(ROUNDS):
        found = await _look(tx, wanted, chats=chats, strict=strict)
        given = await consent(tx, found, now, leases=leases, endpoints=endpoints)
        if given.held:
            await hold_for_cooldown(tx, given.held)
        ended = {decision.delivery_id for decision in given.ended}
        if ended:
            await reserve(tx, ended)
            await apply_decisions(tx, given.ended)
        short = ended | given.held.keys()
        for endpoint_id, group in _groups(given.kept, chats=chats):
            parcels = taken.setdefault(endpoint_id, [])
            if len(parcels) < quotas[endpoint_id]:
                parcels.append(_parcel(group, given.rules))
        # Where all that was looked at had ended, much more may have.
        wanted = {
            waiting.endpoint_id: ROUND_SIZE
            for waiting in found
            if waiting.id in short and waiting.endpoint_id not in taken
        }
        if not wanted:
            break
    await _begin(tx, taken, endpoints=endpoints, rules=rules)
    return taken


async def _look(
    tx: Transaction,
    wanted: Mapping[str, int],
    *,
    chats: Container[str],
    strict: Collection[str],
) -> list[Waiting]:
    """What is due next in each lane. chats: lanes that take summaries; of theirs, far ahead."""
    ahead = {key: LOOK_AHEAD for key in wanted if key in chats}
    single = {key: most for key, most in wanted.items() if key not in ahead} if ahead else wanted
    found = await find_next(tx, single, strict=strict)
    return found + await find_next(tx, ahead, strict=strict, newest_first=True)


def _groups(kept: Sequence[Waiting], *, chats: Mapping[str, Order]) -> Iterator[tuple[str, Group]]:
    """What goes together, with whose it is, in the order in which it goes."""
    ahead: dict[str, list[Waiting]] = {}
    for one in kept:
        if one.endpoint_id in chats:
            ahead.setdefault(one.endpoint_id, []).append(one)
        else:
            yield one.endpoint_id, (one,)
    for endpoint_id, waiting in ahead.items():
        for group in gather(waiting, newest_first=chats[endpoint_id] is Order.LATEST):
            yield endpoint_id, group


def _parcel(group: Group, rules: Mapping[str, Subscription]) -> Parcel:
    letters = [
        Letter(one.id, one.news.id, one.news.body, rules.get(one.id), one.deferred_reason)
        for one in group
    ]
    return Parcel(group, tuple(letters), any(one.interruptions > 0 for one in group))


async def _begin(
    tx: Transaction,
    taken: Mapping[str, Sequence[Parcel]],
    *,
    endpoints: Mapping[str, Recipient],
    rules: Rules,
) -> None:
    """Start what may be repeated, all at once, but for suspects; space out what is limited."""
    ids: dict[bool, list[str]] = {True: [], False: []}
    for endpoint_id, parcels in taken.items():
        is_repeatable = endpoints[endpoint_id].channel in rules.repeatable
        for parcel in parcels:
            ids[is_repeatable and not parcel.is_suspect] += parcel.ids
    for is_begun, of_these in ids.items():
        if of_these:
            await reserve(tx, of_these, is_begun=is_begun)
    for endpoint_id, parcels in taken.items():
        rate = endpoints[endpoint_id].rate_limit
        if rate is not None:
            # Should this worker be lost, what it may have sent has had its slots.
            await set_next_slot(tx, endpoint_id, timedelta(seconds=len(parcels) / rate))
