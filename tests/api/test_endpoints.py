"""Endpoints: made, shown without their secrets, and refused where they make no sense."""

import zoneinfo
from typing import Any

import pytest

from tests.api.conftest import Api, problem


async def test_a_new_endpoint_has_defaults_and_shows_its_secret_once(api: Api) -> None:
    made = await api.endpoint()

    assert made["secret"].startswith("whsec_")
    shown = (await api.get(f"/v1/endpoints/{made['id']}")).json()
    assert made == shown | {"secret": made["secret"]}
    assert shown["filter"] == {
        "tokens": None,
        "kinds": ["fundamental", "trader"],
        "types": ["grade.downgraded", "grade.upgraded"],
        "min_notches": 1,
        "min_delta": 0,
        "thresholds": [],
        "given": [],
        "windows": [],
    }
    assert (shown["state"], shown["order"], shown["rate_limit"]) == ("active", "none", None)
    assert shown["time_to_live_seconds"] == 72 * 3600
    assert shown["url"] == api.receiver.url("/hook")


async def test_header_values_are_sent_and_never_shown(api: Api) -> None:
    made = await api.endpoint(headers={"X-Tenant": "blue-secret", "Authorization": "Bearer t0ken"})

    await api.upgrade("btc")

    (request,) = api.receiver.requests
    assert (request.headers["x-tenant"], request.headers["authorization"]) == (
        "blue-secret",
        "Bearer t0ken",
    )
    assert made["headers"] == {"x-tenant": "********", "authorization": "********"}
    for path in (f"/v1/endpoints/{made['id']}", "/v1/endpoints"):
        text = (await api.get(path)).text
        assert "blue-secret" not in text
        assert made["secret"] not in text


async def test_a_symbol_becomes_the_token_that_bears_it(api: Api) -> None:
    await api.push(1, {"btc": 50, "eth": 50})

    made = await api.endpoint(filter={"tokens": ["$Btc", "demo:eth", "other:not-seen-yet"]})

    assert made["filter"]["tokens"] == ["demo:btc", "demo:eth", "other:not-seen-yet"]


async def test_an_ambiguous_symbol_is_refused_with_those_it_could_mean(api: Api) -> None:
    await api.push(1, {"btc": 50})
    await api.push(1, {"btc": 50}, source="mine")

    answer = await api.post(
        "/v1/endpoints",
        json={
            "channel": "webhook",
            "url": api.receiver.url(),
            "filter": {"tokens": ["mine:btc", "BTC"]},
        },
    )

    members = problem(answer, 422, "invalid-input")
    assert members["field"] == "filter.tokens[1]"
    assert members["candidates"] == ["demo:btc (btc)", "mine:btc (btc)"]


async def test_an_unknown_symbol_is_refused_with_the_nearest(api: Api) -> None:
    await api.push(1, {"btc": 50, "eth": 50})

    answer = await api.post(
        "/v1/endpoints",
        json={"channel": "webhook", "url": api.receiver.url(), "filter": {"tokens": ["BTCC"]}},
    )

    assert problem(answer, 422, "invalid-input")["candidates"] == ["BTC"]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"channel": "pigeon"}, "channel: must be one of webhook, discord, telegram"),
        ({"description": "x" * 201}, "description: must be at most 200 characters long"),
        ({"filter": {"tokens": [""]}}, "filter.tokens[0]: must be 1 or more characters long"),
        ({"filter": {"tokens": []}}, "filter.tokens: must hold 1 or more"),
    ],
)
async def test_a_refusal_says_what_would_have_done(
    lone_api: Api, change: dict[str, Any], detail: str
) -> None:
    body = {"channel": "webhook", "url": "https://93.184.215.14/", **change}

    answer = await lone_api.post("/v1/endpoints", json=body)

    assert problem(answer, 422, "invalid-input")["detail"] == detail


DIGEST: dict[str, Any] = {"weekday": 1, "hour": 9, "time_zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"channel": "pigeon"}, "channel"),
        ({"channel": "telegram"}, "url"),
        ({"channel": "discord"}, "url"),
        ({"url": None}, "url"),
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "https://user:pass@example.com/"}, "url"),
        ({"url": "https://exa\u202emple.com/"}, "url"),
        ({"url": 5}, "url"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit": -1}, "rate_limit"),
        ({"rate_limit": 1e-14}, "rate_limit"),
        ({"rate_limit": 1000.5}, "rate_limit"),
        ({"rate_limit": True}, "rate_limit"),
        ({"rate_limit": "5"}, "rate_limit"),
        ({"order": "random"}, "order"),
        ({"order": None}, "order"),
        ({"time_to_live_seconds": 59}, "time_to_live_seconds"),
        ({"time_to_live_seconds": 2_592_001}, "time_to_live_seconds"),
        ({"time_to_live_seconds": 90.5}, "time_to_live_seconds"),
        ({"retry_schedule_seconds": []}, "retry_schedule_seconds"),
        ({"retry_schedule_seconds": [5, 10]}, "retry_schedule_seconds"),
        ({"retry_schedule_seconds": [0, -1]}, "retry_schedule_seconds[1]"),
        ({"retry_schedule_seconds": "0,5"}, "retry_schedule_seconds"),
        ({"description": "x" * 201}, "description"),
        ({"description": "a\u0000b"}, "description"),
        ({"headers": {"host": "x"}}, "headers.host"),
        ({"headers": {"x-a": "a\nb"}}, "headers.x-a"),
        ({"headers": {"x-a": 5}}, "headers.x-a"),
        ({"headers": []}, "headers"),
        ({"filter": {"tokens": []}}, "filter.tokens"),
        ({"filter": {"tokens": [5]}}, "filter.tokens[0]"),
        ({"filter": {"tokens": ["a\u0000"]}}, "filter.tokens[0]"),
        ({"filter": {"kinds": []}}, "filter.kinds"),
        ({"filter": {"kinds": ["technical"]}}, "filter.kinds[0]"),
        ({"filter": {"types": ["endpoint.test"]}}, "filter.types[0]"),
        ({"filter": {"min_notches": 0}}, "filter.min_notches"),
        ({"filter": {"min_notches": 1.5}}, "filter.min_notches"),
        ({"filter": {"min_delta": -1}}, "filter.min_delta"),
        ({"filter": {"thresholds": [{"kind": "trader"}]}}, "filter.thresholds[0]"),
        ({"filter": {"windows": [{"kind": "trader", "days": 7}]}}, "filter.windows[0]"),
        (
            {"filter": {"windows": [{"kind": "trader", "days": 2, "rise": 5}]}},
            "filter.windows[0].days",
        ),
        (
            {"filter": {"windows": [{"kind": "trader", "days": 7, "rise": 100.01}]}},
            "filter.windows[0]",
        ),
        (
            {
                "filter": {
                    "windows": [{"kind": "trader", "days": 1, "unit": "percent", "fall": 101}]
                }
            },
            "filter.windows[0]",
        ),
        (
            {"filter": {"windows": [{"kind": "trader", "days": 7, "rise": 5}] * 2}},
            "filter.windows",
        ),
        ({"filter": {"thresholds": [{"kind": "ta", "above": 1}]}}, "filter.thresholds[0].kind"),
        (
            {"filter": {"thresholds": [{"kind": "trader", "above": 100.01}]}},
            "filter.thresholds[0].above",
        ),
        (
            {"filter": {"thresholds": [{"kind": "trader", "above": 0.004}]}},
            "filter.thresholds[0].above",
        ),
        (
            {"filter": {"thresholds": [{"kind": "trader", "below": 1, "above": None}] * 2}},
            "filter.thresholds",
        ),
        ({"filter": {"given": [{"kind": "trader"}]}}, "filter.given[0]"),
        (
            {"filter": {"given": [{"kind": "trader", "at_least": 79.996, "below": 80}]}},
            "filter.given[0]",
        ),
        (
            {"filter": {"kinds": ["trader"], "given": [{"kind": "trader", "at_least": 80}]}},
            "filter.given",
        ),
        (
            {"filter": {"kinds": ["trader"], "thresholds": [{"kind": "fundamental", "above": 9}]}},
            "filter.thresholds",
        ),
        ({"filter": {"min_delta": 101}}, "filter.min_delta"),
        ({"filter": {"tokns": ["BTC"]}}, "filter.tokns"),
        ({"filter": None}, "filter"),
        ({"digest": {**DIGEST, "weekday": 0}}, "digest.weekday"),
        ({"digest": {**DIGEST, "weekday": 8}}, "digest.weekday"),
        ({"digest": {**DIGEST, "hour": 24}}, "digest.hour"),
        ({"digest": {**DIGEST, "time_zone": "Mars/Olympus"}}, "digest.time_zone"),
        ({"digest": {**DIGEST, "time_zone": "../../etc/passwd"}}, "digest.time_zone"),
        ({"digest": {**DIGEST, "time_zone": "America"}}, "digest.time_zone"),
        ({"digest": {**DIGEST, "when_empty": "shout"}}, "digest.when_empty"),
        ({"digest": {**DIGEST, "role": "@everyone"}}, "digest.role"),
        ({"digest": {**DIGEST, "tokens": ["NOPE"]}}, "digest.tokens[0]"),
        ({"digest": {"weekday": 1, "hour": 9}}, "digest.time_zone"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_field(
    lone_api: Api, change: dict[str, object], field: str
) -> None:
    body = {"channel": "webhook", "url": lone_api.receiver.url(), **change}

    answer = await lone_api.post("/v1/endpoints", json=body)

    assert problem(answer, 422, "invalid-input")["field"] == field
    assert (await lone_api.get("/v1/endpoints")).json()["data"] == []


async def test_time_zones_are_known_on_a_machine_that_knows_none(lone_api: Api) -> None:
    zoneinfo.reset_tzpath(to=[])
    try:
        made = await lone_api.endpoint(digest=DIGEST)
    finally:
        zoneinfo.reset_tzpath()

    assert made["digest"]["time_zone"] == "Europe/Berlin"


async def test_a_closed_set_is_refused_with_what_would_do(lone_api: Api) -> None:
    body = {"channel": "webhook", "url": lone_api.receiver.url(), "order": "newest"}

    answer = await lone_api.post("/v1/endpoints", json=body)

    assert problem(answer, 422, "invalid-input")["candidates"] == ["latest", "none", "strict"]


@pytest.mark.parametrize(
    "body", [b'{"channel": "webhook", "rate_limit": NaN}', b'{"channel": 1e999}', b"", b"[" * 5000]
)
async def test_a_small_body_that_is_no_json_is_told_so(lone_api: Api, body: bytes) -> None:
    problem(await lone_api.post("/v1/endpoints", content=body), 400, "unreadable-body")


async def test_a_small_body_is_no_large_one(lone_api: Api) -> None:
    answer = await lone_api.post("/v1/endpoints", content=b" " * (2 * 1024 * 1024 + 1))

    problem(answer, 413, "too-large")


async def test_a_deleted_endpoint_is_gone_with_its_log(api: Api) -> None:
    made = await api.endpoint()
    await api.upgrade("btc")
    (delivery,) = (await api.get("/v1/deliveries")).json()["data"]

    gone = await api.call("DELETE", f"/v1/endpoints/{made['id']}")

    assert (gone.status_code, gone.content) == (204, b"")
    for path in (f"/v1/endpoints/{made['id']}", f"/v1/deliveries/{delivery['id']}"):
        problem(await api.get(path), 404, "not-found")
    problem(await api.call("DELETE", f"/v1/endpoints/{made['id']}"), 404, "not-found")


async def test_endpoints_are_listed_newest_first_and_page_by_page(api: Api) -> None:
    ids = [(await api.endpoint(f"/{number}"))["id"] for number in range(3)]

    first = (await api.get("/v1/endpoints?limit=2")).json()
    second = (await api.get(f"/v1/endpoints?limit=2&cursor={first['next']}")).json()

    assert [one["id"] for one in first["data"] + second["data"]] == ids[::-1]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=%C3%A9", "cursor"),
        ("cursor=AAAA", "cursor"),
        ("cursor=", "cursor"),
        ("page=2", "page"),
        ("limit=%00", "path"),
    ],
)
async def test_a_page_that_is_none_is_refused_by_name(
    lone_api: Api, query: str, field: str
) -> None:
    answer = await lone_api.get(f"/v1/endpoints?{query}")

    assert problem(answer, 422, "invalid-input")["field"] == field
