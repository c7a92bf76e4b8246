"""Move: an endpoint lives on under another address, with what its app has there already."""

from collections.abc import Iterable
from dataclasses import replace

from alerts.domain.deliveries import EndpointState
from alerts.domain.grades import TokenId
from alerts.domain.subscriptions import Filter
from alerts.pipeline.change import apply_change
from alerts.store.endpoints import EndpointRecord, find_address, find_endpoint, move_endpoint
from alerts.store.engine import Transaction
from alerts.store.events import current_sequence
from alerts.store.fan_out import make_due, owe_in_advance
from alerts.store.health import forget_health
from alerts.store.lanes import try_lock
from alerts.store.mutes import find_mutes, set_mute
from alerts.store.removal import hand_over, remove_endpoints


async def move(tx: Transaction, endpoint_id: str, address: bytes, *, hashed: str) -> bool:
    """Give an endpoint a new address (ciphertext, hash). Its lane is locked.

    What its app has there already becomes part of it: its tokens, its mutes, and what it is owed.
    False: somebody is at that just now, and nothing was changed.
    """
    if await move_endpoint(tx, endpoint_id, address, hashed=hashed):
        await forget_health(tx, endpoint_id)
        return True
    old = await find_endpoint(tx, endpoint_id, app_id=None, locked=True)
    if old is None:
        return False
    other = await find_address(tx, app_id=old.app_id, channel=old.channel, address_hash=hashed)
    # Not waited for: whoever holds it may wait for ours.
    if other is None or not await try_lock(tx, other.id):
        return False
    await _mute(tx, endpoint_id, of=other.id)
    new = await apply_change(tx, old, merged(old, other), is_moved=True)
    # Later than that one's number, so that what comes in between is the one's or the other's.
    await owe_in_advance(tx, other.id, through=await current_sequence(tx))
    await hand_over(tx, other.id, to=endpoint_id)
    await remove_endpoints(tx, [other.id])
    await move_endpoint(tx, endpoint_id, address, hashed=hashed)
    if new.state is EndpointState.ACTIVE:
        await make_due(tx, [endpoint_id], await tx.now())
    return True


def merged(one: EndpointRecord, other: EndpointRecord) -> EndpointRecord:
    """An endpoint with the tokens of another too, and what that chose where it had not."""
    is_active = EndpointState.ACTIVE in {one.state, other.state}
    has_quiet = one.time_zone is not None
    return replace(
        one,
        state=EndpointState.ACTIVE if is_active else one.state,
        disabled_reason=None if is_active else one.disabled_reason,
        filter=replace(one.filter, tokens=_tokens([one.filter, other.filter])),
        digest=other.digest if one.digest is None else one.digest,
        time_zone=one.time_zone if has_quiet else other.time_zone,
        quiet_hours=one.quiet_hours if has_quiet else other.quiet_hours,
    )


def _tokens(filters: Iterable[Filter]) -> tuple[TokenId, ...] | None:
    named: set[TokenId] = set()
    for each in filters:
        if each.tokens is None:
            return None
        named.update(each.tokens)
    return tuple(sorted(named))


async def _mute(tx: Transaction, endpoint_id: str, *, of: str) -> None:
    """Mute what another endpoint mutes, for as long at least."""
    for mute in await find_mutes(tx, [endpoint_id, of]):
        await set_mute(tx, endpoint_id, mute)
