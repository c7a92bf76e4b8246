"""The log, and what is done about it: tests, resends, replays, pauses, and the question why."""

from typing import Any

import pytest
from sqlalchemy import update
from standardwebhooks.webhooks import Webhook

from alerts.domain.deliveries import State
from alerts.store.tables import deliveries
from tests.api.conftest import Api, problem
from tests.receiver import Reply


async def _only(api: Api, query: str = "") -> dict[str, Any]:
    """The one delivery there is."""
    (delivery,) = (await api.get(f"/v1/deliveries?{query}")).json()["data"]
    found: dict[str, Any] = delivery
    return found


async def test_a_delivery_shows_every_attempt(api: Api) -> None:
    api.receiver.script("/hook", Reply(500, body=b"broken\x00\xff"))
    made = await api.endpoint()

    await api.upgrade("btc")

    listed = await _only(api)
    assert (listed["state"], listed["reason"]) == ("pending", "server_error")
    assert (listed["endpoint_id"], listed["token"], listed["kind"]) == (
        made["id"],
        "demo:btc",
        "trader",
    )
    shown = (await api.get(f"/v1/deliveries/{listed['id']}")).json()
    (attempt,) = shown.pop("attempts")
    assert shown == listed
    assert (attempt["number"], attempt["outcome"], attempt["status_code"]) == (1, "deferred", 500)
    assert attempt["response_body"] == "broken\x00\ufffd"
    assert attempt["remote_address"] == "127.0.0.1"
    assert {"connect", "first_byte", "total"} <= set(attempt["timings_ms"])
    assert attempt["position"] == 0
    assert attempt["late_ms"] >= 0
    assert attempt["send_id"].startswith("snd_")
    secrets = (await api.get(f"/v1/endpoints/{made['id']}/secrets")).json()["data"]
    assert attempt["secret_ids"] == [secret["id"] for secret in secrets]
    assert attempt["worker"]


async def test_a_test_is_a_delivery_like_any_other(api: Api) -> None:
    made = await api.endpoint()
    await api.push(1, {"btc": 50})
    await api.push(2, {"btc": 95})

    sent = (await api.post(f"/v1/endpoints/{made['id']}/test")).json()
    await api.services.dispatcher().run_until_idle()

    assert (sent["event_type"], sent["state"]) == ("endpoint.test", "pending")
    (request,) = [
        one for one in api.receiver.requests if one.headers["gradebell-delivery"] == sent["id"]
    ]
    Webhook(made["secret"]).verify(request.body, request.headers)
    assert request.headers["webhook-id"] == sent["event_id"]
    event = await api.get(f"/v1/events/{sent['event_id']}")
    assert event.content == request.body
    assert event.json()["data"]["test"] is True
    assert event.json()["data"]["token"]["id"] == "demo:btc"


async def test_resending_keeps_the_webhook_id(api: Api) -> None:
    await api.endpoint()
    await api.upgrade("btc")
    delivery = await _only(api)

    again = await api.post(f"/v1/deliveries/{delivery['id']}/resend")
    await api.deliver()

    assert (again.status_code, again.json()["state"], again.json()["trigger"]) == (
        202,
        "pending",
        "manual",
    )
    first, second = api.receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    shown = (await api.get(f"/v1/deliveries/{delivery['id']}")).json()
    assert [one["trigger"] for one in shown["attempts"]] == ["schedule", "manual"]


async def test_what_is_on_its_way_is_not_sent_again(api: Api) -> None:
    api.receiver.script("/hook", Reply(500))
    await api.endpoint()
    await api.upgrade("btc")
    delivery = await _only(api)
    async with api.services.store.write() as tx:
        sending = {"state": State.SENDING, "lease_id": "lse_1"}
        await tx.connection.execute(update(deliveries).values(sending))

    problem(await api.post(f"/v1/deliveries/{delivery['id']}/resend"), 409, "conflict")


async def test_while_paused_news_is_skipped_and_enabling_says_how_much(api: Api) -> None:
    made = await api.endpoint()
    paused = (await api.post(f"/v1/endpoints/{made['id']}/pause")).json()
    await api.upgrade("btc", "eth")

    enabled = (await api.post(f"/v1/endpoints/{made['id']}/enable")).json()

    assert paused["state"] == "paused"
    assert (enabled["endpoint"]["state"], enabled["missing"]) == ("active", 2)
    assert enabled["since"] == paused["state_since"]
    assert api.receiver.requests == []
    replay = {"since": enabled["since"], "only": "missing"}
    path = f"/v1/endpoints/{made['id']}/replay"
    counted = (await api.post(path, json={**replay, "dry_run": True})).json()
    assert counted == {"count": 2, "id": None}
    assert (await api.post(path, json=replay)).json()["count"] == 2
    await api.deliver()
    assert len(api.receiver.requests) == 2
    assert (await api.post(path, json=replay)).json()["count"] == 0


async def test_a_paused_endpoint_takes_no_test_and_no_replay(api: Api) -> None:
    made = await api.endpoint()
    await api.post(f"/v1/endpoints/{made['id']}/pause")

    for path, body in (("test", None), ("replay", {"since": "2026-01-01"})):
        answer = await api.post(f"/v1/endpoints/{made['id']}/{path}", json=body)
        assert "enable it first" in problem(answer, 409, "conflict")["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "since"),
        ({"since": 5}, "since"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"since": "2026-01-02", "until": "2026-01-01"}, "until"),
        ({"since": "2026-01-02", "only": "all"}, "only"),
        ({"since": "2026-01-02", "dry_run": "yes"}, "dry_run"),
        ({"since": "2026-01-02", "dryrun": True}, "dryrun"),
    ],
)
async def test_a_replay_that_makes_no_sense_is_refused_by_field(
    lone_api: Api, body: dict[str, object], field: str
) -> None:
    made = await lone_api.endpoint()

    answer = await lone_api.post(f"/v1/endpoints/{made['id']}/replay", json=body)

    assert problem(answer, 422, "invalid-input")["field"] == field


async def test_for_a_while_both_secrets_sign(api: Api) -> None:
    made = await api.endpoint()

    rotated = (await api.post(f"/v1/endpoints/{made['id']}/rotate-secret")).json()
    await api.upgrade("btc")

    (request,) = api.receiver.requests
    assert rotated["secret"] != made["secret"]
    for secret in (made["secret"], rotated["secret"]):
        Webhook(secret).verify(request.body, request.headers)


async def test_without_an_overlap_the_old_secret_ends_at_once(api: Api) -> None:
    made = await api.endpoint()

    await api.post(f"/v1/endpoints/{made['id']}/rotate-secret", json={"overlap_seconds": 0})
    await api.upgrade("btc")

    (request,) = api.receiver.requests
    assert len(request.headers["webhook-signature"].split()) == 1


async def test_an_overlap_has_its_bounds(lone_api: Api) -> None:
    made = await lone_api.endpoint()

    for seconds in (-1, 604_801, 1.5, "60"):
        answer = await lone_api.post(
            f"/v1/endpoints/{made['id']}/rotate-secret", json={"overlap_seconds": seconds}
        )
        assert problem(answer, 422, "invalid-input")["field"] == "overlap_seconds"


@pytest.mark.parametrize(
    ("wanted", "field", "says"),
    [
        ({"tokens": ["demo:eth"]}, "filter.tokens", "does not want this token"),
        ({"kinds": ["fundamental"]}, "filter.kinds", "does not want this kind"),
        ({"types": ["grade.downgraded"]}, "filter.types", "events of this type"),
        ({"min_notches": 3}, "filter.min_notches", "fewer bands"),
        ({"min_delta": 50}, "filter.min_delta", "fewer points"),
    ],
)
async def test_why_not_is_told_by_the_field_of_the_filter(
    lone_api: Api, wanted: dict[str, object], field: str, says: str
) -> None:
    made = await lone_api.endpoint(filter=wanted)
    await lone_api.upgrade("btc")
    (event,) = (await lone_api.get("/v1/events")).json()["data"]

    answer = await lone_api.get(f"/v1/endpoints/{made['id']}/explain?event={event['id']}")

    told = answer.json()
    assert told["miss"]["field"] == field
    assert says in told["miss"]["detail"]
    assert told["summary"] == f"No delivery: {field}: {told['miss']['detail']}."
    assert told["delivery"] is None


async def test_why_a_crossing_is_not_told_is_said_of_the_thresholds(lone_api: Api) -> None:
    near = await lone_api.endpoint(
        "/near", filter={"types": [], "thresholds": [{"kind": "trader", "above": 85}]}
    )
    far = await lone_api.endpoint(
        "/far", filter={"types": [], "thresholds": [{"kind": "trader", "above": 90}]}
    )
    for number, score in enumerate((84, 86), start=1):
        await lone_api.push(number, {"btc": score})

    (event,) = (await lone_api.get("/v1/events?type=grade.crossed")).json()["data"]
    answers = [
        (await lone_api.get(f"/v1/endpoints/{made['id']}/explain?event={event['id']}")).json()
        for made in (near, far)
    ]

    assert answers[0]["miss"] is None
    assert answers[1]["miss"]["field"] == "filter.thresholds"


async def test_why_is_told_by_the_delivery_there_is(api: Api) -> None:
    early = await api.endpoint("/early")
    await api.upgrade("btc")
    late = await api.endpoint("/late")
    (event,) = (await api.get("/v1/events")).json()["data"]

    sent, missed = [
        (await api.get(f"/v1/endpoints/{one['id']}/explain?event={event['id']}")).json()
        for one in (early, late)
    ]

    assert sent["delivery"]["state"] == "delivered"
    assert sent["summary"] == "It is delivered, after 1 attempt."
    assert missed["miss"]["field"] is None
    assert "before the endpoint was made" in missed["summary"]


async def test_explain_needs_an_event_that_is_there(lone_api: Api) -> None:
    made = await lone_api.endpoint()

    unknown = await lone_api.get(f"/v1/endpoints/{made['id']}/explain?event=evt_x")
    missing = await lone_api.get(f"/v1/endpoints/{made['id']}/explain")

    problem(unknown, 404, "not-found")
    assert problem(missing, 422, "invalid-input")["field"] == "event"
