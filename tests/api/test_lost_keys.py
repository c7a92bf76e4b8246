"""An endpoint that was encrypted with a key now gone: seen as such, and mended by its owner."""

from alerts.store.cipher import new_encryption_key
from tests.api.conftest import open_api, problem

KEPT, LOST = new_encryption_key(), new_encryption_key()


async def made_under_a_key_since_lost(database_url: str) -> str:
    async with open_api(database_url, encryption_keys=KEPT) as api:
        await api.endpoint("/kept")
    async with open_api(database_url, encryption_keys=f"{LOST},{KEPT}") as api:
        return str((await api.endpoint("/lost", headers={"x-tenant": "blue"}))["id"])


async def test_one_that_cannot_be_read_is_marked_and_hides_no_other(database_url: str) -> None:
    lost = await made_under_a_key_since_lost(database_url)

    async with open_api(database_url, encryption_keys=KEPT) as api:
        listed = (await api.get("/v1/endpoints")).json()["data"]
        shown = (await api.get(f"/v1/endpoints/{lost}")).json()

    marked, readable = listed
    assert (marked["id"], marked["url"], marked["headers"]) == (lost, None, {})
    assert "cannot be read" in marked["problem"]
    assert readable["url"].endswith("/kept")
    assert readable["problem"] is None
    assert shown == marked


async def test_its_owner_mends_it_by_giving_everything_again(database_url: str) -> None:
    lost = await made_under_a_key_since_lost(database_url)

    async with open_api(database_url, encryption_keys=KEPT) as api:
        await api.upgrade("btc")
        change = {"url": api.receiver.url("/mended"), "headers": {"x-tenant": "green"}}
        mended = await api.call("PATCH", f"/v1/endpoints/{lost}", json=change)
        await api.post(f"/v1/endpoints/{lost}/rotate-secret", json={"overlap_seconds": 0})
        await api.deliver()

        assert mended.json()["problem"] is None
        (sent,) = api.receiver.at("/mended")
        assert sent.headers["x-tenant"] == "green"


async def test_all_that_takes_no_reading_can_be_done_to_it(database_url: str) -> None:
    lost = await made_under_a_key_since_lost(database_url)

    async with open_api(database_url, encryption_keys=KEPT) as api:
        paused = await api.post(f"/v1/endpoints/{lost}/pause")
        gone = await api.call("DELETE", f"/v1/endpoints/{lost}")

        assert (paused.json()["state"], gone.status_code) == ("paused", 204)
        problem(await api.get(f"/v1/endpoints/{lost}"), 404, "not-found")
