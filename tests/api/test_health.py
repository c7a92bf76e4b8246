"""How an endpoint does, as its owner and its operator see it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerts.domain.health import FIRST_PAUSE, OPENS_AFTER, WARNED_AFTER, Health
from alerts.store.health import write_health
from tests.api.conftest import Api
from tests.receiver import Reply

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
TOKENS = [f"t{number}" for number in range(OPENS_AFTER)]
NEW = {
    "state": "closed",
    "since": None,
    "probe_at": None,
    "held_until": None,
    "success_share": None,
    "attempts": 0,
    "failing_since": None,
}


async def meters(api: Api) -> set[str]:
    return set((await api.get("/metrics")).text.splitlines())


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
    assert health["held_until"] == health["probe_at"]
    well = NEW | {"success_share": 1, "attempts": 5}
    listed = (await api.get("/v1/endpoints")).json()["data"]
    assert {one["id"]: one["health"] for one in listed} == {down["id"]: health, up["id"]: well}
    assert {"gradebell_breakers_open 1.0", "gradebell_endpoints_failing 0.0"} <= await meters(api)


async def test_an_endpoint_that_asked_to_be_left_alone_says_until_when(api: Api) -> None:
    api.receiver.script("/busy", Reply(429, headers={"Retry-After": "3600"}))
    made = await api.endpoint("/busy")
    await api.upgrade("a")
    await api.upgrade("b", day=3)
    waits = (await api.get(f"/v1/deliveries?endpoint={made['id']}&limit=1")).json()["data"][0]

    health = (await api.get(f"/v1/endpoints/{made['id']}")).json()["health"]
    event = waits["event_id"]
    why = (await api.get(f"/v1/endpoints/{made['id']}/explain?event={event}")).json()["summary"]

    assert (health["state"], health["probe_at"]) == ("closed", None)
    assert datetime.fromisoformat(health["held_until"]) > datetime.now(UTC) + timedelta(minutes=50)
    assert why == (
        "It is pending, after 0 attempts. Nothing is sent to the endpoint until "
        f"{health['held_until']}: its `health` says why."
    )


async def test_an_endpoint_at_another_address_begins_anew(api: Api) -> None:
    api.receiver.script("/down", Reply(500))
    made = await api.endpoint("/down")
    await api.upgrade(*TOKENS)
    body = {"url": api.receiver.url("/up")}

    changed = await api.call("PATCH", f"/v1/endpoints/{made['id']}", json=body)

    assert changed.json()["health"] == NEW


async def test_since_when_it_fails_is_said_once_its_owner_was_told(api: Api) -> None:
    made = await api.endpoint()
    health = Health(recent=1 << 12, failing_since=LONG_AGO, failing_attempts=12)
    shown = []

    for known in (health, replace(health, warned_at=LONG_AGO + WARNED_AFTER)):
        async with api.services.store.write() as tx:
            await write_health(tx, {made["id"]: known})
        shown.append((await api.get(f"/v1/endpoints/{made['id']}")).json()["health"])

    assert [one["failing_since"] for one in shown] == [None, "2026-01-01T00:00:00Z"]
    assert "gradebell_endpoints_failing 1.0" in await meters(api)


async def test_who_is_enabled_again_is_told_what_a_replay_would_bring(api: Api) -> None:
    api.receiver.script("/hook", Reply(413))
    made = await api.endpoint()
    await api.upgrade("before")
    paused = (await api.post(f"/v1/endpoints/{made['id']}/pause")).json()
    await api.upgrade("a", "b", day=3)

    enabled = (await api.post(f"/v1/endpoints/{made['id']}/enable")).json()

    counts = {name: enabled[name] for name in ("count", "failed", "missing", "since")}
    assert counts == {"count": 2, "failed": 0, "missing": 2, "since": paused["state_since"]}
    replay = {"since": enabled["since"], "dry_run": True}
    again = await api.post(f"/v1/endpoints/{made['id']}/replay", json=replay)
    assert again.json()["count"] == 2
