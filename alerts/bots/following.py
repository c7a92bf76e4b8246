"""The tokens that a chat follows: those, and no others, are what it is told of.

A list of none is none: who follows nothing yet is told nothing. (Watched by a server on Discord,
none are all: watching.py.)
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from alerts.bootstrap import Services
from alerts.bots.chats import ChatDesk
from alerts.bots.meant import Meant
from alerts.bots.watching import MOST_WATCHED
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.deliveries import EndpointState
from alerts.domain.grades import TokenId
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.endpoints import change_endpoint
from alerts.store.endpoints import EndpointRecord

_Tokens = tuple[TokenId, ...]


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of it. endpoint: as it is now.

    changed: tokens that are followed now, or no more; same: those that were, or were not, before.
    refused: those that there was no room for. revived: it had been disabled, and works again.
    """

    endpoint: EndpointRecord
    changed: _Tokens = ()
    same: _Tokens = ()
    refused: _Tokens = ()
    revived: bool = False


@dataclass(frozen=True, slots=True)
class FollowDesk:
    """What chats follow, by the endpoints that they set up themselves."""

    services: Services

    async def follow(self, tokens: Collection[TokenId], chat: TelegramChat, title: str) -> Followed:
        """Follow these as well. A chat that was disabled speaks to us, so it is told again."""
        desk = self.services.desk
        before = await ChatDesk(self.services).ensure(chat, title)

        def change(old: EndpointRecord) -> EndpointRecord:
            nonlocal before
            before = old
            active = replace(old, state=EndpointState.ACTIVE, disabled_reason=None)
            new = active if old.state is EndpointState.DISABLED else old
            return replace(new, filter=replace(old.filter, tokens=_more(old, tokens)))

        now = await change_endpoint(before.id, change, app_id=HOUSE_APP, desk=desk)
        known, held = set(follows(before)), set(follows(now))
        return Followed(
            endpoint=now,
            changed=tuple(each for each in tokens if each in held - known),
            same=tuple(each for each in tokens if is_followed(each, before)),
            refused=tuple(each for each in tokens if not is_followed(each, now)),
            revived=before.state is not now.state,
        )

    async def unfollow(self, tokens: Collection[TokenId], endpoint: EndpointRecord) -> Followed:
        """Follow these no more. Who follows all goes on to."""
        before = endpoint

        def change(old: EndpointRecord) -> EndpointRecord:
            nonlocal before
            before = old
            if old.filter.tokens is None:
                return old
            left = tuple(each for each in old.filter.tokens if each not in set(tokens))
            return replace(old, filter=replace(old.filter, tokens=left))

        desk = self.services.desk
        now = await change_endpoint(endpoint.id, change, app_id=HOUSE_APP, desk=desk)
        gone = set(follows(before)) - set(follows(now))
        return Followed(
            endpoint=now,
            changed=tuple(each for each in tokens if each in gone),
            same=tuple(each for each in tokens if each not in gone),
        )


def follows(endpoint: EndpointRecord | None) -> _Tokens:
    """The tokens that an endpoint names; of one that takes all none."""
    return () if endpoint is None else tuple(endpoint.filter.tokens or ())


def follows_all(endpoint: EndpointRecord | None) -> bool:
    """Whether it takes all tokens, which an operator may have asked for."""
    return endpoint is not None and endpoint.filter.tokens is None


def is_followed(token: TokenId, endpoint: EndpointRecord | None) -> bool:
    """Whether an endpoint takes a token."""
    return follows_all(endpoint) or token in follows(endpoint)


def _more(old: EndpointRecord, tokens: Collection[TokenId]) -> _Tokens | None:
    """With these as well, as far as there is room."""
    if old.filter.tokens is None:
        return None
    new = [each for each in tokens if each not in set(old.filter.tokens)]
    room = max(MOST_WATCHED - len(old.filter.tokens), 0)
    return tuple(sorted({*old.filter.tokens, *new[:room]}))


def as_followed(meant: Meant, endpoints: Sequence[EndpointRecord]) -> Meant:
    """Where several tokens bear a symbol and a chat follows one of them alone: that one."""
    here = tuple(
        token for token in meant.tokens if any(is_followed(token.id, each) for each in endpoints)
    )
    return replace(meant, tokens=here) if meant.is_known and len(here) == 1 else meant
