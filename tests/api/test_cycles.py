"""Pushed cycles: what is taken in, what is left out, and what is decided on."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.api.conftest import Api, cycle_body, open_api, problem


async def test_a_push_answers_with_what_it_came_to(api: Api) -> None:
    await api.push(1, {"btc": 50, "eth": 50})

    answer = await api.push(2, {"btc": 95, "eth": 20})

    assert answer["id"].startswith("cyc_")
    assert answer | {"id": ""} == {
        "id": "",
        "state": "diffed",
        "hold_reason": None,
        "events": 2,
        "rejected": [],
        "rejected_count": 0,
    }


async def test_pushing_the_same_again_changes_nothing(api: Api) -> None:
    await api.push(1, {"btc": 50})
    await api.push(2, {"btc": 95})

    again = await api.push(2, {"btc": 95})

    assert (again["state"], again["events"]) == ("done", 0)


async def test_a_row_that_cannot_be_read_keeps_nobody_else_out(api: Api) -> None:
    rows: list[object] = [
        {"token_id": "btc", "score": 50},
        {"token_id": "eth", "score": 101},
        "xrp",
        {"token_id": "a\u0000b", "score": 1},
    ]

    answer = await api.post("/v1/cycles", json=cycle_body(grades=rows))

    assert answer.status_code == 201
    assert [row["row"] for row in answer.json()["rejected"]] == [2, 3, 4]
    shown = (await api.get(f"/v1/cycles/{answer.json()['id']}")).json()
    assert (shown["tokens"], shown["graded"], shown["rejected_count"]) == (1, 1, 3)
    assert shown["rejected"] == answer.json()["rejected"]


async def test_a_token_listed_each_day_in_a_row_that_cannot_be_read_is_not_withdrawn(
    api: Api,
) -> None:
    await api.push(1, dict.fromkeys("abcdefghijkl", 50))
    rows: list[object] = [{"token_id": one, "score": 50} for one in "bcdefhijkl"]
    rows += [{"token_id": "a", "score": "n/a"}]

    for day in range(2, 12):
        await api.post("/v1/cycles", json=cycle_body(day=day, grades=rows, complete=True))

    events = (await api.get("/v1/events")).json()["data"]
    told = [(event["type"], event["data"]["token"]["id"]) for event in events]
    assert told == [("grade.withdrawn", "demo:g")]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        pytest.param({"score": 1e9}, "score: must be from 0 to 100", id="1e9"),
        pytest.param({"score": -3}, "score: must be from 0 to 100", id="-3"),
        pytest.param({"score": 101}, "score: must be from 0 to 100", id="101"),
        pytest.param({"score": True}, "score: must be a number, not true", id="a-boolean"),
        pytest.param({"score": "high"}, "score: must be a plain decimal number", id="a-word"),
        pytest.param({"score": "NaN"}, "score: must be a plain decimal number", id="nan-text"),
        pytest.param({"score": "-inf"}, "score: must be a plain decimal number", id="inf-text"),
        pytest.param({"score": [1]}, "score: must be a number", id="a-list"),
        pytest.param({"score": 10**400}, "score: must be a plain decimal number", id="10^400"),
        pytest.param({"token_id": None}, "token_id: must be text or a whole number", id="no-id"),
        pytest.param({"token_id": "../etc"}, "token_id: must be 1-64 of", id="a-path"),
        pytest.param({"token_id": True}, "token_id: must be text or", id="a-boolean-id"),
        pytest.param({"scroe": 5}, "scroe: is not a field of a grade (score)", id="misspelt"),
        pytest.param({"components": [1]}, "components: must be an object", id="components"),
        pytest.param({"name": 5}, "name: must be text", id="a-name-that-is-a-number"),
    ],
)
async def test_a_bad_row_is_told_by_its_field(
    lone_api: Api, row: dict[str, object], says: str
) -> None:
    rows = [{"token_id": "btc", "score": 50}, {"token_id": "eth", "score": 50, **row}]

    answer = await lone_api.post("/v1/cycles", json=cycle_body(grades=rows))

    assert answer.status_code == 201
    (rejected,) = answer.json()["rejected"]
    assert rejected["row"] == 2
    assert rejected["problem"].startswith(says)


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 5000], ids=["inf", "-inf", "long"])
async def test_a_number_too_large_to_be_one_is_its_row_s_problem(
    lone_api: Api, number: bytes
) -> None:
    body = json.dumps(cycle_body(grades=[{"token_id": 1, "score": 5}, {"token_id": 2, "score": 0}]))

    answer = await lone_api.post(
        "/v1/cycles", content=body.encode().replace(b'"score": 0', b'"score": ' + number)
    )

    assert answer.status_code == 201, answer.text
    (rejected,) = answer.json()["rejected"]
    assert (rejected["row"], rejected["problem"][:19]) == (2, "row: cannot be read")


async def test_equal_twins_fold_and_of_others_the_higher_score_stands(lone_api: Api) -> None:
    rows = [
        {"token_id": "btc", "score": 50},
        {"token_id": "btc", "score": 50},
        {"token_id": "eth", "score": 60},
        {"token_id": "eth", "score": 40},
    ]

    answer = await lone_api.post("/v1/cycles", json=cycle_body(grades=rows))

    assert answer.json()["rejected"] == [
        {
            "row": 4,
            "token_id": "demo:eth",
            "problem": "differs from row 3 of the same token, which stands",
        }
    ]
    eth = (await lone_api.get("/v1/tokens/demo:eth")).json()
    assert eth["ratings"]["trader"]["score"] == 60


async def test_names_lose_what_could_mislead_and_keep_what_people_wrote(api: Api) -> None:
    name = "Bit\u202ecoin\u200b @everyone **\u0e3f** <b>"
    row = {"token_id": 1, "symbol": "\u200bBTC", "name": name, "score": 5}

    answer = await api.post("/v1/cycles", json=cycle_body(grades=[row]))

    shown = (await api.get("/v1/tokens/demo:1")).json()
    assert answer.json()["rejected"] == []
    assert (shown["symbol"], shown["name"]) == ("BTC", "Bitcoin @everyone **\u0e3f** <b>")


async def test_a_time_with_an_offset_is_kept_in_utc(lone_api: Api) -> None:
    answer = await lone_api.post("/v1/cycles", json=cycle_body(as_of="2026-01-02T00:00:00+14:00"))

    shown = (await lone_api.get(f"/v1/cycles/{answer.json()['id']}")).json()
    assert shown["as_of"] == "2026-01-01T10:00:00Z"


async def test_no_more_than_a_thousand_rejected_rows_are_listed_and_all_are_counted(
    api: Api,
) -> None:
    rows = [{"token_id": number, "score": -1} for number in range(3000)]

    answer = (await api.post("/v1/cycles", json=cycle_body(grades=rows))).json()

    assert (len(answer["rejected"]), answer["rejected_count"]) == (1000, 3000)
    shown = (await api.get(f"/v1/cycles/{answer['id']}")).json()
    assert (len(shown["rejected"]), shown["rejected_count"]) == (1000, 3000)


async def test_a_partial_cycle_of_which_nothing_can_be_read_comes_to_nothing(api: Api) -> None:
    await api.push(1, {"btc": 50})
    rows = [{"token_id": "btc", "score": "?"}]

    answer = await api.post("/v1/cycles", json=cycle_body(day=2, complete=False, grades=rows))

    assert answer.status_code == 201
    assert (answer.json()["state"], answer.json()["rejected_count"]) == ("done", 1)
    assert (await api.get("/v1/events")).json()["data"] == []


async def test_a_complete_cycle_of_which_nothing_can_be_read_is_held(api: Api) -> None:
    rows = [{"token_id": "btc", "score": "?"}]

    answer = await api.post("/v1/cycles", json=cycle_body(grades=rows))

    told = answer.json()
    assert (told["state"], told["hold_reason"]) == ("held", "empty")


async def test_a_push_is_partial_unless_it_says_otherwise(lone_api: Api) -> None:
    body = cycle_body()
    del body["complete"]

    answer = await lone_api.post("/v1/cycles", json=body)

    shown = (await lone_api.get(f"/v1/cycles/{answer.json()['id']}")).json()
    assert shown["complete"] is False


async def test_a_source_that_is_polled_cannot_be_pushed_to(sqlite_url: str) -> None:
    async with open_api(sqlite_url, source="sandbox") as api:
        answer = await api.post("/v1/cycles", json=cycle_body(source="sandbox"))

    assert problem(answer, 409, "conflict")["field"] == "source"


async def test_a_key_pushes_to_its_own_sources_only(lone_api: Api) -> None:
    key = await lone_api.key(await lone_api.app("models"), "ingest", sources=["mine"])

    own = await lone_api.post("/v1/cycles", json=cycle_body(source="mine"), key=key)
    other = await lone_api.post("/v1/cycles", json=cycle_body(source="demo"), key=key)

    assert own.status_code == 201
    assert "it may to: mine" in problem(other, 403, "forbidden")["detail"]


async def test_a_held_cycle_is_released_or_discarded_once(api: Api) -> None:
    await api.push(1, dict.fromkeys("abcdefghij", 50.0))
    released = await api.push(2, {"a": 95})
    discarded = await api.push(3, {"a": 95})
    assert (released["state"], discarded["state"]) == ("held", "held")

    first = await api.post(f"/v1/cycles/{discarded['id']}/discard")
    second = await api.post(f"/v1/cycles/{released['id']}/release")
    third = await api.post(f"/v1/cycles/{released['id']}/release")

    assert (first.json()["state"], first.json()["hold_reason"]) == ("discarded", "too_few_tokens")
    assert (second.json()["state"], second.json()["events"]) == ("diffed", 1)
    problem(third, 409, "conflict")


async def test_cycles_are_listed_newest_first_and_page_by_page(api: Api) -> None:
    ids = [(await api.push(day, {"btc": 50}))["id"] for day in range(1, 6)]

    first = (await api.get("/v1/cycles?limit=2")).json()
    second = (await api.get(f"/v1/cycles?limit=2&cursor={first['next']}")).json()
    third = (await api.get(f"/v1/cycles?limit=2&cursor={second['next']}")).json()

    pages = [[cycle["id"] for cycle in page["data"]] for page in (first, second, third)]
    assert pages == [ids[:-3:-1], ids[-3:-5:-1], ids[:1]]
    assert third["next"] is None


async def test_cycles_are_found_by_source_kind_and_state(lone_api: Api) -> None:
    await lone_api.push(1, {"btc": 50})
    wanted = (await lone_api.push(1, {"btc": 50}, kind="fundamental", source="mine"))["id"]

    for query in ("source=mine", "kind=fundamental", "state=done&source=mine"):
        found = (await lone_api.get(f"/v1/cycles?{query}")).json()["data"]
        assert [cycle["id"] for cycle in found] == [wanted]
    assert (await lone_api.get("/v1/cycles?state=held")).json()["data"] == []


async def test_a_date_an_hour_ahead_is_a_clock_that_is_off_and_no_mistake(lone_api: Api) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=50)).isoformat()

    answer = await lone_api.post("/v1/cycles", json=cycle_body(as_of=soon))

    assert answer.status_code == 201
