"""One GET to an upstream: one deadline, a size cap, no redirect, no cookie, no proxy."""

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from alerts.errors import InvalidInput
from alerts.ports import Clock

# Enough of an error's body to read its message.
REFUSAL_CAP_BYTES = 4096
CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an answer. at: when it had come, by our clock."""

    status: int
    headers: httpx.Headers
    at: datetime


@dataclass(frozen=True, slots=True)
class Download:
    """An answer as it came. body: unpacked; its beginning only where `is_cut`."""

    head: Head
    body: bytes
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Broken:
    """No answer, or not all of it: why, in a few words; and its head, as far as that came."""

    words: str
    head: Head | None


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
        verify=_authorities(), trust_env=False, follow_redirects=False, cookies=no_cookies
    ) as client:
        yield client


@cache
def _authorities() -> ssl.SSLContext:
    """Those that certifi lists: reading them takes 28 ms, and they are any client's."""
    return httpx.create_ssl_context(trust_env=False)


async def download(
    client: httpx.AsyncClient,
    url: httpx.URL,
    *,
    headers: Mapping[str, str],
    deadline: timedelta,
    cap_bytes: int,
    clock: Clock,
) -> Download | Broken:
    """The answer to a GET, or why there is none. Raises only cancellation.

    deadline: for everything, from name look-up to the last byte of the body.
    cap_bytes: of the unpacked body of a 200; of other answers REFUSAL_CAP_BYTES are kept.
    The words of a Broken hold no header: a key sent in one cannot come out in them.
    """
    seconds = deadline.total_seconds()
    begun: list[Head] = []
    try:
        async with asyncio.timeout(seconds), _answer(client, url, headers) as response:
            begun.append(Head(response.status_code, response.headers, clock.now()))
            read = await _read(response, cap_bytes=cap_bytes)
    except (TimeoutError, httpx.TimeoutException):
        words = f"no whole answer within {seconds:g} s"
    except httpx.LocalProtocolError:
        # Its text may quote the header that cannot be sent.
        words = "the request cannot be sent as HTTP"
    except httpx.RemoteProtocolError as error:
        words = f"the answer was cut short or is no HTTP ({error})"
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, UnicodeError) as error:
        words = f"the connection failed ({str(error) or type(error).__name__})"
    except zlib.error as error:
        words = f"the gzip body is broken ({error})"
    else:
        return Broken(read, begun[0]) if isinstance(read, str) else Download(begun[0], *read)
    return Broken(words, begun[0] if begun else None)


@asynccontextmanager
async def _answer(
    client: httpx.AsyncClient, url: httpx.URL, headers: Mapping[str, str]
) -> AsyncIterator[httpx.Response]:
    timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
    asked = {**headers, "accept-encoding": "gzip"}
    request = client.build_request("GET", url, headers=asked, timeout=timeout)
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        yield response
    finally:
        await response.aclose()


async def _read(response: httpx.Response, *, cap_bytes: int) -> tuple[bytes, bool] | str:
    """The body, unpacked, and whether it was cut at the cap; or what is wrong with it."""
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
    return bytes(body[:cap]), is_cut
