"""One GET to an upstream: one deadline, a size cap, no redirect, no cookie, no proxy."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from alerts.errors import InvalidInput

# Enough of an error's body to read its message.
REFUSAL_CAP_BYTES = 4096
CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Download:
    """An answer as it came. body: unpacked; its beginning only where `is_cut`."""

    status: int
    headers: httpx.Headers
    body: bytes
    is_cut: bool


def checked_base_url(value: str) -> httpx.URL:
    """Where an upstream lives, its paths to be added. Raises InvalidInput."""
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL as error:
        raise InvalidInput("base_url", str(error)) from None
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query:
        raise InvalidInput("base_url", "must be http(s)://host[:port][/path] and no more")
    return url


@asynccontextmanager
async def open_client() -> AsyncIterator[httpx.AsyncClient]:
    """A client that goes nowhere by itself and keeps nothing of what it was given."""
    no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    async with httpx.AsyncClient(
        trust_env=False, follow_redirects=False, cookies=no_cookies
    ) as client:
        yield client


async def download(
    client: httpx.AsyncClient,
    url: httpx.URL,
    *,
    headers: Mapping[str, str],
    deadline: timedelta,
    cap_bytes: int,
) -> Download | str:
    """The answer to a GET, or in a few words why there is none. Raises only cancellation.

    deadline: for everything, from name look-up to the last byte of the body.
    cap_bytes: of the unpacked body of a 200; of other answers REFUSAL_CAP_BYTES are kept.
    The words hold no header: a key sent in one cannot come out in them.
    """
    seconds = deadline.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            return await _stream(client, url, headers=headers, cap_bytes=cap_bytes)
    except (TimeoutError, httpx.TimeoutException):
        return f"no whole answer within {seconds:g} s"
    except httpx.LocalProtocolError:
        # Its text may quote the header that cannot be sent.
        return "the request cannot be sent as HTTP"
    except httpx.RemoteProtocolError as error:
        return f"the answer was cut short or is no HTTP ({error})"
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, UnicodeError) as error:
        return f"the connection failed ({str(error) or type(error).__name__})"
    except zlib.error as error:
        return f"the gzip body is broken ({error})"


async def _stream(
    client: httpx.AsyncClient, url: httpx.URL, *, headers: Mapping[str, str], cap_bytes: int
) -> Download | str:
    timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
    asked = {**headers, "accept-encoding": "gzip"}
    request = client.build_request("GET", url, headers=asked, timeout=timeout)
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"identity", "", "gzip"}:
            return f"HTTP {response.status_code} in an encoding nobody asked for ({encoding[:40]})"
        unpacking = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        cap = cap_bytes if response.status_code == httpx.codes.OK else REFUSAL_CAP_BYTES
        body = bytearray()
        async for chunk in response.aiter_raw():
            # One byte past the cap is enough to know, and all a packed bomb can unpack to.
            room = cap - len(body) + 1
            body += unpacking.decompress(chunk, room) if unpacking else chunk[:room]
            if len(body) > cap:
                break
        is_cut = len(body) > cap
        if unpacking and not unpacking.eof and not is_cut:
            return "the gzip body was cut short"
        return Download(response.status_code, response.headers, bytes(body[:cap]), is_cut)
    finally:
        await response.aclose()
