"""The webhook channel: what is sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from alerts import __version__
from alerts.channels.signing import format_secret
from alerts.domain.deliveries import (
    Deferred,
    Delivered,
    Reason,
    Rejected,
)
from tests.channels.contract import Case, SenderContract
from tests.channels.raw import (
    says,
    serve,
)
from tests.channels.webhooks import LETTER, NEW, OLD, FixedClock, open_sender, to
from tests.receiver import Receiver, Reply


class TestTheContract(SenderContract):
    """Every sender keeps to this."""

    @asynccontextmanager
    async def open_case(self, base_url: str, *, deadline_seconds: float) -> AsyncIterator[Case]:
        trusted = base_url.removeprefix("http://").rstrip("/")
        async with open_sender(trusted=trusted, deadline_seconds=deadline_seconds) as sender:
            yield Case(
                sender,
                to(
                    f"{base_url}hook/p4th-k3y?q=qu3ry-k3y",
                    headers=(("authorization", "Bearer h34der-k3y"),),
                ),
                [LETTER],
                ("p4th-k3y", "qu3ry-k3y", "h34der-k3y", "n" * 32, format_secret(NEW.key)),
            )


async def test_a_letter_arrives_to_the_byte_signed_and_named() -> None:
    async with (
        Receiver(secrets=[format_secret(NEW.key)]) as receiver,
        open_sender(trusted=receiver.destination) as sender,
    ):
        answer = await sender.send(to(receiver.url("/hook?key=1")), [LETTER])

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
            open_sender(trusted=receiver.destination) as sender,
        ):
            answer = await sender.send(to(receiver.url(), secrets=(OLD, NEW)), [LETTER])

        assert receiver.requests[0].verified
        assert answer.trace.secret_ids == ("sec_old", "sec_new")


async def test_the_timestamp_is_the_attempts_own_second() -> None:
    clock = FixedClock()
    async with (
        Receiver() as receiver,
        open_sender(trusted=receiver.destination, clock=clock) as sender,
    ):
        await sender.send(to(receiver.url()), [LETTER])
        clock.ahead = timedelta(hours=5)
        await sender.send(to(receiver.url()), [LETTER])

    first, second = (int(request.headers["webhook-timestamp"]) for request in receiver.requests)
    assert 5 * 3600 - 1 <= second - first <= 5 * 3600 + 5
    assert receiver.requests[0].headers["webhook-id"] == receiver.requests[1].headers["webhook-id"]


async def test_the_endpoints_own_headers_go_along_but_never_in_place_of_ours() -> None:
    headers = (("X-Team", "7"), ("Webhook-Id", "forged"), ("Content-Type", "text/plain"))
    async with Receiver() as receiver, open_sender(trusted=receiver.destination) as sender:
        await sender.send(to(receiver.url(), headers=headers), [LETTER])

    sent = receiver.requests[0].headers
    assert (sent["x-team"], sent["webhook-id"]) == ("7", "evt_1")
    assert sent["content-type"] == "application/json"


@pytest.mark.parametrize(
    "header",
    [("x-a", "1\r\nx-b: 2"), ("x-a: 1\r\nx-b", "2"), ("x-a", "1\n"), ("x-a", "1\0"), ("x-a", "ä")],
    ids=ascii,
)
async def test_a_header_that_would_break_the_message_is_not_sent(header: tuple[str, str]) -> None:
    async with Receiver() as receiver, open_sender(trusted=receiver.destination) as sender:
        await sender.send(to(receiver.url()), [LETTER])
        answer = await sender.send(to(receiver.url(), headers=(header,)), [LETTER])

    assert answer.outcome == Deferred(Reason.OTHER)
    # Nothing of the one before either.
    assert (answer.trace.status_code, answer.trace.remote_address) == (None, None)
    assert len(receiver.requests) == 1


async def test_connections_are_used_again_and_only_a_new_one_has_connecting_times() -> None:
    async with Receiver() as receiver, open_sender(trusted=receiver.destination) as sender:
        first = await sender.send(to(receiver.url("/a")), [LETTER])
        second = await sender.send(to(receiver.url("/b")), [LETTER])

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
        open_sender(trusted=f"127.0.0.1:{port},{other.destination}") as sender,
    ):
        first = await sender.send(to(f"http://127.0.0.1:{port}/"), [LETTER])
        await closed.wait()
        # A round trip elsewhere, in which the loop learns that the other side has closed.
        await sender.send(to(other.url()), [LETTER])
        second = await sender.send(to(f"http://127.0.0.1:{port}/"), [LETTER])

    assert (first.outcome, second.outcome) == (Delivered(), Delivered())
    assert "connect" in second.trace.timings_ms


async def test_a_stored_url_that_no_longer_stands_the_rules_is_dead_without_a_request() -> None:
    async with Receiver() as receiver, open_sender(https_only=True) as sender:
        answer = await sender.send(to("http://example.com/s3cret"), [LETTER])

        assert answer.outcome == Rejected(Reason.INVALID_URL)
        assert "the URL must start with https://; " in (answer.trace.detail or "")
        assert receiver.requests == []


async def test_a_parcel_of_several_letters_or_none_and_a_missing_secret_send_nothing() -> None:
    async with Receiver() as receiver, open_sender(trusted=receiver.destination) as sender:
        answers = [
            await sender.send(to(receiver.url()), [LETTER, LETTER]),
            await sender.send(to(receiver.url()), []),
            await sender.send(to(receiver.url(), secrets=()), [LETTER]),
        ]

        assert [answer.outcome for answer in answers] == [Deferred(Reason.OTHER)] * 3
        assert receiver.requests == []


async def test_many_sends_at_once_do_not_mix_what_they_saw() -> None:
    async with Receiver() as receiver, open_sender(trusted=receiver.destination) as sender:
        for status in range(400, 450):
            receiver.script(f"/{status}", Reply(status, body=str(status).encode()))

        answers = await asyncio.gather(
            *(sender.send(to(receiver.url(f"/{status}")), [LETTER]) for status in range(400, 450))
        )

    assert [answer.trace.status_code for answer in answers] == list(range(400, 450))
    assert [int(answer.trace.response_body) for answer in answers] == list(range(400, 450))
