"""How often a key may call, and how often an address may guess."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from alerts.api.app import create_app
from alerts.api.previews import PREVIEWS
from alerts.api.quotas import STRANGERS
from tests.api.conftest import METRICS_TOKEN, Api, open_api, problem

# Two calls, and then none for as long as any test runs.
FEW: Mapping[str, Any] = {"key_requests_per_second": 0.01}
PATH = "/v1/endpoints"


@pytest.fixture
async def few(sqlite_url: str) -> AsyncIterator[Api]:
    async with open_api(sqlite_url, **FEW) as opened:
        yield opened


async def test_an_answer_says_how_its_key_stands(lone_api: Api) -> None:
    key = await lone_api.member("tenant")

    first, second = [await lone_api.get(PATH, key=key) for _ in range(2)]

    assert first.headers["ratelimit-policy"] == '"key";q=100;w=2'
    assert first.headers["ratelimit"] == '"key";r=99;t=1'
    assert second.headers["ratelimit"].startswith('"key";r=9')


async def test_one_call_too_many_is_429_and_says_when_to_go_on(few: Api) -> None:
    key = await few.member("tenant")

    within, beyond = [await few.get(PATH, key=key) for _ in range(2)]

    assert (within.status_code, within.headers["ratelimit"]) == (200, '"key";r=0;t=100')
    members = problem(beyond, 429, "rate-limited")
    assert "0.01 calls a second" in members["detail"]
    assert 90 < int(beyond.headers["retry-after"]) <= 100
    assert beyond.headers["ratelimit"].startswith('"key";r=0;t=')


async def test_each_key_is_counted_by_itself(few: Api) -> None:
    app_id = await few.app("tenant")
    one, two = [await few.key(app_id, "read") for _ in range(2)]

    answers = [await few.get(PATH, key=key) for key in (one, one, two, two)]

    assert [answer.status_code for answer in answers] == [200, 429, 200, 429]


async def test_an_app_may_not_press_on_previews_and_keeps_nobody_else_from_them(
    lone_api: Api,
) -> None:
    pressing, other = [await lone_api.app(name) for name in ("pressing", "other")]
    keys = [await lone_api.key(app, "read") for app in (pressing, pressing, other)]
    path = f"{PATH}/ep_x/preview"

    within = [await lone_api.post(path, key=keys[0]) for _ in range(PREVIEWS.burst)]
    beyond, others = [await lone_api.post(path, key=key) for key in keys[1:]]
    operators = await lone_api.post(path)

    assert {answer.status_code for answer in (*within, others, operators)} == {404}
    problem(beyond, 429, "rate-limited")
    assert 0 < int(beyond.headers["retry-after"]) <= 5


async def test_refusals_count_and_bear_the_headers_too(few: Api) -> None:
    key = await few.key(await few.app("tenant"), "read")

    missing = await few.get(f"{PATH}/ep_x", key=key)

    problem(missing, 404, "not-found")
    assert missing.headers["ratelimit"] == '"key";r=0;t=100'
    problem(await few.get(PATH, key=key), 429, "rate-limited")


async def test_a_call_that_a_key_may_not_make_is_counted_too(few: Api) -> None:
    key = await few.key(await few.app("tenant"), "read")

    answers = [await few.post("/v1/cycles", key=key) for _ in range(2)]

    problem(answers[0], 403, "forbidden")
    assert answers[0].headers["ratelimit"] == '"key";r=0;t=100'
    problem(answers[1], 429, "rate-limited")


async def test_the_operator_s_own_key_and_what_watches_the_service_are_not_counted(
    few: Api,
) -> None:
    calls = [(PATH, None), ("/healthz", None), ("/readyz", None), ("/metrics", METRICS_TOKEN)]
    for path, key in calls:
        for _ in range(5):
            answer = await few.get(path, **({} if key is None else {"key": key}))
            assert answer.status_code == 200
            assert "ratelimit" not in answer.headers


async def test_a_429_is_not_what_is_answered_when_the_call_comes_again(few: Api) -> None:
    app_id = await few.app("tenant")
    spent, fresh = [await few.key(app_id, "write") for _ in range(2)]
    await few.post(f"{PATH}/ep_x/test", key=spent)
    headers = {"idempotency-key": "k"}

    refused = await few.post(f"{PATH}/ep_x/pause", key=spent, headers=headers)
    again = await few.post(f"{PATH}/ep_x/pause", key=fresh, headers=headers)

    problem(refused, 429, "rate-limited")
    problem(again, 404, "not-found")
    assert "idempotent-replayed" not in again.headers


async def test_processes_that_share_a_redis_count_together(sqlite_url: str, redis_url: str) -> None:
    knobs = {"key_requests_per_second": 0.01, "redis_url": redis_url}
    async with open_api(sqlite_url, **knobs) as one, open_api(sqlite_url, **knobs) as two:
        key = await one.member("tenant")
        answers = [await api.get(PATH, key=key) for api in (one, two)]

    assert [answer.status_code for answer in answers] == [200, 429]


async def guess(api: Api, count: int, **headers: str) -> list[httpx.Response]:
    return [
        await api.get(PATH, key=f"gb_guess{number}", headers=headers) for number in range(count)
    ]


async def test_an_address_with_too_many_wrong_keys_is_not_even_looked_at(lone_api: Api) -> None:
    known, other = [await lone_api.member(name) for name in ("known", "other")]
    assert (await lone_api.get(PATH, key=known)).status_code == 200
    assert (await lone_api.get("/metrics", key=METRICS_TOKEN)).status_code == 200

    answers = await guess(lone_api, STRANGERS.burst + 15)

    assert {answer.status_code for answer in answers[: STRANGERS.burst]} == {401}
    refused = answers[-1]
    problem(refused, 429, "rate-limited")
    assert int(refused.headers["retry-after"]) >= 1
    # A key that was right before is let in from the same address; one nobody has seen is not.
    assert (await lone_api.get(PATH, key=known)).status_code == 200
    assert (await lone_api.get("/metrics", key=METRICS_TOKEN)).status_code == 200
    problem(await lone_api.get("/metrics", key="gb_guess"), 429, "rate-limited")
    problem(await lone_api.get(PATH, key=other), 429, "rate-limited")


async def test_a_key_that_was_revoked_is_a_wrong_one(lone_api: Api) -> None:
    app_id = await lone_api.app("tenant")
    key = await lone_api.key(app_id, "read")
    assert (await lone_api.get(PATH, key=key)).status_code == 200
    (listed,) = (await lone_api.get("/v1/keys", params={"app_id": app_id})).json()["data"]
    await lone_api.call("DELETE", f"/v1/keys/{listed['id']}")

    answers = [await lone_api.get(PATH, key=key) for _ in range(STRANGERS.burst + 15)]

    problem(answers[0], 401, "unauthenticated")
    problem(answers[-1], 429, "rate-limited")


async def test_no_header_says_where_a_call_comes_from_but_a_trusted_proxy_s(
    sqlite_url: str,
) -> None:
    count = STRANGERS.burst + 15
    async with open_api(sqlite_url) as api:
        answers = [
            await guess(api, 1, **{"x-forwarded-for": f"203.0.113.{number}"})
            for number in range(count)
        ]
        problem(answers[-1][0], 429, "rate-limited")
    async with open_api(sqlite_url, trusted_proxies="127.0.0.0/8") as api:
        answers = [await guess(api, count, **{"x-forwarded-for": "203.0.113.7"})]
        problem(answers[0][-1], 429, "rate-limited")

        (elsewhere,) = await guess(api, 1, **{"x-forwarded-for": "203.0.113.8"})
        (liar,) = await guess(api, 1, **{"x-forwarded-for": "203.0.113.8, 203.0.113.7"})

    problem(elsewhere, 401, "unauthenticated")
    problem(liar, 429, "rate-limited")


async def test_ipv6_addresses_of_one_network_are_one(sqlite_url: str) -> None:
    async with open_api(sqlite_url, trusted_proxies="127.0.0.1") as api:
        for number in range(STRANGERS.burst + 15):
            (answer,) = await guess(api, 1, **{"x-forwarded-for": f"2001:db8:1:2::{number:x}"})
        (elsewhere,) = await guess(api, 1, **{"x-forwarded-for": "2001:db8:1:3::1"})

    problem(answer, 429, "rate-limited")
    problem(elsewhere, 401, "unauthenticated")


async def test_the_document_says_it_for_every_call_that_takes_a_key(lone_api: Api) -> None:
    document = create_app(lone_api.services).openapi()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            is_counted = bool(operation.get("security")) and path != "/metrics"
            said = operation["responses"]

            assert ("429" in said) == bool(operation.get("security")), path
            for status, response in said.items():
                if status != "401":
                    assert ("RateLimit" in response["headers"]) == is_counted, (path, status)
            if "429" in said:
                assert "Retry-After" in said["429"]["headers"]
