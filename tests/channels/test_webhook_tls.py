"""The webhook channel over TLS."""

import asyncio
from pathlib import Path

import pytest

from alerts.domain.deliveries import (
    Deferred,
    Delivered,
    Reason,
)
from tests.channels.raw import (
    make_certificate,
    says_nothing,
    serve,
)
from tests.channels.webhooks import LETTER, open_sender, send_raw, to
from tests.receiver import Receiver


async def test_a_sound_certificate_is_accepted_and_its_handshake_timed(tmp_path: Path) -> None:
    server, authority = make_certificate(tmp_path)
    async with (
        Receiver(tls=server) as receiver,
        open_sender(trusted=receiver.destination, authorities=authority) as sender,
    ):
        answer = await sender.send(to(receiver.url()), [LETTER])

    assert answer.outcome == Delivered()
    timings = answer.trace.timings_ms
    assert set(timings) == {"dns", "connect", "tls", "first_byte", "total"}
    assert timings["tls"] > 0


async def test_the_environment_says_who_vouches_for_receivers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, authority = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    async with (
        Receiver(tls=server) as receiver,
        open_sender(trusted=receiver.destination) as sender,
    ):
        answer = await sender.send(to(receiver.url()), [LETTER])

    assert answer.outcome == Delivered()


async def test_authorities_that_cannot_be_read_vouch_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    async with (
        Receiver(tls=server) as receiver,
        open_sender(trusted=receiver.destination) as sender,
    ):
        answer = await sender.send(to(receiver.url()), [LETTER])

    assert answer.outcome == Deferred(Reason.TLS)
    assert answer.trace.detail == "our authorities cannot be read"


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


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    server, authority = make_certificate(tmp_path)
    async with Receiver(tls=server) as receiver:
        port = receiver.port
        async with open_sender(
            trusted=f"other.example:{port}",
            lookup=lambda _: ["127.0.0.1"],
            authorities=authority,
        ) as sender:
            answer = await sender.send(to(f"https://other.example:{port}/"), [LETTER])

    assert answer.outcome == Deferred(Reason.TLS)
    assert receiver.requests == []


async def test_plain_http_on_an_https_port_is_a_tls_failure() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await says_nothing(reader, writer)

    async with serve(talk) as port:
        answer = await send_raw(port, scheme="https")

    assert answer.outcome == Deferred(Reason.TLS)


async def test_a_handshake_that_hangs_ends_with_the_time_for_connecting() -> None:
    async with serve(says_nothing) as port:
        answer = await send_raw(port, connect_seconds=0.2, scheme="https")

    assert answer.outcome == Deferred(Reason.TIMEOUT)
    assert answer.trace.detail == "no connection in time"
    assert answer.trace.remote_address == "127.0.0.1"
