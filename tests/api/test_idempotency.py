"""Idempotency-Key: what comes again is answered again, and not done again."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from alerts.api import app as application
from alerts.api.idempotency import LEASE, Said, Ticket
from alerts.domain.ids import HOUSE_APP
from alerts.errors import StillRunning
from alerts.pipeline.access import create_app
from alerts.pipeline.retain import ANSWERS_KEPT, drop_old
from alerts.ports import Call, Waker
from alerts.store.answers import (
    Asked,
    Claim,
    claim_answer,
    drop_answers,
    drop_claim,
    keep_answer,
)
from alerts.store.engine import Transaction
from tests.api.conftest import Api, cycle_body, problem, serve
from tests.api.repeats import KEY, age, rows_of, set_row

# What one token's grade comes to a day after `push(1, …)`.
UPGRADE = cycle_body(day=2, grades=[{"token_id": "btc", "symbol": "BTC", "score": 95}])


async def test_an_endpoint_is_made_once_and_its_secret_shown_to_who_asks_again(api: Api) -> None:
    body = {"channel": "webhook", "url": api.receiver.url("/hook")}

    first = await api.post("/v1/endpoints", json=body, headers=KEY)
    again = await api.post("/v1/endpoints", json=body, headers=KEY)

    assert (first.status_code, first.headers.get("idempotent-replayed")) == (201, None)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert first.json()["secret"].startswith("whsec_")
    assert len((await api.get("/v1/endpoints")).json()["data"]) == 1


async def test_every_post_there_is_answers_a_second_time_as_the_first(api: Api) -> None:
    app_id = await api.app("tenant")
    made = await api.endpoint(digest={"weekday": 1, "hour": 9, "time_zone": "UTC"})
    await api.upgrade("btc", "eth")
    delivery, spare = [one["id"] for one in (await api.get("/v1/deliveries")).json()["data"]]
    await api.push(3, {}, kind="fundamental")
    held = [(await api.push(day, {})) for day in (4, 5)]
    endpoint = f"/v1/endpoints/{made['id']}"
    calls: dict[str, tuple[str, Any]] = {
        "/v1/apps": ("/v1/apps", {"name": "one more"}),
        "/v1/keys": ("/v1/keys", {"app_id": app_id, "scopes": ["read"]}),
        "/v1/cycles": ("/v1/cycles", cycle_body(day=9)),
        "/v1/cycles/{cycle_id}/release": (f"/v1/cycles/{held[0]['id']}/release", None),
        "/v1/cycles/{cycle_id}/discard": (f"/v1/cycles/{held[1]['id']}/discard", None),
        "/v1/endpoints": (
            "/v1/endpoints",
            {"channel": "webhook", "url": api.receiver.url("/other")},
        ),
        "/v1/endpoints/{endpoint_id}/test": (f"{endpoint}/test", None),
        "/v1/endpoints/{endpoint_id}/rotate-secret": (f"{endpoint}/rotate-secret", None),
        "/v1/endpoints/{endpoint_id}/replay": (
            f"{endpoint}/replay",
            {"since": "2026-01-01T00:00:00Z"},
        ),
        "/v1/deliveries/{delivery_id}/resend": (f"/v1/deliveries/{delivery}/resend", None),
        "/v1/deliveries/{delivery_id}/expunge": (f"/v1/deliveries/{spare}/expunge", None),
        "/v1/endpoints/{endpoint_id}/preview": (f"{endpoint}/preview", None),
        "/v1/backtest": ("/v1/backtest", {"channel": "telegram"}),
        "/v1/endpoints/{endpoint_id}/pause": (f"{endpoint}/pause", None),
        "/v1/endpoints/{endpoint_id}/enable": (f"{endpoint}/enable", None),
    }
    document = application.create_app(api.services).openapi()
    assert set(calls) == {path for path, methods in document["paths"].items() if "post" in methods}

    for path, body in calls.values():
        first, again = [await api.post(path, json=body, headers=KEY) for _ in range(2)]

        assert first.status_code < 300, first.text
        assert "idempotent-replayed" not in first.headers
        assert (again.status_code, again.content) == (first.status_code, first.content), path
        assert again.headers["idempotent-replayed"] == "true"


async def test_a_refusal_is_repeated_as_it_was(lone_api: Api) -> None:
    await lone_api.app("tenant")

    answers = [
        await lone_api.post("/v1/apps", json={"name": "tenant"}, headers=KEY) for _ in range(2)
    ]

    problem(answers[1], 409, "conflict")
    assert answers[1].content == answers[0].content
    assert answers[1].headers["idempotent-replayed"] == "true"


async def test_the_same_key_with_another_body_is_refused_and_the_first_answer_stays(
    api: Api,
) -> None:
    first = await api.post("/v1/apps", json={"name": "one"}, headers=KEY)

    other = await api.post("/v1/apps", json={"name": "two"}, headers=KEY)

    assert problem(other, 422, "idempotency-key-reused")["field"] == "Idempotency-Key"
    again = await api.post("/v1/apps", json={"name": "one"}, headers=KEY)
    assert again.content == first.content
    names = {app["name"] for app in (await api.get("/v1/apps")).json()["data"]}
    assert names == {"house", "one"}


async def test_ten_at_once_do_it_once(api: Api) -> None:
    async def create() -> httpx.Response:
        return await api.post("/v1/apps", json={"name": "tenant"}, headers=KEY)

    answers = await asyncio.gather(*(create() for _ in range(10)))

    made = [answer for answer in answers if answer.status_code == 201]
    assert len([one for one in made if "idempotent-replayed" not in one.headers]) == 1
    assert len({one.json()["id"] for one in made}) == 1
    for answer in answers:
        if answer.status_code != 201:
            problem(answer, 409, "still-running")
            assert 1 <= int(answer.headers["retry-after"]) <= LEASE.total_seconds()


class SlowWaker:
    """What comes after the change takes its time."""

    def __init__(self) -> None:
        self.began, self.may_end = asyncio.Event(), asyncio.Event()

    async def wake(self, call: Call) -> None:  # noqa: ARG002 - any.
        self.began.set()
        await self.may_end.wait()

    async def wait(self, call: Call, timeout_seconds: float) -> None:
        raise AssertionError((call, timeout_seconds))


class BrokenWaker:
    """A bug between what is done and what is answered."""

    async def wake(self, call: Call) -> None:  # noqa: ARG002 - any.
        raise RuntimeError("broken")

    async def wait(self, call: Call, timeout_seconds: float) -> None:
        raise AssertionError((call, timeout_seconds))


@asynccontextmanager
async def woken_by(api: Api, waker: Waker) -> AsyncIterator[Api]:
    """The same API with another waker."""
    async with serve(dataclasses.replace(api.services, waker=waker), api.receiver) as opened:
        yield opened


async def test_what_is_being_answered_is_409_until_it_is(api: Api) -> None:
    await api.push(1, {"btc": 50})
    waker = SlowWaker()
    async with woken_by(api, waker) as slow:
        pushing = asyncio.create_task(slow.post("/v1/cycles", json=UPGRADE, headers=KEY))
        await waker.began.wait()
        meanwhile = await api.post("/v1/cycles", json=UPGRADE, headers=KEY)
        elsewhere = await api.post("/v1/apps", json={"name": "tenant"}, headers=KEY)
        waker.may_end.set()
        first = await pushing

    problem(meanwhile, 409, "still-running")
    # A call that has taken a moment so far is asked for again in a moment.
    assert int(meanwhile.headers["retry-after"]) < LEASE.total_seconds() / 4
    assert elsewhere.status_code == 201
    again = await api.post("/v1/cycles", json=UPGRADE, headers=KEY)
    assert (again.status_code, again.content) == (201, first.content)


async def test_what_was_done_before_it_broke_is_found_done(api: Api) -> None:
    made = await api.endpoint()
    path = f"/v1/endpoints/{made['id']}/test"
    async with woken_by(api, BrokenWaker()) as broken:
        problem(await broken.post(path, headers=KEY), 500, "internal")

    again = await api.post(path, headers=KEY)

    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    sent = (await api.get("/v1/deliveries")).json()["data"]
    assert [one["id"] for one in sent] == [again.json()["id"]]


async def test_what_broke_is_not_kept_and_may_be_tried_again_at_once(api: Api) -> None:
    await api.push(1, {"btc": 50})
    async with woken_by(api, BrokenWaker()) as broken:
        problem(await broken.post("/v1/cycles", json=UPGRADE, headers=KEY), 500, "internal")

    again = await api.post("/v1/cycles", json=UPGRADE, headers=KEY)

    assert again.status_code == 201
    assert "idempotent-replayed" not in again.headers


async def test_what_a_lost_process_was_doing_is_tried_anew_once_its_lease_is_out(api: Api) -> None:
    await api.push(1, {"btc": 50})
    first = await api.post("/v1/cycles", json=UPGRADE, headers=KEY)
    events = (await api.get("/v1/events")).json()
    # As a process leaves it that is killed before it stores what it did.
    await set_row(api, answer=None)

    problem(await api.post("/v1/cycles", json=UPGRADE, headers=KEY), 409, "still-running")
    async with api.services.store.read() as tx:
        now = await tx.now()
    await set_row(api, lease_until=now)
    again = await api.post("/v1/cycles", json=UPGRADE, headers=KEY)

    assert (first.json()["events"], again.status_code, again.json()["events"]) == (1, 201, 0)
    assert (await api.get("/v1/events")).json() == events


async def test_who_is_overtaken_changes_nothing(api: Api) -> None:
    store = api.services.store
    asked = Asked("a" * 64, HOUSE_APP, "b" * 64)
    async with store.write() as tx:
        lost = await claim_answer(tx, asked, lease=timedelta(0), kept=ANSWERS_KEPT)
        taken = await claim_answer(tx, asked, lease=LEASE, kept=ANSWERS_KEPT)
    assert isinstance(lost, Claim)
    assert isinstance(taken, Claim)

    async def keep(tx: Transaction, _made: object) -> None:
        await Ticket(store, lost).keep(tx, Said(201, [], b"{}"))

    with pytest.raises(StillRunning):
        await create_app("tenant", store=store, keep=keep)

    assert [app["name"] for app in (await api.get("/v1/apps")).json()["data"]] == ["house"]
    async with store.write() as tx:
        await drop_claim(tx, lost)
        assert await keep_answer(tx, taken, b"")


async def test_after_a_day_a_key_is_new_again(api: Api) -> None:
    await api.post("/v1/apps", json={"name": "one"}, headers=KEY)
    await age(api, ANSWERS_KEPT)

    answer = await api.post("/v1/apps", json={"name": "two"}, headers=KEY)

    assert answer.status_code == 201
    assert "idempotent-replayed" not in answer.headers


async def test_answers_are_dropped_after_a_day_in_batches(api: Api) -> None:
    store = api.services.store
    for number in range(3):
        headers = {"idempotency-key": str(number)}
        await api.post("/v1/apps", json={"name": f"app {number}"}, headers=headers)
    await drop_old(api.services.settings.kept, store=store)
    assert len(await rows_of(api)) == 3
    await age(api, ANSWERS_KEPT + timedelta(seconds=1))

    async with store.write() as tx:
        gone = await drop_answers(tx, await tx.now() - ANSWERS_KEPT, 2)
    await drop_old(api.services.settings.kept, store=store)

    assert gone == 2
    assert await rows_of(api) == []
