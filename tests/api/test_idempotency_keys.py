"""Whose an Idempotency-Key is, what it may look like, and what is kept under it."""

import pytest

from alerts.api.bodies import SMALL_BODY_BYTES
from tests.api.conftest import ADMIN_KEY, Api, cycle_body, problem
from tests.api.repeats import KEY, rows_of


async def test_a_stored_answer_is_ciphertext_and_so_is_the_key_it_came_with(api: Api) -> None:
    body = {"channel": "webhook", "url": api.receiver.url("/hook")}
    made = (await api.post("/v1/endpoints", json=body, headers=KEY)).json()

    (row,) = await rows_of(api)

    plain = api.services.store.cipher.decrypt(row.answer)
    assert made["secret"].encode() in plain
    for secret in (made["secret"], made["url"], KEY["idempotency-key"]):
        assert secret not in repr(row)


async def test_a_key_is_an_app_s_own_and_a_path_s_own(api: Api) -> None:
    one, two = await api.member("one"), await api.member("two")
    body = {"channel": "webhook", "url": api.receiver.url("/hook")}

    first = await api.post("/v1/endpoints", json=body, headers=KEY, key=one)
    other = await api.post("/v1/endpoints", json=body, headers=KEY, key=two)
    tests = [
        await api.post(f"/v1/endpoints/{made.json()['id']}/test", headers=KEY, key=key)
        for made, key in ((first, one), (other, two))
    ]

    assert first.json()["id"] != other.json()["id"]
    for answer in (first, other, *tests):
        assert answer.status_code < 300
        assert "idempotent-replayed" not in answer.headers


async def test_keys_of_one_app_that_reach_the_same_share_their_answers(api: Api) -> None:
    app_id = await api.app("tenant")
    old, new = [await api.key(app_id, "read", "write") for _ in range(2)]
    body = {"channel": "webhook", "url": api.receiver.url("/hook")}

    first = await api.post("/v1/endpoints", json=body, headers=KEY, key=old)
    again = await api.post("/v1/endpoints", json=body, headers=KEY, key=new)

    assert again.content == first.content


async def test_no_key_is_shown_what_it_may_not_do_itself(api: Api) -> None:
    house = (await api.get("/v1/apps")).json()["data"][-1]["id"]
    reader, writer = await api.key(house, "read"), await api.key(house, "write")
    pusher = await api.key(house, "ingest", sources=["other"])
    theirs = await api.endpoint(key=await api.member("tenant"))
    path = f"/v1/endpoints/{theirs['id']}/rotate-secret"
    rotated = await api.post(path, headers=KEY, key=ADMIN_KEY)
    pushed = await api.post("/v1/cycles", json=cycle_body(), headers=KEY, key=ADMIN_KEY)
    assert (rotated.status_code, pushed.status_code) == (200, 201)

    problem(await api.post(path, headers=KEY, key=reader), 403, "forbidden")
    problem(await api.post(path, headers=KEY, key=writer), 404, "not-found")
    answer = await api.post("/v1/cycles", json=cycle_body(), headers=KEY, key=pusher)
    problem(answer, 403, "forbidden")


async def test_what_a_key_lacks_today_it_may_have_tomorrow(lone_api: Api) -> None:
    house = (await lone_api.get("/v1/apps")).json()["data"][-1]["id"]
    pusher = await lone_api.key(house, "ingest", sources=["other"])

    for _ in range(2):
        answer = await lone_api.post("/v1/cycles", json=cycle_body(), headers=KEY, key=pusher)
        problem(answer, 403, "forbidden")
        assert "idempotent-replayed" not in answer.headers

    assert await rows_of(lone_api) == []


async def test_an_app_takes_its_answers_along(api: Api) -> None:
    app_id = await api.app("tenant")
    key = await api.key(app_id, "write")
    await api.endpoint(key=key)
    await api.post("/v1/endpoints", json={}, headers=KEY, key=key)
    assert len(await rows_of(api)) == 1

    await api.call("DELETE", f"/v1/apps/{app_id}")

    assert await rows_of(api) == []


@pytest.mark.parametrize("given", ["", '""', "é", '"open', '"a" "b"', "x" * 256, "tab\there"])
async def test_what_is_no_key_is_refused(lone_api: Api, given: str) -> None:
    headers = [
        (b"authorization", f"Bearer {ADMIN_KEY}".encode()),
        (b"idempotency-key", given.encode("latin-1")),
    ]

    answer = await lone_api.http.post("/v1/apps", json={"name": "tenant"}, headers=headers)

    assert problem(answer, 422, "invalid-input")["field"] == "Idempotency-Key"


async def test_two_keys_are_none(lone_api: Api) -> None:
    headers = [
        ("authorization", f"Bearer {ADMIN_KEY}"),
        ("idempotency-key", "a"),
        ("idempotency-key", "b"),
    ]

    answer = await lone_api.http.post("/v1/apps", json={"name": "tenant"}, headers=headers)

    problem(answer, 422, "invalid-input")


async def test_a_key_is_the_same_with_quotes_and_without(lone_api: Api) -> None:
    body = {"name": "tenant"}
    bare = await lone_api.post("/v1/apps", json=body, headers={"idempotency-key": 'a\\b"c'})

    quoted = await lone_api.post("/v1/apps", json=body, headers={"idempotency-key": '"a\\\\b\\"c"'})

    assert bare.status_code == 201
    assert quoted.content == bare.content


async def test_what_is_no_post_takes_no_notice(lone_api: Api) -> None:
    made = await lone_api.endpoint()
    path = f"/v1/endpoints/{made['id']}"

    for name in ("one", "two"):
        answer = await lone_api.call("PATCH", path, json={"description": name}, headers=KEY)
        assert answer.json()["description"] == name

    assert await rows_of(lone_api) == []


async def test_a_body_too_large_for_its_call_is_refused_as_without_a_key(lone_api: Api) -> None:
    body = b'{"name": "' + b"x" * SMALL_BODY_BYTES + b'"}'

    answer = await lone_api.post("/v1/apps", content=body, headers=KEY)

    assert problem(answer, 413, "too-large")["detail"] == "body: a body is at most 2 MB"
