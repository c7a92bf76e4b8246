"""The log as NDJSON: all of it, as fast as it is taken."""

import json
from typing import Any

from alerts.pipeline.export import PIECE, export_log
from alerts.store.log import LogFilter
from tests.api.conftest import Api, problem
from tests.log_rows import Length, app_id, fill
from tests.receiver import Reply

LONG = Length(events=20, told=30, endpoints=40, apps=3, tokens=5)


async def _exported(api: Api, **query: str) -> list[dict[str, Any]]:
    answer = await api.get("/v1/deliveries/export", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text == "" or answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_each_line_is_a_delivery_as_it_is_shown_with_its_attempts(api: Api) -> None:
    api.receiver.script("/hook", Reply(500, body="kaputt\n\u2028".encode()))
    await api.endpoint()
    await api.upgrade("btc", "eth")
    listed = (await api.get("/v1/deliveries")).json()["data"]

    exported = await _exported(api)

    shown = [(await api.get(f"/v1/deliveries/{one['id']}")).json() for one in listed]
    assert exported == shown
    assert len(exported[0]["attempts"]) == 1


async def test_an_export_is_narrowed_as_the_list_is_and_to_ones_own(api: Api) -> None:
    api.receiver.script("/gone", Reply(410))
    key = await api.member("tenant")
    await api.endpoint("/gone", key=key)
    await api.endpoint("/other")
    await api.upgrade("btc")

    gone = await _exported(api, code="410", token="BTC", state="dead")
    own = await api.get("/v1/deliveries/export", key=key)
    refused = await api.get("/v1/deliveries/export?limit=5")

    assert [one["reason"] for one in gone] == ["gone"]
    assert [json.loads(line)["state"] for line in own.text.splitlines()] == ["dead"]
    assert problem(refused, 422, "invalid-input")["field"] == "limit"


async def test_a_long_export_is_whole_and_holds_nothing_while_it_is_read(api: Api) -> None:
    store = api.services.store
    await fill(store, LONG)
    seen = []

    async for record, _ in export_log(LogFilter(), app_id=None, store=store):
        seen.append(record.id)
        assert store.engine.pool.checkedout() == 0  # type: ignore[attr-defined]

    assert len(seen) == len(set(seen)) == LONG.deliveries > 2 * PIECE
    assert len(await _exported(api)) == LONG.deliveries
    own = [record async for record, _ in export_log(LogFilter(), app_id=app_id(0), store=store)]
    assert len(own) == 3
