"""Chats: how one becomes an endpoint: it asks our bot itself, or it opens a link of an app's.

A chat's id is taken from nobody else: whoever knows it could have anybody told anything.
"""

import base64
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from alerts.domain.channels import TERMS
from alerts.domain.deliveries import Channel
from alerts.domain.ids import HOUSE_APP
from alerts.errors import InvalidInput, NotFound
from alerts.pipeline.endpoints import Desk, Wish, add_endpoint, token_ids
from alerts.store.answers import Keep, keep_nothing
from alerts.store.apps import find_app
from alerts.store.cipher import keyed_hash
from alerts.store.endpoints import (
    EndpointRecord,
    address_hash,
    find_recipients,
    ids_at_address,
    update_endpoint,
)
from alerts.store.engine import Transaction
from alerts.store.events import current_sequence
from alerts.store.links import add_link, take_link
from alerts.store.mutes import find_mutes, set_mute

LINK_LIFE: Final = timedelta(minutes=10)
# What a code begins with, so that the bot tells it from what else comes behind `/start`. Telegram
# takes 64 letters, digits, _ and - there: https://core.telegram.org/bots/features#deep-linking
CODE_PREFIX: Final = "app-"
_CODE_BYTES: Final = 24

_wishes: Final = msgspec.json.Decoder(Wish)


@dataclass(frozen=True, slots=True)
class Link:
    """What an app was given. url: for whoever is to be told; it works once, until it expires."""

    url: str
    expires_at: datetime


async def create_chat(address: str, wish: Wish, *, most_rate: float, desk: Desk) -> EndpointRecord:
    """An endpoint of the house, of a Telegram chat that asked for it. address: as it is kept.

    wish: may name no token, for a chat may choose them later. most_rate: messages a second that
    the chat takes. Raises InvalidInput, or Conflict if the house has that chat.
    """
    tokens = await token_ids(wish.tokens, desk) if wish.tokens != () else ()
    async with desk.store.write() as tx:
        place, paced = (Channel.TELEGRAM, address), _paced(wish, most_rate)
        made = await add_endpoint(tx, HOUSE_APP, paced, place=place, tokens=tokens, desk=desk)
        return await _as_others(tx, made, address, desk=desk)


async def ask_for_chat(
    app_id: str, wish: Wish, *, desk: Desk, keep: Keep[Link] = keep_nothing
) -> Link:
    """A link for whoever is to be told by an app; what they are told of is settled by now.

    Raises InvalidInput, PlatformSilent, or NotFound if there is no such app.
    """
    if wish.headers:
        raise InvalidInput("headers", "are for webhooks; telegram takes none")
    # What would be refused once the chat is there is refused now, while somebody can mend it.
    rate = TERMS[Channel.TELEGRAM].rate(wish.rate_limit)
    wanted = replace(wish.wanted, tokens=await token_ids(wish.tokens, desk))
    settled = replace(wish, wanted=wanted, tokens=None, rate_limit=rate)
    code = CODE_PREFIX + base64.urlsafe_b64encode(desk.fresh_secret(_CODE_BYTES)).decode()
    url = await desk.link_chat(code)
    async with desk.store.write() as tx:
        if await find_app(tx, app_id) is None:
            raise NotFound("app", app_id)
        link = Link(url, await tx.now() + LINK_LIFE)
        await add_link(
            tx,
            keyed_hash(desk.lookup_key, code),
            app_id=app_id,
            channel=Channel.TELEGRAM,
            wish=msgspec.json.encode(settled),
            expires_at=link.expires_at,
        )
        await keep(tx, link)
    return link


async def open_link(
    code: str, address: str, *, most_rate: float, desk: Desk
) -> EndpointRecord | None:
    """The endpoint that a chat becomes by opening a link; None for one that does not work any more.

    address: of the chat that did, as it is kept. most_rate: messages a second that it takes.
    Raises Conflict if the app has that chat, or NotFound if the app was deleted; then the link
    still works.
    """
    async with desk.store.write() as tx:
        opened = await take_link(tx, keyed_hash(desk.lookup_key, code))
        if opened is None:
            return None
        wish = _paced(_wishes.decode(opened.wish), most_rate)
        tokens = wish.wanted.tokens
        made = await add_endpoint(
            tx, opened.app_id, wish, place=(opened.channel, address), tokens=tokens, desk=desk
        )
        return await _as_others(tx, made, address, desk=desk)


async def _as_others(
    tx: Transaction, made: EndpointRecord, address: str, *, desk: Desk
) -> EndpointRecord:
    """A chat's new endpoint with what its others have: its zone, its quiet hours, its mutes."""
    hashed = address_hash(desk.lookup_key, address)
    ids = [one for one in await ids_at_address(tx, hashed) if one != made.id]
    for muted in await find_mutes(tx, ids):
        await set_mute(tx, made.id, muted)
    for other in (await find_recipients(tx, ids)).values():
        made = replace(made, time_zone=other.time_zone, quiet_hours=other.quiet_hours)
    if made.time_zone is not None:
        since = await current_sequence(tx)
        await update_endpoint(tx, made, old=made.filter, since=since, is_resumed=False)
    return made


def _paced(wish: Wish, most_rate: float) -> Wish:
    asked = wish.rate_limit
    return replace(wish, rate_limit=most_rate if asked is None else min(asked, most_rate))
