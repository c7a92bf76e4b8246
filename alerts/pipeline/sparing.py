"""Sparing: the hours in which a chat is told nothing, and what it is not told of at all.

For all endpoints that the chat is, its own and every app's.
"""

from dataclasses import replace
from datetime import datetime
from zoneinfo import available_timezones

from alerts.domain.grades import TokenId
from alerts.domain.ids import HOUSE_APP
from alerts.domain.quiet import QuietHours
from alerts.errors import Conflict, InvalidInput
from alerts.pipeline.chat_life import change_chat, chat_endpoints
from alerts.pipeline.endpoints import Desk
from alerts.store.endpoints import EndpointRecord, address_hash, ids_at_address
from alerts.store.engine import Transaction
from alerts.store.fan_out import lock_lanes
from alerts.store.mutes import Mute, find_mutes, lift_mute, set_mute


async def set_time_zone(address: str, time_zone: str, *, desk: Desk) -> list[EndpointRecord]:
    """Choose a chat's zone, by which its quiet hours go, and the weekly digest it set up itself.

    address: as it is kept. Returns its endpoints as they are now. Raises InvalidInput.
    """
    if time_zone not in available_timezones():
        raise InvalidInput("time_zone", "must be an IANA time zone such as Europe/Berlin")

    def change(old: EndpointRecord) -> EndpointRecord:
        is_own = old.app_id == HOUSE_APP and old.digest is not None
        digest = {**(old.digest or {}), "time_zone": time_zone} if is_own else old.digest
        return replace(old, time_zone=time_zone, digest=digest)

    return await change_chat(address, change, desk=desk)


async def set_quiet_hours(
    address: str, hours: QuietHours | None, *, desk: Desk
) -> list[EndpointRecord]:
    """Tell a chat nothing in these hours of its day, or at any hour again where None.

    What the old ones hold back comes at once, unless the new ones hold it too. Returns its
    endpoints as they are now. Raises InvalidInput for hours that begin when they end, or Conflict
    where no zone was chosen.
    """
    if hours is not None and hours.starts == hours.ends:
        raise InvalidInput("quiet_hours", "must end at another time than they begin")

    def change(old: EndpointRecord) -> EndpointRecord:
        if hours is not None and old.time_zone is None:
            raise Conflict("choose a time zone first", field="time_zone")
        return replace(old, quiet_hours=hours)

    return await change_chat(address, change, desk=desk)


async def mute(address: str, until: datetime, *, token: TokenId | None = None, desk: Desk) -> None:
    """Tell a chat nothing of a token, or nothing at all where None, until then.

    What comes meanwhile is logged as skipped. A mute of the same that is there is replaced.
    """
    async with desk.store.write() as tx:
        for endpoint_id in await _lock(tx, address, desk=desk):
            await set_mute(tx, endpoint_id, Mute(token, until))


async def unmute(address: str, *, token: TokenId | None = None, desk: Desk) -> bool:
    """End a mute; False if there was none. token: as it was muted; None is that of everything.

    What was skipped stays so: it can be seen, and replayed.
    """
    lifted = False
    async with desk.store.write() as tx:
        for endpoint_id in await _lock(tx, address, desk=desk):
            lifted = await lift_mute(tx, endpoint_id, token) or lifted
    return lifted


async def mutes_of(address: str, *, desk: Desk) -> list[Mute]:
    """What a chat has muted, the first to end first; those that have ended are not there."""
    ids = [each.id for each in await chat_endpoints(address, desk=desk)]
    async with desk.store.read() as tx:
        return await find_mutes(tx, ids)


async def _lock(tx: Transaction, address: str, *, desk: Desk) -> list[str]:
    """A chat's endpoints, their lanes locked."""
    hashed = address_hash(desk.lookup_key, address)
    await lock_lanes(tx, await ids_at_address(tx, hashed))
    # Looked up again: one may have been deleted meanwhile.
    return await ids_at_address(tx, hashed)
