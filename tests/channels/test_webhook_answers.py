"""The webhook channel: what is made of an answer."""

import asyncio
import gzip
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.domain.deliveries import (
    Deferred,
    Delivered,
    Disable,
    DisableReason,
    Reason,
    Rejected,
    Scope,
)
from tests.channels.raw import (
    make_certificate,
    says,
    says_and_repeats,
    serve,
)
from tests.channels.webhooks import LETTER, open_sender, send_raw, to
from tests.receiver import Receiver, Reply


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("999999", timedelta(hours=24)),
        ("soon", None),
        (None, None),
    ],
)
async def test_a_429_holds_the_endpoint_as_long_as_it_asked(
    asked: str | None, wait: timedelta | None
) -> None:
    async with Receiver() as receiver, open_sender(trusted=receiver.destination) as sender:
        receiver.script("/", Reply(429, {"retry-after": asked} if asked else {}))

        answer = await sender.send(to(receiver.url()), [LETTER])

    assert answer.outcome == Deferred(Reason.RATE_LIMITED, wait, Scope.ENDPOINT)


async def test_a_410_ends_the_endpoint() -> None:
    async with Receiver() as receiver, open_sender(trusted=receiver.destination) as sender:
        receiver.script("/", Reply(410))

        answer = await sender.send(to(receiver.url()), [LETTER])

    assert answer.outcome == Rejected(Reason.GONE)
    assert answer.effect == Disable(DisableReason.GONE)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://user:s3cret@Other.example:99/s3cret?s3cret", "https://other.example"),
        ("//other.example/s3cret", "https://other.example"),
        ("/s3cret", "the same host"),
        ("http://[s3cret", "something unreadable"),
    ],
)
async def test_a_redirect_is_a_failure_shown_by_its_host_and_never_followed(
    location: str, shown: str
) -> None:
    async with Receiver() as receiver, open_sender(trusted=receiver.destination) as sender:
        receiver.script("/", Reply(307, {"location": location}))

        answer = await sender.send(to(receiver.url()), [LETTER])

    assert answer.outcome == Deferred(Reason.REDIRECT)
    assert answer.trace.detail == f"redirects to {shown}"
    assert len(receiver.requests) == 1


async def test_a_redirect_into_our_own_network_is_not_followed_either() -> None:
    async with Receiver() as inner, Receiver() as receiver:
        trusted = f"{receiver.destination},{inner.destination}"
        async with open_sender(trusted=trusted) as sender:
            receiver.script("/", Reply(302, {"location": inner.url("/admin")}))
            await sender.send(to(receiver.url()), [LETTER])

        assert inner.requests == []


async def test_cookies_are_not_kept() -> None:
    async with Receiver() as receiver, open_sender(trusted=receiver.destination) as sender:
        receiver.script("/", Reply(200, {"set-cookie": "a=b"}))
        for _ in range(2):
            await sender.send(to(receiver.url()), [LETTER])

    assert "cookie" not in receiver.requests[1].headers


async def test_a_proxy_named_by_the_environment_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Receiver() as proxy, Receiver() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        async with open_sender(trusted=f"{receiver.destination},{proxy.destination}") as sender:
            await sender.send(to(receiver.url()), [LETTER])

        assert (len(receiver.requests), len(proxy.requests)) == (1, 0)


@pytest.mark.parametrize(
    ("status", "sent", "kept"),
    [(500, 16384, 16384), (500, 16385, 16384), (200, 256, 256), (200, 257, 256), (500, 0, 0)],
)
async def test_of_a_body_only_so_much_is_kept_and_the_cut_is_told(
    status: int, sent: int, kept: int
) -> None:
    async with Receiver() as receiver, open_sender(trusted=receiver.destination) as sender:
        receiver.script("/", Reply(status, body=b"x" * sent))

        answer = await sender.send(to(receiver.url()), [LETTER])

    assert answer.trace.response_body == b"x" * kept
    assert answer.trace.truncated == (sent > kept)


async def test_the_connection_of_an_endless_body_is_closed_at_the_cap() -> None:
    hung_up = asyncio.Event()
    endless = says_and_repeats(b"HTTP/1.1 500 X\r\n\r\n", b"x" * 65536)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await endless(reader, writer)
        finally:
            hung_up.set()

    async with serve(talk) as port, open_sender(trusted=f"127.0.0.1:{port}") as sender:
        answer = await sender.send(to(f"http://127.0.0.1:{port}/"), [LETTER])
        async with asyncio.timeout(5):
            await hung_up.wait()

    assert answer.outcome == Deferred(Reason.SERVER_ERROR)
    assert len(answer.trace.response_body) == 16384
    assert answer.trace.truncated


async def test_a_gzip_bomb_stays_packed() -> None:
    bomb = gzip.compress(b"\x00" * 50_000_000)
    async with Receiver() as receiver, open_sender(trusted=receiver.destination) as sender:
        receiver.script("/", Reply(500, {"content-encoding": "gzip"}, bomb))

        answer = await sender.send(to(receiver.url()), [LETTER])

    assert answer.trace.response_body == bomb[:16384]
    assert answer.trace.truncated


async def test_a_body_that_drips_ends_at_the_deadline_with_what_came() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    loop = asyncio.get_running_loop()
    async with serve(says_and_repeats(head, b"x", every_seconds=0.02)) as port:
        started = loop.time()

        answer = await send_raw(port, deadline_seconds=0.3)

        assert 0.29 < loop.time() - started < 2
    assert answer.outcome == Deferred(Reason.TIMEOUT)
    assert answer.trace.status_code == 200
    assert answer.trace.response_body.startswith(b"x")
    assert answer.trace.detail == "no whole answer in time"


@pytest.mark.parametrize(
    ("answered", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Reason.CONNECTION),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", Reason.CONNECTION),
        (b"", Reason.CONNECTION),
        (b"SSH-2.0-OpenSSH_9.6\r\n", Reason.OTHER),
        (b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 9000 + b"\r\n\r\n", Reason.OTHER),
        (b"HTTP/1.1 200 OK\r\n" + b"X-A: a\r\n" * 101 + b"\r\n", Reason.OTHER),
    ],
    ids=["half a body", "half a chunk", "nothing", "no http", "a huge header", "many headers"],
)
async def test_a_broken_answer_is_tried_again_even_if_it_began_well(
    answered: bytes, reason: Reason
) -> None:
    async with serve(says(answered)) as port:
        answer = await send_raw(port)

    assert answer.outcome == Deferred(reason)


async def test_a_body_without_a_length_ends_when_the_receiver_hangs_up() -> None:
    async with serve(says(b"HTTP/1.0 200 OK\r\n\r\nfine")) as port:
        answer = await send_raw(port)

    assert answer.outcome == Delivered()
    assert answer.trace.response_body == b"fine"


async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    server, _ = make_certificate(tmp_path)
    async with (
        Receiver(tls=server) as receiver,
        open_sender(trusted=receiver.destination) as sender,
    ):
        answer = await sender.send(to(receiver.url()), [LETTER])

    assert answer.outcome == Deferred(Reason.TLS)
    assert answer.trace.detail == "self-signed certificate"
    assert receiver.requests == []
