"""The log over HTTP: narrowed by any of its fields, and page by page."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest

from tests.api.conftest import Api, problem
from tests.receiver import Reply


async def test_the_log_is_narrowed_by_each_of_its_fields(api: Api) -> None:
    api.receiver.script("/gone", Reply(410))
    good, gone = await api.endpoint("/good"), await api.endpoint("/gone")
    before = datetime.now(UTC).isoformat()
    await api.upgrade("btc")
    await api.push(1, {"eth": 50}, kind="fundamental")
    await api.push(2, {"eth": 95}, kind="fundamental")
    await api.deliver()
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()

    async def found(**query: str) -> list[tuple[str, str]]:
        answer = await api.get("/v1/deliveries", params=query)
        assert answer.status_code == 200, answer.text
        return [(one["token"] or one["event_type"], one["state"]) for one in answer.json()["data"]]

    assert await found(endpoint=good["id"], kind="trader") == [("demo:btc", "delivered")]
    assert await found(endpoint=gone["id"], token="BTC") == [("demo:btc", "dead")]
    assert await found(state="dead") == [("demo:btc", "dead")]
    assert await found(reason="gone") == [("demo:btc", "dead")]
    assert await found(code="410") == [("demo:btc", "dead")]
    assert await found(reason="disabled") == [("demo:eth", "skipped")]
    assert await found(kind="fundamental", state="delivered") == [("demo:eth", "delivered")]
    assert await found(token="demo:none") == []
    assert await found(since=later) == []
    assert len(await found(since=before)) == 5
    assert await found(until=before) == []
    assert len(await found(since=before, until=later)) == 5


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("reason=bad_luck", "reason"),
        ("kind=technical", "kind"),
        ("since=yesterday", "since"),
        ("until=tomorrow", "until"),
        ("code=2xx", "code"),
        ("since=2026-01-01T00:00:00", "since"),
        ("token=NOPE", "token"),
        ("endpont=x", "endpont"),
        ("endpoint=ep_x", "endpoint"),
        ("since=2026-02-01&until=2026-01-01", "until"),
        ("state=dead&state=unknown", "state"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused_by_name(
    lone_api: Api, query: str, field: str
) -> None:
    answer = await lone_api.get(f"/v1/deliveries?{query}")

    assert problem(answer, 422, "invalid-input")["field"] == field


@pytest.mark.parametrize("moment", ["2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00.5+01:30"])
@pytest.mark.parametrize("path", ["/v1/deliveries", "/v1/deliveries/export"])
async def test_a_plus_that_a_url_made_a_blank_is_told_how_to_be_written(
    lone_api: Api, path: str, moment: str
) -> None:
    bare = await lone_api.get(f"{path}?since={moment}")
    written = await lone_api.get(f"{path}?since={moment.replace('+', '%2B')}")

    detail = problem(bare, 422, "invalid-input")["detail"]
    assert detail.startswith("since: has a blank for its +, as URLs read it: write %2B")
    assert written.status_code == 200


async def test_the_log_goes_on_page_by_page(api: Api) -> None:
    await api.endpoint()
    await api.upgrade("a", "b", "c", "d", "e")

    seen, cursor = [], ""
    while True:
        page = (await api.get(f"/v1/deliveries?limit=2{cursor}")).json()
        seen.append([one["sequence"] for one in page["data"]])
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"

    assert [len(page) for page in seen] == [2, 2, 1]
    assert [one for page in seen for one in page] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    "keys", ["5", "x\x1fep_1", "5\x1fep_1\x1f6", "-5\x1fep_1", "\u0665\x1fep_1"]
)
async def test_a_cursor_that_no_page_gave_is_refused(lone_api: Api, keys: str) -> None:
    cursor = urlsafe_b64encode(keys.encode()).decode()

    answer = await lone_api.get("/v1/deliveries", params={"cursor": cursor})

    assert problem(answer, 422, "invalid-input")["field"] == "cursor"
