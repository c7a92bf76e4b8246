"""Endpoints are changed: what is left out stays, and what is refused changes nothing."""

from typing import Any

from tests.api.conftest import Api, problem

DIGEST: dict[str, Any] = {"weekday": 1, "hour": 9, "time_zone": "Europe/Berlin"}


async def test_a_change_leaves_alone_what_it_does_not_name(api: Api) -> None:
    made = await api.endpoint(
        description="old",
        filter={"tokens": ["demo:btc"], "kinds": ["trader"], "min_delta": 2.5},
        headers={"x-a": "1", "x-b": "2"},
        digest=DIGEST,
        rate_limit=5,
    )

    answer = await api.call(
        "PATCH",
        f"/v1/endpoints/{made['id']}",
        json={
            "filter": {"min_notches": 2},
            "headers": {"X-A": None, "x-c": "3"},
            "digest": {"hour": 18},
        },
    )

    assert answer.status_code == 200, answer.text
    del made["secret"]
    assert answer.json() == made | {
        "filter": made["filter"] | {"min_notches": 2},
        "headers": {"x-b": "********", "x-c": "********"},
        "digest": made["digest"] | {"hour": 18},
    }
    assert (await api.get(f"/v1/endpoints/{made['id']}")).json() == answer.json()


async def test_thresholds_are_changed_as_a_whole_and_are_of_kinds_that_are_told(api: Api) -> None:
    both = [{"kind": "trader", "above": 85.5, "below": 20}, {"kind": "fundamental", "below": 40}]
    made = await api.endpoint(filter={"thresholds": both})
    path = f"/v1/endpoints/{made['id']}"

    changed = await api.call("PATCH", path, json={"filter": {"thresholds": both[:1]}})
    stray = await api.call("PATCH", path, json={"filter": {"kinds": ["fundamental"]}})
    without = await api.call("PATCH", path, json={"filter": {"thresholds": []}})

    assert made["filter"]["thresholds"] == [
        {"kind": "fundamental", "above": None, "below": 40},
        {"kind": "trader", "above": 85.5, "below": 20},
    ]
    assert changed.json()["filter"]["thresholds"] == both[:1]
    assert problem(stray, 422, "invalid-input")["field"] == "filter.thresholds"
    assert without.json()["filter"]["thresholds"] == []


async def test_windows_are_changed_as_a_whole_and_are_of_kinds_that_are_told(api: Api) -> None:
    both = [
        {"kind": "fundamental", "days": 7, "unit": "percent", "rise": 12.5, "fall": None},
        {"kind": "trader", "days": 1, "unit": "points", "rise": 15, "fall": 10},
    ]
    made = await api.endpoint(filter={"windows": both[::-1]})
    path = f"/v1/endpoints/{made['id']}"

    changed = await api.call("PATCH", path, json={"filter": {"windows": both[:1]}})
    stray = await api.call("PATCH", path, json={"filter": {"kinds": ["trader"]}})
    without = await api.call("PATCH", path, json={"filter": {"windows": []}})

    assert made["filter"]["windows"] == both
    assert changed.json()["filter"]["windows"] == both[:1]
    assert problem(stray, 422, "invalid-input")["field"] == "filter.windows"
    assert without.json()["filter"]["windows"] == []


async def test_null_takes_away_what_can_be_without(api: Api) -> None:
    made = await api.endpoint(
        filter={"tokens": ["demo:btc"]},
        rate_limit=5,
        digest=DIGEST,
        retry_schedule_seconds=[0, 2.5],
    )
    assert made["retry_schedule_seconds"] == [0, 2.5]

    answer = await api.call(
        "PATCH",
        f"/v1/endpoints/{made['id']}",
        json={
            "filter": {"tokens": None},
            "rate_limit": None,
            "digest": None,
            "retry_schedule_seconds": None,
        },
    )

    changed = answer.json()
    assert changed["filter"]["tokens"] is None
    assert (changed["rate_limit"], changed["digest"]) == (None, None)
    assert changed["retry_schedule_seconds"] is None


async def test_an_empty_change_changes_nothing(api: Api) -> None:
    made = await api.endpoint(filter={"tokens": ["demo:btc"]})

    answer = await api.call("PATCH", f"/v1/endpoints/{made['id']}", json={})

    assert answer.json() | {"secret": made["secret"]} == made


async def test_a_digest_that_is_begun_by_a_change_needs_all_it_needs(lone_api: Api) -> None:
    made = await lone_api.endpoint()

    answer = await lone_api.call(
        "PATCH", f"/v1/endpoints/{made['id']}", json={"digest": {"hour": 18}}
    )

    assert problem(answer, 422, "invalid-input")["field"] == "digest.weekday"


async def test_an_endpoint_moves_to_another_url_and_keeps_its_log(api: Api) -> None:
    made = await api.endpoint("/old")
    await api.upgrade("btc")

    moved = await api.call(
        "PATCH", f"/v1/endpoints/{made['id']}", json={"url": api.receiver.url("/new")}
    )
    await api.upgrade("eth", day=3)

    assert moved.json()["url"] == api.receiver.url("/new")
    assert [request.path for request in api.receiver.requests] == ["/old", "/new"]
    log = (await api.get(f"/v1/deliveries?endpoint={made['id']}")).json()["data"]
    assert [delivery["state"] for delivery in log] == ["delivered", "delivered"]


async def test_an_endpoint_does_not_move_to_where_another_one_is(api: Api) -> None:
    await api.endpoint("/taken")
    made = await api.endpoint("/free")

    answers = [
        await api.call("PATCH", f"/v1/endpoints/{made['id']}", json={"url": url})
        for url in (api.receiver.url("/taken"), "https://10.0.0.1/")
    ]

    assert problem(answers[0], 409, "conflict")["field"] == "url"
    assert problem(answers[1], 422, "invalid-input")["field"] == "url"
    assert (await api.get(f"/v1/endpoints/{made['id']}")).json()["url"].endswith("/free")


async def test_a_change_that_is_refused_changes_nothing(lone_api: Api) -> None:
    made = await lone_api.endpoint()

    answer = await lone_api.call(
        "PATCH",
        f"/v1/endpoints/{made['id']}",
        json={"description": "new", "filter": {"tokens": ["NOPE"]}},
    )

    assert problem(answer, 422, "invalid-input")["field"] == "filter.tokens[0]"
    shown = (await lone_api.get(f"/v1/endpoints/{made['id']}")).json()
    assert shown["description"] == ""


async def test_tokens_are_added_and_taken_away_one_by_one(api: Api) -> None:
    await api.push(1, {"btc": 50})
    made = await api.endpoint(filter={"tokens": ["demo:eth"]})
    path = f"/v1/endpoints/{made['id']}/tokens"

    seen = []
    for method, token in (
        ("PUT", "BTC"),
        ("PUT", "demo:btc"),
        ("DELETE", "demo:eth"),
        ("DELETE", "demo:eth"),
        ("DELETE", "btc"),
        ("PUT", "demo:xrp"),
    ):
        answer = await api.call(method, f"{path}/{token}")
        seen.append(answer.json()["filter"]["tokens"])

    assert seen == [
        ["demo:btc", "demo:eth"],
        ["demo:btc", "demo:eth"],
        ["demo:btc"],
        ["demo:btc"],
        [],
        ["demo:xrp"],
    ]


async def test_from_all_tokens_none_can_be_taken_away(api: Api) -> None:
    made = await api.endpoint()

    added = await api.call("PUT", f"/v1/endpoints/{made['id']}/tokens/demo:btc")
    taken = await api.call("DELETE", f"/v1/endpoints/{made['id']}/tokens/demo:btc")

    assert added.json()["filter"]["tokens"] is None
    assert problem(taken, 409, "conflict")["field"] == "token"
