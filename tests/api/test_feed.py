"""The feed: the same bytes as the webhooks, in order, and nothing missed."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from alerts.domain.events import EVERYONE, Draft, EventType
from alerts.domain.ids import event_id
from alerts.store.engine import Store
from alerts.store.events import append
from alerts.store.retention import drop_events
from tests.api.conftest import Api, problem


def draft(name: str) -> Draft:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    data = {"name": name}
    return Draft(event_id(at, name), EventType.MOVED, at, EVERYONE, data)


async def write(store: Store, *names: str) -> None:
    async with store.write() as tx:
        await append(tx, [draft(name) for name in names])


async def test_the_feed_carries_the_webhooks_bytes(api: Api) -> None:
    await api.endpoint()
    await api.upgrade("btc", "eth")

    answer = await api.get("/v1/events")

    sent = sorted(
        (one.body for one in api.receiver.requests), key=lambda body: json.loads(body)["sequence"]
    )
    assert answer.content == b'{"data":[' + b",".join(sent) + b'],"next":"2"}'
    assert answer.headers["content-type"] == "application/json"
    ids = {one.headers["webhook-id"] for one in api.receiver.requests}
    assert {event["id"] for event in answer.json()["data"]} == ids


async def test_next_is_always_there_and_goes_on_where_it_ended(api: Api) -> None:
    assert (await api.get("/v1/events")).json() == {"data": [], "next": "0"}
    await api.upgrade("a", "b", "c")

    first = (await api.get("/v1/events?limit=2")).json()
    second = (await api.get(f"/v1/events?limit=2&after={first['next']}")).json()
    third = (await api.get(f"/v1/events?limit=2&after={second['next']}")).json()

    sequences = [[event["sequence"] for event in page["data"]] for page in (first, second, third)]
    assert sequences == [[1, 2], [3], []]
    assert (second["next"], third["next"]) == ("3", "3")


async def test_next_passes_over_what_was_not_asked_for(api: Api) -> None:
    await api.upgrade("a", "b", "c")

    page = (await api.get("/v1/events?token=demo:a")).json()

    assert [event["data"]["token"]["id"] for event in page["data"]] == ["demo:a"]
    assert page["next"] == "3"


async def test_the_feed_is_narrowed_by_type_token_and_kind(api: Api) -> None:
    await api.upgrade("a", "b")
    await api.push(1, {"a": 95}, kind="fundamental")
    await api.push(2, {"a": 10}, kind="fundamental")

    async def found(query: str) -> list[tuple[str, str]]:
        page = (await api.get(f"/v1/events?{query}")).json()
        return [(event["type"], event["data"]["token"]["id"]) for event in page["data"]]

    assert await found("kind=fundamental") == [("grade.downgraded", "demo:a")]
    assert await found("type=grade.upgraded&token=A") == [("grade.upgraded", "demo:a")]
    assert await found("type=grade.moved") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("after=99999999999999999999", "after"),
        ("type=grade.up", "type"),
        ("kind=technical", "kind"),
        ("token=NOPE", "token"),
        ("cursor=x", "cursor"),
    ],
)
async def test_a_feed_that_makes_no_sense_is_refused_by_name(
    lone_api: Api, query: str, field: str
) -> None:
    answer = await lone_api.get(f"/v1/events?{query}")

    assert problem(answer, 422, "invalid-input")["field"] == field


async def test_who_read_too_late_is_told_where_to_go_on(api: Api) -> None:
    await write(api.services.store, "a", "b", "c", "d")
    async with api.services.store.write() as tx:
        await drop_events(tx, await tx.now() + timedelta(days=1), 2)

    answer = await api.get("/v1/events?after=1")

    oldest = problem(answer, 410, "cursor-expired")["oldest"]
    assert oldest == "2"
    for after in (oldest, "0"):
        page = (await api.get(f"/v1/events?after={after}")).json()
        assert [event["sequence"] for event in page["data"]] == [3, 4]


async def test_when_all_is_forgotten_the_feed_goes_on_from_its_end(api: Api) -> None:
    await write(api.services.store, "a", "b")
    async with api.services.store.write() as tx:
        await drop_events(tx, await tx.now() + timedelta(days=1), 10)

    assert problem(await api.get("/v1/events?after=1"), 410, "cursor-expired")["oldest"] == "2"
    assert (await api.get("/v1/events?after=2")).json() == {"data": [], "next": "2"}
    assert (await api.get("/v1/events")).json() == {"data": [], "next": "2"}


async def test_who_writes_first_is_read_first_though_both_transactions_are_open(
    api: Api,
) -> None:
    store = api.services.store
    async with store.write() as first:
        await append(first, [draft("first")])
        second = asyncio.create_task(write(store, "second"))
        while_open = (await api.get("/v1/events")).json()
        await asyncio.wait({second}, timeout=0.2)
        still_open = (await api.get("/v1/events")).json()
    await second

    page = (await api.get(f"/v1/events?after={still_open['next']}")).json()
    assert while_open == still_open == {"data": [], "next": "0"}
    assert [event["data"]["name"] for event in page["data"]] == ["first", "second"]


async def test_a_reader_beside_many_writers_misses_nothing(api: Api) -> None:
    names = {f"{writer}-{number}" for writer in range(6) for number in range(8)}

    async def writer(which: int) -> None:
        for number in range(8):
            await write(api.services.store, f"{which}-{number}")

    async def reader() -> list[tuple[int, str]]:
        after = "0"
        seen: list[tuple[int, str]] = []
        while len(seen) < len(names):
            page = (await api.get(f"/v1/events?after={after}")).json()
            seen += [(event["sequence"], event["data"]["name"]) for event in page["data"]]
            after = page["next"]
        return seen

    async with asyncio.timeout(60), asyncio.TaskGroup() as together:
        reading = together.create_task(reader())
        for which in range(6):
            together.create_task(writer(which))
    seen = reading.result()

    assert [sequence for sequence, _ in seen] == list(range(1, len(names) + 1))
    assert {name for _, name in seen} == names
