"""The URL of a new or moved webhook: judged as text, and by where its name leads today.

Where it leads tomorrow is judged at every connection (guard.py): nothing here is relied on there.
It is asked for all the same, so that whoever registers an address inside learns it at once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from yarl import URL

from alerts.channels.addresses import OWN_RECEIVER, vet_url
from alerts.channels.guard import BlockedAddress, Guard, GuardedResolver, Lookup, system_lookup
from alerts.channels.networks import Trusted, read_address
from alerts.errors import InvalidInput

# Seconds somebody who registers a URL waits for its name to be looked up.
LOOKUP_SECONDS: Final = 2.0


@asynccontextmanager
async def open_vetting(
    *,
    https_only: bool,
    trusted: Trusted,
    lookup: Lookup = system_lookup,
    lookup_seconds: float = LOOKUP_SECONDS,
) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """A function from a URL to its normal form (`addresses.vet_url`); its look-ups end with this.

    It raises InvalidInput with field `url`. A name that cannot be looked up, or not in time, is
    taken: its receiver may not be there yet.
    """
    resolver = GuardedResolver(Guard(trusted), lookup)

    async def vet(url: str) -> str:
        normal = vet_url(url, https_only=https_only, trusted=trusted)
        where = URL(normal, encoded=True)
        if where.raw_host is None or where.port is None or read_address(where.raw_host) is not None:
            return normal
        try:
            async with asyncio.timeout(lookup_seconds):
                await resolver.resolve(where.raw_host, where.port)
        except BlockedAddress as blocked:
            raise InvalidInput(
                "url", f"must lead to public addresses alone: {blocked}; {OWN_RECEIVER}"
            ) from None
        except OSError:
            return normal
        return normal

    try:
        yield vet
    finally:
        await resolver.close()
