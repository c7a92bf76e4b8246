"""What an endpoint would have been sent, asked for over the API."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from alerts.api import backtests
from alerts.api.app import create_app
from alerts.pipeline import relived
from alerts.serving import open_server
from tests.api.conftest import NO_TLS, Api, problem

DRY: Mapping[str, Any] = {"channel": "webhook"}
THRESHOLD = {"kind": "trader", "above": 85}
WINDOW = {"kind": "trader", "days": 7, "rise": 15}
GIVEN = {"kind": "fundamental", "at_least": 80}


async def told(api: Api) -> list[dict[str, Any]]:
    """Three changes of two tokens, as a live endpoint was told them, oldest first."""
    for day, scores in enumerate(((50, 50), (95, 50), (50, 95)), start=1):
        await api.push(day, dict(zip(("btc", "eth"), scores, strict=True)))
        await api.deliver()
    found: list[dict[str, Any]] = (await api.get("/v1/events")).json()["data"]
    return found


async def test_an_endpoint_made_today_is_shown_what_it_would_have_been_sent(api: Api) -> None:
    events = await told(api)
    made = await api.endpoint()

    answer = await api.get(f"/v1/endpoints/{made['id']}/backtest", params={"days": 1})

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["events"], found["matched"], found["messages"]) == (3, 3, 3)
    assert (found["ended"], found["waiting"], found["next"]) == ({}, 0, None)
    assert [one["message"] for one in found["data"]] == events[::-1]
    assert [one["events"] for one in found["data"]] == [[one["id"]] for one in events[::-1]]
    assert (await api.get("/v1/deliveries")).json()["data"] == []


async def test_pages_of_a_backtest_hold_every_message_once(api: Api) -> None:
    events = await told(api)
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await api.post("/v1/backtest", json=DRY, params=params)).json()
        assert page["messages"] == len(events)
        seen += [one["message"]["id"] for one in page["data"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
        # What happens meanwhile is on none of the pages.
        await api.push(9, {"btc": 1})

    assert seen == [one["id"] for one in events[::-1]]


async def test_an_endpoint_that_does_not_exist_is_told_in_the_words_of_its_channel(
    api: Api,
) -> None:
    await api.upgrade("btc", "eth")
    body = {"filter": {"tokens": ["BTC"]}}

    chat = await api.post("/v1/backtest", json={"channel": "telegram", **body})
    channel = await api.post("/v1/backtest", json={"channel": "discord", **body})

    assert [one["message"]["text"].splitlines()[0] for one in chat.json()["data"]] == [
        "<b>🟢 BTC upgraded: Neutral → Strong Buy</b>"
    ]
    assert [one["message"]["embeds"][0]["title"] for one in channel.json()["data"]] == [
        "▲ BTC upgraded: Neutral → Strong Buy"
    ]


async def test_rules_that_nobody_had_named_are_told_of_the_history(api: Api) -> None:
    await api.upgrade("btc", "eth")
    body = {"filter": {"tokens": ["BTC"], "types": []}}
    rules = {"thresholds": [THRESHOLD], "windows": [WINDOW]}

    found = (await api.post("/v1/backtest", json={**DRY, "filter": body["filter"] | rules})).json()
    chat = {"channel": "telegram", "filter": body["filter"] | rules}
    shown = (await api.post("/v1/backtest", json=chat)).json()

    said = [one["message"] for one in found["data"]]
    assert {(each["type"], each["data"]["token"]["symbol"]) for each in said} == {
        ("grade.crossed", "BTC"),
        ("grade.rose", "BTC"),
    }
    assert (await api.get("/v1/events?type=grade.crossed")).json()["data"] == []
    lines = [one["message"]["text"].splitlines()[0] for one in shown["data"]]
    assert "<b>🔵 BTC went above 85</b>" in lines


async def test_rules_that_would_tell_more_than_memory_is_for_are_refused(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.upgrade("btc", "eth")
    body = {**DRY, "filter": {"types": [], "thresholds": [THRESHOLD]}}
    monkeypatch.setattr(relived, "MOST", 2)
    as_many = await api.post("/v1/backtest", json=body)
    monkeypatch.setattr(relived, "MOST", 1)

    answer = await api.post("/v1/backtest", json=body)

    assert as_many.json()["messages"] == 2
    assert problem(answer, 422, "invalid-input")["field"] == "days"


async def test_a_cooldown_that_is_thought_of_keeps_back_what_it_would(api: Api) -> None:
    await told(api)

    found = (await api.post("/v1/backtest", json={**DRY, "cooldown_seconds": 3600})).json()

    assert (found["matched"], found["messages"], found["waiting"]) == (3, 2, 1)


async def test_what_makes_no_sense_is_refused(lone_api: Api) -> None:
    hours = {"starts": "22:00", "ends": "07:00"}
    refused = [
        ({**DRY, "quiet_hours": hours}, "quiet_hours"),
        ({"channel": "telegram", "quiet_hours": hours}, "time_zone"),
        ({"channel": "telegram", "quiet_hours": {**hours, "ends": "24:00"}}, "quiet_hours.ends"),
        ({"channel": "telegram", "rate_limit": 2}, "rate_limit"),
        ({**DRY, "filter": {"kinds": ["fundamental"], "windows": [WINDOW]}}, "filter.windows"),
        ({**DRY, "filter": {"kinds": ["fundamental"], "given": [GIVEN]}}, "filter.given"),
    ]
    for body, field in refused:
        answer = await lone_api.post("/v1/backtest", json=body)

        assert problem(answer, 422, "invalid-input")["field"] == field


async def test_a_backtest_that_is_asked_for_over_and_over_is_asked_to_wait(lone_api: Api) -> None:
    key = await lone_api.key(await lone_api.app("tenant"), "read")

    answers = [await lone_api.post("/v1/backtest", json=DRY, key=key) for _ in range(11)]

    assert [answer.status_code for answer in answers[:10]] == [200] * 10
    problem(answers[10], 429, "rate-limited")


async def test_one_backtest_is_made_after_the_other(
    lone_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(lone_api.services)
    async with open_server(app) as url, httpx.AsyncClient(base_url=url, verify=NO_TLS) as http:
        api = Api(lone_api.services, http, lone_api.receiver)
        async with app.state.backtests:
            second = asyncio.create_task(api.post("/v1/backtest", json=DRY))
            await asyncio.wait([second], timeout=0.5)
            assert not second.done()
            monkeypatch.setattr(backtests, "TURN_SECONDS", 0.0)
            third = await api.post("/v1/backtest", json=DRY)
            assert (await api.get("/v1/endpoints")).status_code == 200
        assert (await second).status_code == 200

    problem(third, 429, "rate-limited")
    assert third.headers["retry-after"] == str(backtests.RETRY_SECONDS)


@pytest.mark.parametrize(
    "keys",
    [
        ("2026-11-22T00:00:00Z",),
        ("2026-11-22T00:00:00Z", "-1"),
        ("2026-11-22T00:00:00Z", "9" * 99),
        ("yesterday", "1"),
        ("9999-12-31T23:59:59.999999Z", "1"),
    ],
)
async def test_a_cursor_that_no_backtest_gave_is_refused(
    lone_api: Api, keys: tuple[str, ...]
) -> None:
    cursor = urlsafe_b64encode("\x1f".join(keys).encode()).decode()

    answer = await lone_api.post("/v1/backtest", json=DRY, params={"cursor": cursor})

    assert problem(answer, 422, "invalid-input")["field"] == "cursor"
