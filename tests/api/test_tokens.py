"""Tokens and sources as they are read."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from alerts.api.routes.sources import standing
from alerts.domain.grades import Kind, SourceName
from alerts.ports import SourceState
from alerts.store.sweeps import SourceRecord, set_state
from alerts.store.watermarks import LastAccepted
from tests.api.conftest import Api, cycle_body, open_api, problem

NOW = datetime(2026, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def test_a_token_shows_the_band_held_and_the_last_observation(api: Api) -> None:
    rows = [
        {
            "token_id": "btc",
            "symbol": "BTC",
            "name": "Bitcoin",
            "score": 61,
            "class": "buy",
            "components": {"momentum": 88.25, "liquidity": None},
        }
    ]
    await api.push(1, {"btc": 50})
    await api.post("/v1/cycles", json=cycle_body(day=2, grades=rows))

    token = (await api.get("/v1/tokens/btc")).json()

    assert (token["id"], token["source"], token["symbol"]) == ("demo:btc", "demo", "BTC")
    assert token["ratings"] == {
        "trader": {
            "band": "Neutral",
            "band_rank": 3,
            "bands": 5,
            "since": "2026-01-01T00:00:00Z",
            "score": 61.0,
            "as_of": "2026-01-02T00:00:00Z",
            "class": "buy",
            "components": {"liquidity": None, "momentum": 88.25},
            "is_withdrawn": False,
            "waiting": None,
            "flapping_since": None,
            "is_stale": False,
        }
    }


async def test_a_token_shows_the_change_that_waits_to_be_confirmed(database_url: str) -> None:
    knobs = {"trader_confirm_cycles": 3, "trader_sure_margin": 10}
    async with open_api(database_url, **knobs) as api:
        await api.push(1, {"btc": 50, "eth": 50})
        await api.push(2, {"btc": 64, "eth": 70})
        await api.push(3, {"btc": 65, "eth": 70})

        held = (await api.get("/v1/tokens/btc")).json()["ratings"]["trader"]
        told = (await api.get("/v1/events")).json()["data"]

        assert (held["band"], held["score"]) == ("Neutral", 65)
        assert held["waiting"] == {
            "band": "Buy",
            "band_rank": 4,
            "since": "2026-01-02T00:00:00Z",
            "seen": 2,
            "needed": 3,
        }
        assert [event["data"]["token"]["symbol"] for event in told] == ["ETH"]

        await api.push(4, {"btc": 65, "eth": 70})

        held = (await api.get("/v1/tokens/btc")).json()["ratings"]["trader"]
        (_, event) = (await api.get("/v1/events")).json()["data"]
        assert (held["band"], held["waiting"]) == ("Buy", None)
        assert (event["data"]["from"]["score"], event["data"]["delta"]) == (50, 15)
        assert [one["score"] for one in event["data"]["confirms"]] == [64, 65]


async def test_a_grade_that_goes_to_and_fro_is_told_of_again_once_it_settles(api: Api) -> None:
    for number, score in enumerate((50, 64, 50, 64, 50, 64, 50, 64, 50, 64, 65, 64, 50, 50, 50)):
        await api.push(1 + number, {"btc": score})
        if number == 7:
            held = (await api.get("/v1/tokens/btc")).json()["ratings"]["trader"]
            assert held["flapping_since"] == "2026-01-06T00:00:00Z"

    told = [event["data"] for event in (await api.get("/v1/events")).json()["data"]]

    assert [event["cycle"]["as_of"][8:10] for event in told] == ["02", "03", "04", "05", "06", "13"]
    assert told[4]["flapping"] == {
        "reversals": 4,
        "since": "2026-01-03T00:00:00Z",
        "settles": 3,
    }
    assert all("flapping" not in event for event in told[:4])
    held = (await api.get("/v1/tokens/btc")).json()["ratings"]["trader"]
    assert held["flapping_since"] is None


async def test_a_grade_that_is_two_days_behind_the_others_is_stale(api: Api) -> None:
    await api.push(1, {"btc": 50, "eth": 50})
    await api.push(3, {"eth": 51}, complete=False)
    before = (await api.get("/v1/tokens/btc")).json()
    await api.push(4, {"eth": 52}, complete=False)

    after = {token["id"]: token for token in (await api.get("/v1/tokens")).json()["data"]}

    stale = {name: token["ratings"]["trader"]["is_stale"] for name, token in after.items()}
    assert before["ratings"]["trader"]["is_stale"] is False
    assert stale == {"demo:btc": True, "demo:eth": False}


async def test_tokens_are_found_by_part_of_what_they_are_called(api: Api) -> None:
    await api.push(1, {"btc": 50, "wbtc": 50, "eth": 50, "100%": 50})

    async def found(query: str) -> list[str]:
        page = (await api.get("/v1/tokens", params={"query": query})).json()
        return [token["id"] for token in page["data"]]

    assert await found("BTC") == ["demo:btc", "demo:wbtc"]
    assert await found("demo:e") == ["demo:eth"]
    assert await found("%") == []
    assert await found("_") == []


async def test_tokens_are_listed_by_id_and_page_by_page(api: Api) -> None:
    await api.push(1, dict.fromkeys("edcba", 50.0))

    first = (await api.get("/v1/tokens?limit=3")).json()
    second = (await api.get(f"/v1/tokens?limit=3&cursor={first['next']}")).json()

    assert [token["id"][-1] for token in first["data"] + second["data"]] == list("abcde")
    assert second["next"] is None


async def test_an_unknown_token_is_not_found_and_an_unknown_symbol_is_told(api: Api) -> None:
    await api.push(1, {"btc": 50})

    problem(await api.get("/v1/tokens/demo:none"), 404, "not-found")
    members = problem(await api.get("/v1/tokens/BTCC"), 422, "invalid-input")
    assert members["candidates"] == ["BTC"]


async def test_a_history_loses_no_line_at_the_edge_of_a_page(api: Api) -> None:
    for day in (1, 2):
        for kind in ("fundamental", "trader"):
            await api.push(day, {"btc": 40.0 + 10 * day}, kind=kind)
            await api.push(day, {"btc": 41.0 + 10 * day}, kind=kind)

    lines, cursor = [], ""
    while True:
        page = (await api.get(f"/v1/tokens/demo:btc/history?limit=1{cursor}")).json()
        lines += [(one["as_of"][8:10], one["revision"], one["kind"]) for one in page["data"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"

    assert lines == [
        (day, revision, kind)
        for day in ("02", "01")
        for revision in (1, 0)
        for kind in ("trader", "fundamental")
    ]


async def test_a_history_is_narrowed_by_kind(lone_api: Api) -> None:
    await lone_api.push(1, {"btc": 50}, kind="fundamental")
    await lone_api.push(1, {"btc": 60})

    page = (await lone_api.get("/v1/tokens/demo:btc/history?kind=fundamental")).json()

    assert [(one["kind"], one["score"]) for one in page["data"]] == [("fundamental", 50.0)]


@pytest.mark.parametrize("cursor", ["x", "MR8xHzE", "MjAyNi0wMS0wMR8xH3RyYWRlcg"])
async def test_a_history_takes_no_cursor_but_its_own(lone_api: Api, cursor: str) -> None:
    await lone_api.push(1, {"btc": 50})

    answer = await lone_api.get(f"/v1/tokens/demo:btc/history?cursor={cursor}")

    assert problem(answer, 422, "invalid-input")["field"] == "cursor"


async def test_sources_that_are_pushed_to_are_shown_with_what_they_brought_last(api: Api) -> None:
    await api.push(1, {"btc": 50})
    last = await api.push(2, {"btc": 50})

    (source,) = (await api.get("/v1/sources")).json()["data"]

    assert (source["source"], source["is_polled"], source["budget"]) == ("demo", False, {})
    (kind,) = source["kinds"]
    assert (kind["kind"], kind["state"]) == ("trader", "ok")
    assert kind["last_cycle"]["id"] == last["id"]
    assert kind["last_cycle"]["as_of"] == "2026-01-02T00:00:00Z"


async def test_a_push_of_which_no_row_could_be_read_is_not_what_a_source_brought_last(
    api: Api,
) -> None:
    last = await api.push(1, {"btc": 50})
    unreadable = [{"token_id": "btc", "score": "n/a"}]
    for rows in (unreadable, []):
        body = cycle_body(day=2, complete=False, grades=rows)
        assert (await api.post("/v1/cycles", json=body)).status_code == 201

    (source,) = (await api.get("/v1/sources")).json()["data"]

    assert source["kinds"][0]["last_cycle"]["id"] == last["id"]


async def test_the_source_that_is_polled_is_shown_before_it_was_ever_asked(sqlite_url: str) -> None:
    async with open_api(
        sqlite_url, source="token_metrics", token_metrics_api_key="tm-key-of-a-test"
    ) as api:
        (source,) = (await api.get("/v1/sources")).json()["data"]

    assert (source["source"], source["is_polled"]) == ("token_metrics", True)
    assert [(kind["kind"], kind["state"]) for kind in source["kinds"]] == [
        ("fundamental", "waiting"),
        ("trader", "waiting"),
    ]
    assert source["budget"] == {
        "minute": {"limit": 1, "spent": 0, "left": 1},
        "month": {"limit": 5000, "spent": 0, "left": 5000},
    }


def record(state: SourceState) -> SourceRecord:
    return SourceRecord(SourceName("demo"), Kind.TRADER, state, NOW - 9 * HOUR, "why", NOW, False)  # noqa: FBT003


def accepted(hours_ago: float) -> LastAccepted:
    at = NOW - hours_ago * HOUR
    return LastAccepted(SourceName("demo"), Kind.TRADER, "cyc_x", at, at)


@pytest.mark.parametrize(
    ("state", "hours_ago", "shown"),
    [
        (SourceState.OK, 2, SourceState.OK),
        (SourceState.OK, 4, SourceState.STALE),
        (SourceState.WAITING, 4, SourceState.STALE),
        (SourceState.WAITING, 2, SourceState.WAITING),
        (SourceState.FORBIDDEN, 4, SourceState.FORBIDDEN),
        (SourceState.OK, None, SourceState.STALE),
        (None, 2, SourceState.OK),
        (None, 4, SourceState.STALE),
        (None, None, SourceState.WAITING),
    ],
)
def test_a_source_is_stale_after_three_intervals_unless_it_says_worse(
    state: SourceState | None, hours_ago: float | None, shown: SourceState
) -> None:
    seen = standing(
        Kind.TRADER,
        None if state is None else record(state),
        last=None if hours_ago is None else accepted(hours_ago),
        interval=HOUR,
        now=NOW,
    )

    assert seen.state is shown
    if shown is SourceState.STALE and hours_ago is not None:
        assert seen.since == NOW - HOUR


async def test_how_far_a_sources_clock_is_off_is_shown_and_measured(api: Api) -> None:
    async with api.services.store.write() as tx:
        for kind, skew in ((Kind.TRADER, -172_800), (Kind.FUNDAMENTAL, None)):
            await set_state(
                tx,
                SourceName("demo"),
                kind,
                state=SourceState.OK,
                detail=None,
                clock_skew_seconds=skew,
            )

    (source,) = (await api.get("/v1/sources")).json()["data"]
    meters = (await api.get("/metrics")).text

    assert [kind["clock_skew_seconds"] for kind in source["kinds"]] == [None, -172_800]
    labels = 'kind="trader",source="demo"'
    assert f"gradebell_source_clock_skew_seconds{{{labels}}} -172800.0" in meters
    assert meters.count("gradebell_source_clock_skew_seconds{") == 1


async def test_lists_are_read_while_cycles_are_written(api: Api) -> None:
    await asyncio.gather(
        *(api.push(day, {"btc": 50 + day}) for day in range(1, 6)),
        *(api.get("/v1/tokens") for _ in range(10)),
    )

    token = (await api.get("/v1/tokens/btc")).json()
    assert token["ratings"]["trader"]["as_of"] == "2026-01-05T00:00:00Z"
