"""What every sender must keep to, whatever its channel.

    class TestMySender(SenderContract):
        @asynccontextmanager
        async def open_case(self, base_url, *, deadline_seconds):
            yield Case(sender, destination, parcel, secrets)

`base_url` is a server on loopback that plays the platform or the receiver; the sender must send
there, and may be told to trust it.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import assert_never

import pytest

from alerts.domain.deliveries import (
    Answer,
    Deferred,
    Delivered,
    Disable,
    Keep,
    MoveTo,
    Reason,
    Rejected,
    Unknown,
)
from alerts.ports import Destination, Letter, Sender
from tests.channels.raw import Talk, says, says_and_repeats, says_nothing, serve
from tests.receiver import Receiver, Reply

DEADLINE_SECONDS = 0.25
# What a busy machine may add to a deadline before we call it missed.
GRACE_SECONDS = 2.0

# A sender's answer names what it kept of the response: never more than this.
LONGEST_BODY = 16 * 1024
LONGEST_DETAIL = 300

_HEAD = b"HTTP/1.1 200 OK\r\n"
HOSTILE: dict[str, Talk] = {
    "says nothing": says_nothing,
    "hangs up": says(b""),
    "speaks no HTTP": says(b"220 mail.example ESMTP\r\n"),
    "speaks half a head": says(b"HTTP/1.1 200 O"),
    "speaks binary": says(bytes(range(256)) * 20),
    "gives no number": says(b"HTTP/1.1 abc OK\r\n\r\n"),
    "gives a status of four digits": says(b"HTTP/1.1 2000 OK\r\n\r\n"),
    "switches protocols": says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nabc"),
    "only ever continues": says_and_repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "breaks off": says(_HEAD + b"Content-Length: 100\r\n\r\nshort"),
    "breaks its chunks": says(_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
    "gives two lengths": says(_HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "gives a negative length": says(_HEAD + b"Content-Length: -1\r\n\r\n"),
    "sends one endless header": says_and_repeats(_HEAD + b"X-A: ", b"a" * 10000),
    "sends headers for ever": says_and_repeats(_HEAD, b"X-A: b\r\n" * 1000),
    "sends a body for ever": says_and_repeats(_HEAD + b"\r\n", b"a" * 65536),
    "drips": says_and_repeats(_HEAD + b"Content-Length: 9999\r\n\r\n", b"a", every_seconds=0.02),
    "claims gzip": says(_HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
    "redirects into nowhere": says(b"HTTP/1.1 302 Found\r\nLocation: http://[::1/\r\n\r\n"),
    "asks to wait for ever": says(b"HTTP/1.1 429 X\r\nRetry-After: 9e99\r\n\r\n"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One sender with something to send. secrets: texts that may appear in no log or answer."""

    sender: Sender
    destination: Destination
    parcel: Sequence[Letter]
    secrets: tuple[str, ...]


class SenderContract:
    """The tests; a subclass says how to open a case."""

    def open_case(
        self, base_url: str, *, deadline_seconds: float
    ) -> AbstractAsyncContextManager[Case]:
        raise NotImplementedError

    async def test_it_classes_every_status_and_goes_on(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        async with (
            Receiver() as receiver,
            self.open_case(receiver.url(), deadline_seconds=10) as case,
        ):
            for status in range(200, 600):
                receiver.script("*", Reply(status))

                answer = await case.sender.send(case.destination, case.parcel)

                assert answer.trace.status_code == status
                assert not isinstance(answer.outcome, Delivered) or status < 300
                _assert_discreet(answer, case.secrets, caplog.text)

    @pytest.mark.parametrize("server", HOSTILE)
    async def test_it_survives_a_server_that(
        self, server: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        loop = asyncio.get_running_loop()
        async with (
            serve(HOSTILE[server]) as port,
            self.open_case(f"http://127.0.0.1:{port}/", deadline_seconds=DEADLINE_SECONDS) as case,
        ):
            started = loop.time()

            answer = await case.sender.send(case.destination, case.parcel)

            assert loop.time() - started < DEADLINE_SECONDS + GRACE_SECONDS
            _assert_discreet(answer, case.secrets, caplog.text)

    async def test_silence_until_the_deadline_is_a_timeout_repeated_only_if_that_does_no_harm(
        self,
    ) -> None:
        async with (
            serve(says_nothing) as port,
            self.open_case(f"http://127.0.0.1:{port}/", deadline_seconds=DEADLINE_SECONDS) as case,
        ):
            answer = await case.sender.send(case.destination, case.parcel)

        expected = Deferred if case.sender.repeatable else Unknown
        assert isinstance(answer.outcome, expected)
        assert answer.outcome.reason is Reason.TIMEOUT

    async def test_nobody_listening_is_deferred(self) -> None:
        async with serve(says_nothing) as port:
            pass

        async with self.open_case(f"http://127.0.0.1:{port}/", deadline_seconds=5) as case:
            answer = await case.sender.send(case.destination, case.parcel)

        assert answer.outcome == Deferred(Reason.CONNECTION)

    async def test_cancelling_a_send_cancels_it(self) -> None:
        arrived = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            arrived.set()
            await says_nothing(reader, writer)

        async with (
            serve(talk) as port,
            self.open_case(f"http://127.0.0.1:{port}/", deadline_seconds=10) as case,
        ):
            sending = asyncio.ensure_future(case.sender.send(case.destination, case.parcel))
            await arrived.wait()
            sending.cancel()

            with pytest.raises(asyncio.CancelledError):
                await sending


def _assert_discreet(answer: Answer, secrets: Sequence[str], log: str) -> None:
    """The answer is one of those there are, within its bounds, and nothing tells a secret."""
    _assert_known(answer)
    trace = answer.trace
    assert len(trace.response_body) <= LONGEST_BODY
    assert len(trace.detail or "") <= LONGEST_DETAIL
    assert set(trace.timings_ms) <= {"dns", "connect", "tls", "first_byte", "total"}
    for secret in secrets:
        assert secret not in log
        assert secret not in repr(answer)


def _assert_known(answer: Answer) -> None:
    match answer.outcome:
        case Delivered() | Deferred() | Rejected() | Unknown():
            pass
        case _:
            assert_never(answer.outcome)
    match answer.effect:
        case Keep() | Disable() | MoveTo():
            pass
        case _:
            assert_never(answer.effect)
