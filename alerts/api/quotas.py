"""Quotas of the API: so many calls a second for each key, and few wrong keys from one address.

Source: https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10
"""

import hashlib
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from starlette.requests import Request

from alerts.domain.quotas import Quota, Standing
from alerts.errors import RateLimited
from alerts.pipeline.access import Principal, hash_key
from alerts.ports import Limiter

# How many seconds' worth of calls a key may make at once.
BURST_SECONDS: Final = 2
# Wrong keys from one address; it is for whoever tries them all, not for who mistyped one.
STRANGERS: Final = Quota(burst=20, per_second=1)
# One household, one office, one machine: whoever has an IPv6 address has as many as these.
HOUSEHOLD_BITS: Final = 64
MOST_KNOWN: Final = 10_000
_POLICY: Final = '"key"'


class Gate:
    """Lets callers in as often as they may.

    limiter: counts. per_second: calls that one key may make.
    """

    def __init__(self, limiter: Limiter, *, per_second: float) -> None:
        self._limiter = limiter
        self._quota = Quota(max(1, round(BURST_SECONDS * per_second)), per_second)
        # Hashes of keys that were right here lately. Whoever shares an address with somebody who
        # tries keys, behind a proxy say, is not kept out with him.
        self._known: OrderedDict[str, None] = OrderedDict()

    async def face(self, request: Request, presented: str) -> None:
        """Refuse to look at one more unknown key from an address that brought too many wrong ones.

        Raises RateLimited.
        """
        if hash_key(presented) in self._known:
            return
        found = await self._limiter.ask(_household(request), STRANGERS, is_spent=False)
        if not found.is_allowed:
            problem = "too many wrong keys came from this address"
            raise RateLimited(problem, retry_after_seconds=found.retry_after_seconds)

    async def note(self, request: Request, presented: str, *, is_right: bool) -> None:
        """Remember that this key was right, or that this address brought a wrong one."""
        hashed = hash_key(presented)
        if not is_right:
            self._known.pop(hashed, None)
            await self._limiter.ask(_household(request), STRANGERS)
            return
        self._known[hashed] = None
        self._known.move_to_end(hashed)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    async def admit(self, request: Request, principal: Principal) -> None:
        """Count one call of this key, and say in the answer how it stands. Raises RateLimited.

        The operator's own key is not counted: what must be done with it must be done.
        """
        if principal.key_id is None:
            return
        found = await self._limiter.ask(f"key:{principal.key_id}", self._quota)
        request.state.headers = self._headers(found)
        if not found.is_allowed:
            quota = self._quota
            problem = (
                f"this key may make {quota.per_second:g} calls a second, {quota.burst} at once"
            )
            raise RateLimited(problem, retry_after_seconds=found.retry_after_seconds)

    def _headers(self, found: Standing) -> list[tuple[bytes, bytes]]:
        policy = f"{_POLICY};q={self._quota.burst};w={self._quota.window_seconds}"
        limit = f"{_POLICY};r={found.remaining};t={found.reset_seconds}"
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", limit.encode())]


def _household(request: Request) -> str:
    """The bucket of whoever is calling: an IPv4 address, or the network of an IPv6 one."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return f"stranger:{hashlib.sha256(host.encode()).hexdigest()}"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return f"stranger:{ip_network((address, HOUSEHOLD_BITS), strict=False)}"
        address = address.ipv4_mapped
    return f"stranger:{address}"
