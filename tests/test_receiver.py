"""The receiver the other tests rely on."""

import asyncio
from datetime import UTC, datetime

import aiohttp
from standardwebhooks.webhooks import Webhook

from tests.receiver import Receiver, Reply

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def _signed(body: str, at: datetime) -> dict[str, str]:
    return {
        "Webhook-Id": "evt_1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(SECRET).sign("evt_1", at, body),
    }


async def test_it_records_what_came_and_answers_by_script_then_repeats_the_last() -> None:
    async with Receiver() as receiver, aiohttp.ClientSession() as session:
        receiver.script("/hook", Reply(503, {"retry-after": "7"}), Reply(200, body=b"ok"))

        statuses = []
        for _ in range(3):
            async with session.post(receiver.url("/hook"), data=b"{}") as response:
                statuses.append(response.status)
        await receiver.wait_for(3)

        assert statuses == [503, 200, 200]
        assert [request.body for request in receiver.at("/hook")] == [b"{}"] * 3
        assert len({request.connection for request in receiver.requests}) == 1
        assert receiver.requests[0].verified is None


async def test_it_verifies_signatures_with_the_public_library() -> None:
    now = datetime.now(UTC)
    async with Receiver(secrets=[SECRET]) as receiver, aiohttp.ClientSession() as session:
        for body in ("{}", "[]"):
            await session.post(receiver.url(), data=body, headers=_signed("{}", now))

        assert [request.verified for request in receiver.requests] == [True, False]


async def test_it_can_verify_without_looking_at_the_clock() -> None:
    old = datetime(2020, 1, 1, tzinfo=UTC)
    async with aiohttp.ClientSession() as session:
        for check_time in (False, True):
            async with Receiver(secrets=[SECRET], check_time=check_time) as receiver:
                await session.post(receiver.url(), data="{}", headers=_signed("{}", old))

                assert receiver.requests[0].verified is not check_time


async def test_it_closes_while_it_holds_an_answer_back() -> None:
    async with aiohttp.ClientSession() as session, Receiver() as receiver:
        receiver.script("/", Reply(held=asyncio.Event()))
        waiting = asyncio.ensure_future(session.post(receiver.url()))

        await receiver.wait_for(1)

        assert not waiting.done()
        waiting.cancel()
