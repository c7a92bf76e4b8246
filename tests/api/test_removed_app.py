"""An app that is deleted leaves nothing behind, in whatever table."""

from sqlalchemy import select

from alerts.store.engine import Store
from alerts.store.tables import metadata
from tests.api.conftest import Api
from tests.receiver import Reply


async def _tables_naming(store: Store, *words: str) -> set[str]:
    """The tables of which any row holds any of these words, in whatever column."""
    naming = set()
    async with store.read() as tx:
        for table in metadata.sorted_tables:
            for row in await tx.connection.execute(select(table)):
                told = " ".join(
                    value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    for value in row
                )
                if any(word in told for word in words):
                    naming.add(table.name)
    return naming


async def _live(api: Api, key: str) -> list[str]:
    """Whatever an app can own; the ids of its endpoints."""
    for path, reply in (("/gone", Reply(410)), ("/bad", Reply(500, body=b"no"))):
        api.receiver.script(path, reply)
    made = [await api.endpoint(path, key=key) for path in ("/good", "/gone", "/bad")]
    ids = [one["id"] for one in made]
    await api.upgrade("btc", "eth")
    await api.deliver()
    for action in ("test", "rotate-secret"):
        headers = {"idempotency-key": action}
        await api.post(f"/v1/endpoints/{ids[0]}/{action}", key=key, headers=headers)
    await api.post(f"/v1/endpoints/{ids[1]}/enable", key=key)
    replay = {"since": "2026-01-01"}
    await api.post(f"/v1/endpoints/{ids[1]}/replay", json=replay, key=key)
    await api.upgrade("sol", day=4)
    return ids


async def test_nothing_names_a_deleted_app_or_its_endpoints(api: Api) -> None:
    store = api.services.store
    app = await api.app("tenant")
    key = await api.key(app, "read", "write")
    owned = await _live(api, key)
    other = await api.endpoint("/other")
    before = await _tables_naming(store, app, *owned)
    deliveries = (await api.get("/v1/deliveries/export", key=key)).text.count("\n")

    deleted = await api.call("DELETE", f"/v1/apps/{app}")

    assert deliveries > 6
    assert before >= {
        *("apps", "deliveries", "endpoint_secrets", "endpoints", "events", "keys", "lanes"),
        *("replays", "stored_answers", "subscriptions"),
    }
    assert deleted.status_code == 204
    assert await _tables_naming(store, app, *owned) == set()
    async with store.read() as tx:
        (attempts,) = [table for table in metadata.sorted_tables if table.name == "attempts"]
        assert (await tx.connection.execute(select(attempts.c.id))).all() == []
    assert "endpoints" in await _tables_naming(store, other["id"])
