"""A watch-list: the tokens that several endpoints of one place name, all of them the same.

They come first in a digest, and only they are told at once. Without a list all tokens are.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from alerts.bootstrap import Services
from alerts.domain.grades import TokenId
from alerts.domain.ids import HOUSE_APP
from alerts.errors import Conflict
from alerts.pipeline.endpoints import change_endpoint
from alerts.store.endpoints import EndpointRecord

# What one answer can show, and a person look through.
MOST_WATCHED: Final = 100

_Tokens = tuple[TokenId, ...]


@dataclass(frozen=True, slots=True)
class WatchDesk:
    """The watch-lists of channels, which are endpoints of the house."""

    services: Services

    async def add(self, token: TokenId, endpoints: Iterable[EndpointRecord]) -> _Tokens:
        """Watch one more; all that are watched. Raises Conflict if they are too many."""

        def more(old: _Tokens) -> _Tokens:
            new = tuple(sorted({*old, token}))
            if len(new) > MOST_WATCHED:
                raise Conflict(f"{MOST_WATCHED} tokens are watched, and there is no more room")
            return new

        return await self._change(endpoints, more)

    async def remove(self, token: TokenId, endpoints: Iterable[EndpointRecord]) -> _Tokens:
        """Watch one less; all that are still watched."""
        return await self._change(endpoints, lambda old: tuple(sorted({*old} - {token})))

    async def _change(
        self, endpoints: Iterable[EndpointRecord], change: Callable[[_Tokens], _Tokens]
    ) -> _Tokens:
        def changed(old: EndpointRecord) -> EndpointRecord:
            tokens = change(old.filter.tokens or ()) or None
            return replace(old, filter=replace(old.filter, tokens=tokens))

        new: EndpointRecord | None = None
        for each in sorted(endpoints, key=lambda endpoint: endpoint.id):
            desk = self.services.desk
            new = await change_endpoint(each.id, changed, app_id=HOUSE_APP, desk=desk)
        return watched(() if new is None else (new,))


def watched(endpoints: Sequence[EndpointRecord]) -> _Tokens:
    """The tokens that these name."""
    return tuple(sorted({token for each in endpoints for token in each.filter.tokens or ()}))
