"""Who may do what: on every call there is, by the API's own document."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from alerts.api.app import create_app
from alerts.pipeline.access import Scope
from tests.api.conftest import ADMIN_KEY, METRICS_TOKEN, Api, open_api, problem

OPEN = {("get", "/healthz"), ("get", "/readyz")}
# What the operator publishes to whoever may read.
PUBLISHED = {
    ("get", "/v1/cycles/{cycle_id}"),
    ("get", "/v1/tokens/{token}"),
    ("get", "/v1/tokens/{token}/history"),
}
NOUNS = ("endpoint", "delivery", "event", "cycle", "app", "key", "secret", "replay")
NAMES = (*(f"{noun}_id" for noun in NOUNS), "token")
SCOPES = [scope for scope in Scope if scope is not Scope.ADMIN]


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the document. scope: None where anybody may."""

    method: str
    path: str
    scope: Scope | None
    body: Any
    query: dict[str, str]

    @property
    def name(self) -> tuple[str, str]:
        return self.method, self.path


def operations(api: Api) -> Iterator[Operation]:
    document = create_app(api.services).openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            security = operation.get("security")
            content = operation.get("requestBody", {}).get("content", {})
            query = {
                parameter["name"]: "evt_x"
                for parameter in operation.get("parameters", ())
                if parameter["in"] == "query" and parameter.get("required")
            }
            yield Operation(
                method,
                path,
                Scope(security[0]["key"][0]) if security else None,
                content.get("application/json", {}).get("example"),
                query,
            )


def filled(path: str, **ids: str) -> str:
    """A path with these ids in it, or with some that nobody has."""
    for name in NAMES:
        path = path.replace(f"{{{name}}}", ids.get(name, "demo:btc"))
    assert "{" not in path, f"this test does not know what to put into {path}"
    return path


async def test_no_call_but_the_open_ones_answers_without_a_key(lone_api: Api) -> None:
    is_open = set()
    for operation in operations(lone_api):
        answer = await lone_api.call(
            operation.method, filled(operation.path), key=None, json=operation.body
        )
        if operation.scope is None:
            is_open.add(operation.name)
            assert answer.status_code == 200
            continue
        problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"

    assert is_open == OPEN


async def test_no_call_answers_a_key_without_its_scope(lone_api: Api) -> None:
    app_id = await lone_api.app("tenant")
    keys: dict[Scope, str] = {}
    for missing in SCOPES:
        scopes = [scope for scope in SCOPES if scope is not missing]
        sources = ["demo"] if Scope.INGEST in scopes else []
        keys[missing] = await lone_api.key(app_id, *scopes, sources=sources)
    keys[Scope.ADMIN] = await lone_api.key(app_id, *SCOPES, sources=["demo"])

    for operation in operations(lone_api):
        if operation.scope is None:
            continue
        answer = await lone_api.call(
            operation.method,
            filled(operation.path),
            key=keys[operation.scope],
            json=operation.body,
        )
        members = problem(answer, 403, "forbidden")
        assert members["detail"] == f"this key lacks the scope {operation.scope.value!r}"


async def test_no_call_lets_one_app_see_or_touch_another_s(api: Api) -> None:
    mine, theirs = await api.member("mine"), await api.member("theirs")
    made = await api.endpoint(key=theirs)
    test = (await api.post(f"/v1/endpoints/{made['id']}/test", key=theirs)).json()
    await api.post(f"/v1/endpoints/{made['id']}/rotate-secret", key=theirs)
    signing = (await api.get(f"/v1/endpoints/{made['id']}/secrets", key=theirs)).json()["data"]
    await api.upgrade("btc")
    replay = await api.post(
        f"/v1/endpoints/{made['id']}/replay", json={"since": "2026-01-01"}, key=theirs
    )
    ids = {
        "replay_id": replay.json()["id"],
        "secret_id": signing[-1]["id"],
        "endpoint_id": made["id"],
        "delivery_id": test["id"],
        "event_id": test["event_id"],
        "cycle_id": (await api.get("/v1/cycles")).json()["data"][0]["id"],
    }
    secrets = [made["id"], made["url"], made["secret"], test["id"], test["event_id"]]
    before = await _all_of(api, theirs, made["id"])

    for operation in operations(api):
        if operation.scope not in {Scope.READ, Scope.WRITE}:
            continue
        answer = await api.call(
            operation.method,
            filled(operation.path, **ids),
            key=mine,
            json=operation.body,
            params=operation.query,
        )
        is_theirs = "{" in operation.path and operation.name not in PUBLISHED
        assert not is_theirs or answer.status_code == 404, operation
        assert is_theirs or answer.status_code < 300 or operation.method != "get", operation
        # A refusal names the id it was asked for, and nothing that was not.
        told = answer.text if not is_theirs else answer.text.replace(ids["endpoint_id"], "")
        told = told.replace(test["id"], "").replace(test["event_id"], "") if is_theirs else told
        assert [secret for secret in secrets if secret in told] == [], operation

    assert await _all_of(api, theirs, made["id"]) == before


async def _all_of(api: Api, key: str, endpoint_id: str) -> list[object]:
    own = f"/v1/endpoints/{endpoint_id}"
    paths = (own, f"{own}/secrets", f"/v1/deliveries?endpoint={endpoint_id}", "/v1/events")
    return [(await api.get(path, key=key)).json() for path in paths]


async def test_explain_tells_nothing_of_another_app_s_event(api: Api) -> None:
    mine, theirs = await api.member("mine"), await api.member("theirs")
    own, other = await api.endpoint("/a", key=mine), await api.endpoint("/b", key=theirs)
    test = (await api.post(f"/v1/endpoints/{other['id']}/test", key=theirs)).json()

    answer = await api.get(
        f"/v1/endpoints/{own['id']}/explain", params={"event": test["event_id"]}, key=mine
    )

    problem(answer, 404, "not-found")


async def test_two_apps_may_have_one_url_and_one_app_may_not_have_it_twice(api: Api) -> None:
    mine, theirs = await api.member("mine"), await api.member("theirs")
    await api.endpoint(key=mine)
    await api.endpoint(key=theirs)

    again = await api.post(
        "/v1/endpoints", json={"channel": "webhook", "url": api.receiver.url("/hook")}, key=mine
    )

    assert problem(again, 409, "conflict")["field"] == "url"


async def test_the_operator_sees_every_app_s_endpoints(api: Api) -> None:
    made = [await api.endpoint(key=await api.member(name)) for name in ("one", "two")]

    seen = (await api.get("/v1/endpoints")).json()["data"]

    assert {endpoint["id"] for endpoint in seen} == {endpoint["id"] for endpoint in made}


@pytest.mark.parametrize(
    "value",
    ["gb_" + "0" * 48, "", "Basic YTpi", "Bearer", f"Token {ADMIN_KEY}", "Bearer gb_é"],
)
async def test_what_is_no_key_of_ours_is_refused(lone_api: Api, value: str) -> None:
    answer = await lone_api.get(
        "/v1/endpoints", key=None, headers={"authorization": value.encode("latin-1")}
    )

    members = problem(answer, 401, "unauthenticated")
    presented = value.rpartition(" ")[2]
    assert presented in {"", "Bearer"} or presented not in json.dumps(members, ensure_ascii=False)


async def test_a_revoked_key_ends_at_once_and_stays_in_the_list(api: Api) -> None:
    app_id = await api.app("tenant")
    made = (await api.post("/v1/keys", json={"app_id": app_id, "scopes": ["read"]})).json()
    assert (await api.get("/v1/endpoints", key=made["key"])).status_code == 200

    revoked = await api.call("DELETE", f"/v1/keys/{made['id']}")

    assert revoked.status_code == 204
    problem(await api.get("/v1/endpoints", key=made["key"]), 401, "unauthenticated")
    (listed,) = (await api.get("/v1/keys", params={"app_id": app_id})).json()["data"]
    assert listed["revoked_at"] is not None
    assert "key" not in listed
    problem(await api.call("DELETE", f"/v1/keys/{made['id']}"), 409, "conflict")
    problem(await api.call("DELETE", "/v1/keys/key_0"), 404, "not-found")


async def test_an_app_goes_with_all_that_was_its_own(api: Api) -> None:
    app_id = await api.app("tenant")
    key = await api.key(app_id, "read", "write")
    made = await api.endpoint(key=key)

    gone = await api.call("DELETE", f"/v1/apps/{app_id}")

    assert gone.status_code == 204
    problem(await api.get("/v1/endpoints", key=key), 401, "unauthenticated")
    problem(await api.get(f"/v1/endpoints/{made['id']}"), 404, "not-found")
    problem(await api.get(f"/v1/apps/{app_id}"), 404, "not-found")


async def test_the_operator_s_own_app_stays(lone_api: Api) -> None:
    house = (await lone_api.get("/v1/apps")).json()["data"][-1]

    assert house["created_at"] is None
    problem(await lone_api.call("DELETE", f"/v1/apps/{house['id']}"), 409, "conflict")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes[0]"),
        ({"scopes": ["ingest"]}, "sources"),
        ({"scopes": ["read"], "sources": ["demo"]}, "sources"),
        ({"scopes": ["ingest"], "sources": ["De mo"]}, "sources[0]"),
        ({"scopes": ["read"], "description": "x" * 201}, "description"),
        ({"scopes": ["read"], "description": "a\u0000"}, "description"),
        ({"scopes": ["read"], "app": "x"}, "app"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused_by_field(
    lone_api: Api, body: dict[str, object], field: str
) -> None:
    app_id = await lone_api.app("tenant")

    answer = await lone_api.post("/v1/keys", json={"app_id": app_id, **body})

    assert problem(answer, 422, "invalid-input")["field"] == field


async def test_a_name_is_an_app_s_own(lone_api: Api) -> None:
    await lone_api.app("tenant")

    assert (
        problem(await lone_api.post("/v1/apps", json={"name": "tenant"}), 409, "conflict")["field"]
        == "name"
    )
    problem(await lone_api.post("/v1/apps", json={"name": " "}), 422, "invalid-input")


async def test_the_meters_are_read_with_the_metrics_token_and_nothing_else_is(
    lone_api: Api,
) -> None:
    reader = await lone_api.key(await lone_api.app("tenant"), "read")

    answer = await lone_api.get("/metrics", key=METRICS_TOKEN)

    assert answer.status_code == 200
    assert "gradebell_deliveries_waiting 0.0" in answer.text
    assert (await lone_api.get("/metrics", key=ADMIN_KEY)).status_code == 200
    problem(await lone_api.get("/metrics", key=reader), 403, "forbidden")
    problem(await lone_api.get("/v1/endpoints", key=METRICS_TOKEN), 401, "unauthenticated")


async def test_an_empty_metrics_token_lets_nobody_in(sqlite_url: str) -> None:
    async with open_api(sqlite_url, metrics_token="") as api:
        answers = [await api.get("/metrics", key=key) for key in (None, "x", "None")]

    for answer in answers:
        problem(answer, 401, "unauthenticated")
