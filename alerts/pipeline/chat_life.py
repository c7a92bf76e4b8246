"""The life of a chat: all endpoints that it is, its own and every app's, go the same way.

Each goes in a transaction of its own, under its lane's lock; all of it is harmless to repeat.
"""

from collections.abc import Callable
from dataclasses import replace

from alerts.domain.deliveries import Channel, EndpointState
from alerts.errors import NotFound
from alerts.pipeline.endpoints import Desk, change_endpoint
from alerts.pipeline.move import move
from alerts.pipeline.places import all_at
from alerts.store.endpoints import EndpointRecord
from alerts.store.fan_out import lock_lanes

Change = Callable[[EndpointRecord], EndpointRecord]


async def chat_endpoints(address: str, *, desk: Desk) -> list[EndpointRecord]:
    """All endpoints that a chat is, the oldest first. address: as it is kept."""
    return await all_at(address, channel=Channel.TELEGRAM, desk=desk)


async def pause_chat(address: str, *, desk: Desk) -> list[EndpointRecord]:
    """Send nothing there until `resume_chat`; all its endpoints, as they are now."""

    def change(old: EndpointRecord) -> EndpointRecord:
        is_active = old.state is EndpointState.ACTIVE
        return replace(old, state=EndpointState.PAUSED) if is_active else old

    return await change_chat(address, change, desk=desk)


async def resume_chat(address: str, *, desk: Desk) -> list[EndpointRecord]:
    """Go on from the present event; all its endpoints, as they are now.

    Also with what was disabled: whoever asks for this is there, and has not blocked our bot.
    """

    def change(old: EndpointRecord) -> EndpointRecord:
        return replace(old, state=EndpointState.ACTIVE, disabled_reason=None)

    return await change_chat(address, change, desk=desk)


async def move_chat(address: str, to: str, *, desk: Desk) -> list[EndpointRecord]:
    """Follow a chat to its new address, as when a group became a supergroup; what was moved.

    Where an app has an endpoint there already, the two become one. Doing it again moves nothing.
    address, to: as they are kept.
    """
    ciphertext, hashed = desk.seal_address(to)
    there = {each.app_id: each.id for each in await chat_endpoints(to, desk=desk)}
    moved = []
    for each in await chat_endpoints(address, desk=desk):
        async with desk.store.write() as tx:
            await lock_lanes(tx, sorted({each.id, there.get(each.app_id, each.id)}))
            if await move(tx, each.id, ciphertext, hashed=hashed):
                moved.append(each)
    return moved


async def change_chat(address: str, change: Change, *, desk: Desk) -> list[EndpointRecord]:
    """Apply a change to all endpoints of a chat; those it is, as they are now."""
    changed = []
    for each in await chat_endpoints(address, desk=desk):
        try:
            changed.append(await change_endpoint(each.id, change, app_id=None, desk=desk))
        except NotFound:
            continue
    return changed
