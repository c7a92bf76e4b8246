"""How an endpoint does, as its owner and its operator see it."""

from datetime import datetime, timedelta

from alerts.domain.health import FIRST_PAUSE, OPENS_AFTER
from tests.api.conftest import Api
from tests.receiver import Reply

TOKENS = [f"t{number}" for number in range(OPENS_AFTER)]
NEW = {"state": "closed", "since": None, "probe_at": None, "success_share": None, "attempts": 0}


async def test_a_new_endpoint_is_thought_well_of(api: Api) -> None:
    made = await api.endpoint()

    assert made["health"] == NEW
    assert (await api.get(f"/v1/endpoints/{made['id']}")).json()["health"] == NEW


async def test_an_endpoint_that_is_down_says_since_when_and_when_it_is_probed(api: Api) -> None:
    api.receiver.script("/down", Reply(500))
    down, up = await api.endpoint("/down"), await api.endpoint("/up")

    await api.upgrade(*TOKENS)

    shown = (await api.get(f"/v1/endpoints/{down['id']}")).json()
    health = shown["health"]
    assert (health["state"], health["success_share"], health["attempts"]) == ("open", 0, 5)
    since, probe_at = (datetime.fromisoformat(health[name]) for name in ("since", "probe_at"))
    assert FIRST_PAUSE <= probe_at - since < FIRST_PAUSE * 1.1 + timedelta(seconds=1)
    well = NEW | {"success_share": 1, "attempts": 5}
    listed = (await api.get("/v1/endpoints")).json()["data"]
    assert {one["id"]: one["health"] for one in listed} == {down["id"]: health, up["id"]: well}
    assert "gradebell_breakers_open 1.0" in (await api.get("/metrics")).text.splitlines()


async def test_an_endpoint_at_another_address_begins_anew(api: Api) -> None:
    api.receiver.script("/down", Reply(500))
    made = await api.endpoint("/down")
    await api.upgrade(*TOKENS)
    body = {"url": api.receiver.url("/up")}

    changed = await api.call("PATCH", f"/v1/endpoints/{made['id']}", json=body)

    assert changed.json()["health"] == NEW
