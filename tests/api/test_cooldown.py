"""A cooldown as it is set, shown and explained."""

from tests.api.conftest import Api, open_api, problem

SIX_HOURS = 21_600


async def test_a_cooldown_is_set_shown_changed_and_taken_away(api: Api) -> None:
    made = await api.endpoint(cooldown_seconds=SIX_HOURS)
    path = f"/v1/endpoints/{made['id']}"

    kept = (await api.call("PATCH", path, json={"description": "x"})).json()
    changed = (await api.call("PATCH", path, json={"cooldown_seconds": 60})).json()
    gone = (await api.call("PATCH", path, json={"cooldown_seconds": None})).json()
    refused = await api.call("PATCH", path, json={"cooldown_seconds": 0})

    seconds = [shown["cooldown_seconds"] for shown in (made, kept, changed, gone)]
    assert seconds == [SIX_HOURS, SIX_HOURS, 60, None]
    assert problem(refused, 422, "invalid-input")["field"] == "cooldown_seconds"
    assert (await api.endpoint("/other"))["cooldown_seconds"] is None


async def test_what_a_cooldown_holds_says_so_and_may_be_sent_by_hand(api: Api) -> None:
    made = await api.endpoint(cooldown_seconds=SIX_HOURS)
    await api.upgrade("btc")
    await api.push(3, {"btc": 50})
    await api.deliver()

    newest = (await api.get(f"/v1/deliveries?endpoint={made['id']}")).json()["data"][0]
    path = f"/v1/endpoints/{made['id']}/explain?event={newest['event_id']}"
    why = (await api.get(path)).json()

    assert (newest["state"], newest["deferred_reason"]) == ("pending", "cooldown")
    assert why["summary"] == (
        "It is pending (cooldown), after 0 attempts. Its cooldown holds it back until "
        f"{newest['due_at']}."
    )

    answer = await api.post(f"/v1/deliveries/{newest['id']}/resend")
    assert answer.status_code == 202, answer.text
    await api.deliver()
    assert len(api.receiver.requests) == 2


async def test_why_says_that_the_next_change_waits_to_be_confirmed(sqlite_url: str) -> None:
    async with open_api(sqlite_url, trader_confirm_cycles=2) as api:
        made = await api.endpoint()
        for day, score in enumerate((50, 70, 70, 50), 1):
            await api.push(day, {"btc": score})
        await api.deliver()
        (event,) = (await api.get("/v1/events")).json()["data"]

        path = f"/v1/endpoints/{made['id']}/explain?event={event['id']}"
        why = (await api.get(path)).json()

        assert why["waiting"]["seen"] == 1
        assert why["summary"] == (
            "It is delivered, after 1 attempt. The next change, to Neutral, was seen in 1 of 2 "
            "cycles in a row."
        )
