"""The webhook channel against a real receiver: what it sends, and what it makes of the answers."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts import __version__
from alerts.channels.guard import Lookup, system_lookup
from alerts.channels.http import tls_context
from alerts.channels.networks import Trusted
from alerts.channels.signing import format_secret
from alerts.channels.webhook import WebhookSender, open_webhook_sender
from alerts.domain.deliveries import (
    Answer,
    Channel,
    Deferred,
    Delivered,
    Disable,
    DisableReason,
    Reason,
    Rejected,
    Scope,
)
from alerts.ports import Destination, Letter, SigningSecret
from tests.channels.contract import Case, SenderContract
from tests.channels.raw import (
    make_certificate,
    says,
    says_and_repeats,
    says_nothing,
    serve,
)
from tests.receiver import Receiver, Reply

OLD = SigningSecret("sec_old", b"o" * 32)
NEW = SigningSecret("sec_new", b"n" * 32)
LETTER = Letter("dlv_1", "evt_1", '{"type": "grade.upgraded", "name": "Bücher"}'.encode())


class _Clock:
    """Real time, moved by `ahead`."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def _sender(
    *,
    trusted: str = "127.0.0.0/8:1",
    clock: _Clock | None = None,
    deadline_seconds: float = 5.0,
    connect_seconds: float = 5.0,
    lookup: Lookup = system_lookup,
    tls: ssl.SSLContext | None = None,
    https_only: bool = False,
) -> AbstractAsyncContextManager[WebhookSender]:
    return open_webhook_sender(
        clock=clock or _Clock(),
        https_only=https_only,
        trusted=Trusted.parse(trusted),
        deadline_seconds=deadline_seconds,
        connect_seconds=connect_seconds,
        lookup=lookup,
        tls=tls,
    )


def _to(
    url: str,
    *,
    headers: tuple[tuple[str, str], ...] = (),
    secrets: tuple[SigningSecret, ...] = (NEW,),
) -> Destination:
    return Destination("ep_1", Channel.WEBHOOK, url, headers, secrets)


async def _send_raw(
    port: int, *, deadline_seconds: float = 5.0, connect_seconds: float = 5.0, scheme: str = "http"
) -> Answer:
    async with _sender(
        trusted=f"127.0.0.1:{port}",
        deadline_seconds=deadline_seconds,
        connect_seconds=connect_seconds,
    ) as sender:
        return await sender.send(_to(f"{scheme}://127.0.0.1:{port}/hook/k3y"), [LETTER])


class TestTheContract(SenderContract):
    """Every sender keeps to this."""

    @asynccontextmanager
    async def open_case(self, base_url: str, *, deadline_seconds: float) -> AsyncIterator[Case]:
        trusted = base_url.removeprefix("http://").rstrip("/")
        async with _sender(trusted=trusted, deadline_seconds=deadline_seconds) as sender:
            yield Case(
                sender,
                _to(
                    f"{base_url}hook/p4th-k3y?q=qu3ry-k3y",
                    headers=(("authorization", "Bearer h34der-k3y"),),
                ),
                [LETTER],
                ("p4th-k3y", "qu3ry-k3y", "h34der-k3y", "n" * 32, format_secret(NEW.key)),
            )


async def test_a_letter_arrives_to_the_byte_signed_and_named() -> None:
    async with (
        Receiver(secrets=[format_secret(NEW.key)]) as receiver,
        _sender(trusted=receiver.destination) as sender,
    ):
        answer = await sender.send(_to(receiver.url("/hook?key=1")), [LETTER])

    request = receiver.requests[0]
    assert answer.outcome == Delivered()
    assert request.verified
    assert request.method == "POST"
    assert request.body == LETTER.body
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == f"Gradebell/{__version__}"
    assert request.headers["webhook-id"] == "evt_1"
    assert request.headers["gradebell-endpoint"] == "ep_1"
    assert request.headers["gradebell-delivery"] == "dlv_1"
    assert "accept-encoding" not in request.headers
    assert answer.trace.status_code == 204
    assert answer.trace.remote_address == "127.0.0.1"
    assert answer.trace.secret_ids == ("sec_new",)
    assert answer.trace.detail is None


async def test_while_secrets_rotate_every_live_one_signs() -> None:
    for secret in (OLD, NEW):
        async with (
            Receiver(secrets=[format_secret(secret.key)]) as receiver,
            _sender(trusted=receiver.destination) as sender,
        ):
            answer = await sender.send(_to(receiver.url(), secrets=(OLD, NEW)), [LETTER])

        assert receiver.requests[0].verified
        assert answer.trace.secret_ids == ("sec_old", "sec_new")


async def test_the_timestamp_is_the_attempts_own_second() -> None:
    clock = _Clock()
    async with Receiver() as receiver, _sender(trusted=receiver.destination, clock=clock) as sender:
        await sender.send(_to(receiver.url()), [LETTER])
        clock.ahead = timedelta(hours=5)
        await sender.send(_to(receiver.url()), [LETTER])

    first, second = (int(request.headers["webhook-timestamp"]) for request in receiver.requests)
    assert 5 * 3600 - 1 <= second - first <= 5 * 3600 + 5
    assert receiver.requests[0].headers["webhook-id"] == receiver.requests[1].headers["webhook-id"]


async def test_the_endpoints_own_headers_go_along_but_never_in_place_of_ours() -> None:
    headers = (("X-Team", "7"), ("Webhook-Id", "forged"), ("Content-Type", "text/plain"))
    async with Receiver() as receiver, _sender(trusted=receiver.destination) as sender:
        await sender.send(_to(receiver.url(), headers=headers), [LETTER])

    sent = receiver.requests[0].headers
    assert (sent["x-team"], sent["webhook-id"]) == ("7", "evt_1")
    assert sent["content-type"] == "application/json"


async def test_a_header_that_would_break_the_message_is_not_sent() -> None:
    async with Receiver() as receiver, _sender(trusted=receiver.destination) as sender:
        answer = await sender.send(_to(receiver.url(), headers=(("x-a", "1\r\nx-b: 2"),)), [LETTER])

    assert answer.outcome == Deferred(Reason.OTHER)
    assert receiver.requests == []


async def test_connections_are_used_again_and_only_a_new_one_has_connecting_times() -> None:
    async with Receiver() as receiver, _sender(trusted=receiver.destination) as sender:
        first = await sender.send(_to(receiver.url("/a")), [LETTER])
        second = await sender.send(_to(receiver.url("/b")), [LETTER])

    assert receiver.requests[0].connection == receiver.requests[1].connection
    assert set(first.trace.timings_ms) == {"dns", "connect", "first_byte", "total"}
    assert set(second.trace.timings_ms) == {"first_byte", "total"}
    assert 0 < second.trace.timings_ms["first_byte"] <= second.trace.timings_ms["total"]
    assert second.trace.remote_address == "127.0.0.1"


async def test_a_connection_closed_while_idle_is_not_used_again() -> None:
    answered = says(b"HTTP/1.1 204 No Content\r\n\r\n")
    closed = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answered(reader, writer)
        closed.set()

    async with (
        serve(talk) as port,
        Receiver() as other,
        _sender(trusted=f"127.0.0.1:{port},{other.destination}") as sender,
    ):
        first = await sender.send(_to(f"http://127.0.0.1:{port}/"), [LETTER])
        await closed.wait()
        # A round trip elsewhere, in which the loop learns that the other side has closed.
        await sender.send(_to(other.url()), [LETTER])
        second = await sender.send(_to(f"http://127.0.0.1:{port}/"), [LETTER])

    assert (first.outcome, second.outcome) == (Delivered(), Delivered())
    assert "connect" in second.trace.timings_ms


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
    async with Receiver() as receiver, _sender(trusted=receiver.destination) as sender:
        receiver.script("/", Reply(429, {"retry-after": asked} if asked else {}))

        answer = await sender.send(_to(receiver.url()), [LETTER])

    assert answer.outcome == Deferred(Reason.RATE_LIMITED, wait, Scope.ENDPOINT)


async def test_a_410_ends_the_endpoint() -> None:
    async with Receiver() as receiver, _sender(trusted=receiver.destination) as sender:
        receiver.script("/", Reply(410))

        answer = await sender.send(_to(receiver.url()), [LETTER])

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
    async with Receiver() as receiver, _sender(trusted=receiver.destination) as sender:
        receiver.script("/", Reply(307, {"location": location}))

        answer = await sender.send(_to(receiver.url()), [LETTER])

    assert answer.outcome == Deferred(Reason.REDIRECT)
    assert answer.trace.detail == f"redirects to {shown}"
    assert len(receiver.requests) == 1


async def test_a_redirect_into_our_own_network_is_not_followed_either() -> None:
    async with Receiver() as inner, Receiver() as receiver:
        trusted = f"{receiver.destination},{inner.destination}"
        async with _sender(trusted=trusted) as sender:
            receiver.script("/", Reply(302, {"location": inner.url("/admin")}))
            await sender.send(_to(receiver.url()), [LETTER])

        assert inner.requests == []


async def test_cookies_are_not_kept() -> None:
    async with Receiver() as receiver, _sender(trusted=receiver.destination) as sender:
        receiver.script("/", Reply(200, {"set-cookie": "a=b"}))
        for _ in range(2):
            await sender.send(_to(receiver.url()), [LETTER])

    assert "cookie" not in receiver.requests[1].headers


async def test_a_proxy_named_by_the_environment_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Receiver() as proxy, Receiver() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        async with _sender(trusted=f"{receiver.destination},{proxy.destination}") as sender:
            await sender.send(_to(receiver.url()), [LETTER])

        assert (len(receiver.requests), len(proxy.requests)) == (1, 0)


@pytest.mark.parametrize(
    ("status", "sent", "kept"),
    [(500, 16384, 16384), (500, 16385, 16384), (200, 256, 256), (200, 257, 256), (500, 0, 0)],
)
async def test_of_a_body_only_so_much_is_kept_and_the_cut_is_told(
    status: int, sent: int, kept: int
) -> None:
    async with Receiver() as receiver, _sender(trusted=receiver.destination) as sender:
        receiver.script("/", Reply(status, body=b"x" * sent))

        answer = await sender.send(_to(receiver.url()), [LETTER])

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

    async with serve(talk) as port, _sender(trusted=f"127.0.0.1:{port}") as sender:
        answer = await sender.send(_to(f"http://127.0.0.1:{port}/"), [LETTER])
        async with asyncio.timeout(5):
            await hung_up.wait()

    assert answer.outcome == Deferred(Reason.SERVER_ERROR)
    assert len(answer.trace.response_body) == 16384
    assert answer.trace.truncated


async def test_a_gzip_bomb_stays_packed() -> None:
    bomb = gzip.compress(b"\x00" * 50_000_000)
    async with Receiver() as receiver, _sender(trusted=receiver.destination) as sender:
        receiver.script("/", Reply(500, {"content-encoding": "gzip"}, bomb))

        answer = await sender.send(_to(receiver.url()), [LETTER])

    assert answer.trace.response_body == bomb[:16384]
    assert answer.trace.truncated


async def test_a_body_that_drips_ends_at_the_deadline_with_what_came() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    loop = asyncio.get_running_loop()
    async with serve(says_and_repeats(head, b"x", every_seconds=0.02)) as port:
        started = loop.time()

        answer = await _send_raw(port, deadline_seconds=0.3)

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
        answer = await _send_raw(port)

    assert answer.outcome == Deferred(reason)


async def test_a_body_without_a_length_ends_when_the_receiver_hangs_up() -> None:
    async with serve(says(b"HTTP/1.0 200 OK\r\n\r\nfine")) as port:
        answer = await _send_raw(port)

    assert answer.outcome == Delivered()
    assert answer.trace.response_body == b"fine"


async def test_a_sound_certificate_is_accepted_and_its_handshake_timed(tmp_path: Path) -> None:
    server, authority = make_certificate(tmp_path)
    async with (
        Receiver(tls=server) as receiver,
        _sender(trusted=receiver.destination, tls=tls_context(authority)) as sender,
    ):
        answer = await sender.send(_to(receiver.url()), [LETTER])

    assert answer.outcome == Delivered()
    timings = answer.trace.timings_ms
    assert set(timings) == {"dns", "connect", "tls", "first_byte", "total"}
    assert timings["tls"] > 0


async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    server, _ = make_certificate(tmp_path)
    async with (
        Receiver(tls=server) as receiver,
        _sender(trusted=receiver.destination) as sender,
    ):
        answer = await sender.send(_to(receiver.url()), [LETTER])

    assert answer.outcome == Deferred(Reason.TLS)
    assert answer.trace.detail == "self-signed certificate"
    assert receiver.requests == []


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    server, authority = make_certificate(tmp_path)
    async with Receiver(tls=server) as receiver:
        port = receiver.port
        async with _sender(
            trusted=f"other.example:{port}",
            lookup=lambda _: ["127.0.0.1"],
            tls=tls_context(authority),
        ) as sender:
            answer = await sender.send(_to(f"https://other.example:{port}/"), [LETTER])

    assert answer.outcome == Deferred(Reason.TLS)
    assert receiver.requests == []


async def test_plain_http_on_an_https_port_is_a_tls_failure() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await says_nothing(reader, writer)

    async with serve(talk) as port:
        answer = await _send_raw(port, scheme="https")

    assert answer.outcome == Deferred(Reason.TLS)


async def test_a_handshake_that_hangs_ends_with_the_time_for_connecting() -> None:
    async with serve(says_nothing) as port:
        answer = await _send_raw(port, connect_seconds=0.2, scheme="https")

    assert answer.outcome == Deferred(Reason.TIMEOUT)
    assert answer.trace.detail == "no connection in time"
    assert answer.trace.remote_address == "127.0.0.1"


async def test_a_stored_url_that_no_longer_stands_the_rules_is_dead_without_a_request() -> None:
    async with Receiver() as receiver, _sender(https_only=True) as sender:
        answer = await sender.send(_to("http://example.com/s3cret"), [LETTER])

        assert answer.outcome == Rejected(Reason.INVALID_URL)
        assert answer.trace.detail == "the URL starts with https://"
        assert receiver.requests == []


async def test_a_parcel_of_several_letters_or_none_and_a_missing_secret_send_nothing() -> None:
    async with Receiver() as receiver, _sender(trusted=receiver.destination) as sender:
        answers = [
            await sender.send(_to(receiver.url()), [LETTER, LETTER]),
            await sender.send(_to(receiver.url()), []),
            await sender.send(_to(receiver.url(), secrets=()), [LETTER]),
        ]

        assert [answer.outcome for answer in answers] == [Deferred(Reason.OTHER)] * 3
        assert receiver.requests == []


async def test_many_sends_at_once_do_not_mix_what_they_saw() -> None:
    async with Receiver() as receiver, _sender(trusted=receiver.destination) as sender:
        for status in range(400, 450):
            receiver.script(f"/{status}", Reply(status, body=str(status).encode()))

        answers = await asyncio.gather(
            *(sender.send(_to(receiver.url(f"/{status}")), [LETTER]) for status in range(400, 450))
        )

    assert [answer.trace.status_code for answer in answers] == list(range(400, 450))
    assert [int(answer.trace.response_body) for answer in answers] == list(range(400, 450))
