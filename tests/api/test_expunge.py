"""What was said and answered is taken out; that it was, when and how it went stays."""

from typing import Any

from tests.api.conftest import Api, problem
from tests.receiver import Reply


async def _listed(api: Api, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("/v1/deliveries", params=query)).json()["data"]
    return found


async def _shown(api: Api, delivery_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"/v1/deliveries/{delivery_id}")).json()
    return found


async def test_answers_go_and_the_rest_of_the_log_stays(api: Api) -> None:
    api.receiver.script("/hook", Reply(410, body=b"the owner of this is N. N."))
    made = await api.endpoint()
    await api.upgrade("btc")
    (delivery,) = await _listed(api)
    before = await _shown(api, delivery["id"])
    event = (await api.get(f"/v1/events/{delivery['event_id']}")).content

    answer = await api.post(f"/v1/deliveries/{delivery['id']}/expunge")

    after = await _shown(api, delivery["id"])
    emptied = {"response_body": "", "detail": None}
    assert before["attempts"][0]["response_body"] == "the owner of this is N. N."
    assert after.pop("expunged_at") is not None
    assert after == {
        **{name: value for name, value in before.items() if name != "expunged_at"},
        "attempts": [{**before["attempts"][0], **emptied}],
    }
    assert (answer.status_code, answer.json()["expunged_at"] is not None) == (200, True)
    assert (await api.get(f"/v1/events/{delivery['event_id']}")).content == event
    await api.post(f"/v1/endpoints/{made['id']}/enable")
    again = await api.post(f"/v1/deliveries/{delivery['id']}/resend")
    assert "expunged" in problem(again, 409, "conflict")["detail"]
    replay = {"since": "2026-01-01", "dry_run": True}
    counted = await api.post(f"/v1/endpoints/{made['id']}/replay", json=replay)
    assert counted.json()["count"] == 0


async def test_the_data_of_an_event_of_ones_own_goes_from_all_that_was_told(api: Api) -> None:
    key = await api.member("tenant")
    gone, one, two = [await api.endpoint(path, key=key) for path in ("/gone", "/one", "/two")]
    api.receiver.script("/gone", Reply(410))
    api.receiver.script("/one", Reply(body=b"thanks"))
    api.receiver.script("/two", Reply(body=b"thank you"))
    await api.post(f"/v1/endpoints/{gone['id']}/test", key=key)
    await api.deliver()
    await api.deliver()
    told = [(await _listed(api, endpoint=made["id"]))[0] for made in (one, two)]
    assert {each["event_type"] for each in told} == {"endpoint.disabled"}

    await api.post(f"/v1/deliveries/{told[0]['id']}/expunge", key=key)

    event = (await api.get(f"/v1/events/{told[0]['event_id']}", key=key)).json()
    assert event.pop("data") == {"expunged": True}
    assert set(event) == {"id", "type", "timestamp", "recorded_at", "sequence"}
    for each in told:
        shown = await _shown(api, each["id"])
        assert shown["expunged_at"] is not None
        assert [attempt["response_body"] for attempt in shown["attempts"]] == [""]


async def test_what_is_on_its_way_or_not_yours_is_not_expunged(api: Api) -> None:
    api.receiver.script("/hook", Reply(500, body=b"later"))
    await api.endpoint()
    await api.upgrade("btc")
    (delivery,) = await _listed(api)
    path = f"/v1/deliveries/{delivery['id']}/expunge"

    waiting = await api.post(path)
    foreign = await api.post(path, key=await api.member("another"))
    read_only = await api.post(path, key=await api.key(await api.app("third"), "read"))

    problem(waiting, 409, "conflict")
    problem(foreign, 404, "not-found")
    problem(read_only, 403, "forbidden")
    assert (await _shown(api, delivery["id"]))["attempts"][0]["response_body"] == "later"
