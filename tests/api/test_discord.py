"""Discord endpoints: made from a pasted URL, shown without it, told of changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
import pytest

from alerts.pipeline.fan_out import fan_out_events
from tests.api.conftest import Api, open_api, problem
from tests.discord.double import Discord
from tests.discord.limits import Rates
from tests.faults import Fault
from tests.rates import Rate

DIGEST = {"weekday": 1, "hour": 9, "time_zone": "Europe/Berlin"}
NOBODYS = f"https://discord.com/api/webhooks/1299999999999999999/{'x' * 68}"


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    async with Discord() as double:
        yield double


@pytest.fixture
async def api(database_url: str, discord: Discord) -> AsyncIterator[Api]:
    """The API, once on each database, whose Discord is ours."""
    async with open_api(database_url, discord_api_url=discord.api_url) as opened:
        yield opened


@asynccontextmanager
async def lone(sqlite_url: str, discord: Discord) -> AsyncIterator[Api]:
    async with open_api(sqlite_url, discord_api_url=discord.api_url) as opened:
        yield opened


async def make(api: Api, url: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - body fields.
    return await api.post("/v1/endpoints", json={"channel": "discord", "url": url, **more})


async def deliver(api: Api, discord: Discord, messages: int) -> None:
    """Send until so many messages are there; a channel's own pace is two seconds."""
    await fan_out_events(store=api.services.store, waker=api.services.waker)
    stop = asyncio.Event()
    running = asyncio.create_task(api.services.dispatcher().run(stop))
    try:
        await discord.wait_for(messages)
    finally:
        stop.set()
        await running


async def test_a_pasted_webhook_is_looked_up_kept_and_never_shown_again(
    api: Api, discord: Discord
) -> None:
    webhook = discord.world.webhook()

    made = await make(api, webhook.url)

    assert made.status_code == 201, made.text
    endpoint = made.json()
    assert endpoint["secret"] is None
    assert endpoint["url"] == f"https://discord.com/api/webhooks/{webhook.id}/********"
    assert (endpoint["order"], endpoint["rate_limit"]) == ("latest", 0.5)
    assert endpoint["time_to_live_seconds"] == 24 * 3600
    assert [(one.method, one.status) for one in discord.asked] == [("GET", 200)]
    shown = await api.get(f"/v1/endpoints/{endpoint['id']}")
    assert shown.json() == {key: endpoint[key] for key in shown.json()}
    assert webhook.token not in made.text + shown.text


async def test_upgrades_are_posted_at_once_and_the_log_has_the_message_s_id(
    api: Api, discord: Discord
) -> None:
    webhook = discord.world.webhook()
    await make(api, webhook.url, filter={"types": ["grade.upgraded"]})

    await api.upgrade("btc")

    (sent,) = discord.world.messages
    assert sent.channel_id == webhook.channel_id
    (delivery,) = (await api.get("/v1/deliveries")).json()["data"]
    assert delivery["state"] == "delivered"
    (attempt,) = (await api.get(f"/v1/deliveries/{delivery['id']}")).json()["attempts"]
    assert (attempt["provider_id"], attempt["status_code"]) == (sent.id, 200)


async def test_who_asks_for_a_digest_is_sent_nothing_else_unless_that_is_asked_for(
    api: Api, discord: Discord
) -> None:
    quiet = await make(api, discord.world.webhook().url, digest=DIGEST)
    both = await make(
        api, discord.world.webhook().url, digest=DIGEST, filter={"tokens": ["demo:btc"]}
    )

    await api.upgrade("btc")

    assert quiet.json()["filter"]["types"] == []
    assert both.json()["filter"]["types"] == ["grade.downgraded", "grade.upgraded"]
    (delivery,) = (await api.get("/v1/deliveries")).json()["data"]
    assert delivery["endpoint_id"] == both.json()["id"]


async def test_a_webhook_deleted_in_discord_ends_its_endpoint_which_is_not_called_again(
    api: Api, discord: Discord
) -> None:
    webhook = discord.world.webhook()
    endpoint = (await make(api, webhook.url)).json()
    del discord.world.webhooks[webhook.id]

    await api.upgrade("btc")
    await api.upgrade("eth", day=4)

    shown = (await api.get(f"/v1/endpoints/{endpoint['id']}")).json()
    assert (shown["state"], shown["disabled_reason"]) == ("disabled", "gone")
    assert [(one.method, one.status) for one in discord.asked] == [("GET", 200), ("POST", 404)]
    listed = (await api.get("/v1/deliveries")).json()["data"]
    assert {one["state"]: one["reason"] for one in listed} == {
        "dead": "gone",
        "skipped": "disabled",
    }


async def test_a_message_that_may_have_arrived_is_unknown_and_sent_again_by_hand_alone(
    api: Api, discord: Discord
) -> None:
    await make(api, discord.world.webhook().url)
    discord.fail(Fault(502, after_effect=True))

    await api.upgrade("btc")
    await api.deliver()

    (delivery,) = (await api.get("/v1/deliveries")).json()["data"]
    assert (delivery["state"], delivery["reason"]) == ("unknown", "server_error")
    assert len(discord.posts()) == 1
    await api.post(f"/v1/deliveries/{delivery['id']}/resend")
    await deliver(api, discord, 2)
    assert len(discord.posts()) == 2


async def test_a_preview_is_the_very_message_that_is_posted_when_the_week_is_over(
    api: Api, discord: Discord
) -> None:
    digest = {**DIGEST, "role": "1300000000000000055", "when_empty": "say"}
    made = (await make(api, discord.world.webhook().url, digest=digest)).json()
    preview = await api.post(f"/v1/endpoints/{made['id']}/preview")
    assert preview.status_code == 200, preview.text
    assert discord.posts() == []
    shown = preview.json()

    run = api.services.digest_run(at=datetime.fromisoformat(shown["next_at"]))
    for endpoint_id in await run.due():
        await run.tell(endpoint_id)
    await api.deliver()

    (sent,) = discord.world.messages
    assert sent.payload == shown["message"]
    assert sent.plain["mention_roles"] == ["1300000000000000055"]
    event = (await api.get(f"/v1/events/{shown['event']['id']}")).json()
    assert event["data"] == shown["event"]["data"]
    assert shown["is_sent"] is True


async def test_there_is_no_preview_where_there_is_no_digest(
    sqlite_url: str, discord: Discord
) -> None:
    async with lone(sqlite_url, discord) as api:
        made = (await make(api, discord.world.webhook().url)).json()

        answer = await api.post(f"/v1/endpoints/{made['id']}/preview")

        assert problem(answer, 409, "conflict")["field"] == "digest"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "https://example.com/hook"}, "url"),
        ({"url": NOBODYS}, "url"),
        ({"url": None}, "url"),
        ({"headers": {"x-a": "b"}}, "headers"),
        ({"rate_limit": 0.6}, "rate_limit"),
        ({"digest": {**DIGEST, "role": "everyone"}}, "digest.role"),
    ],
)
async def test_what_makes_no_sense_on_discord_is_refused_by_field(
    sqlite_url: str, discord: Discord, change: dict[str, Any], field: str
) -> None:
    async with lone(sqlite_url, discord) as api:
        answer = await make(api, **{"url": discord.world.webhook().url, **change})

        assert problem(answer, 422, "invalid-input")["field"] == field


async def test_one_webhook_is_one_endpoint_of_an_app_and_each_of_its_threads_another(
    sqlite_url: str, discord: Discord
) -> None:
    async with lone(sqlite_url, discord) as api:
        webhook = discord.world.webhook()
        assert (await make(api, webhook.url)).status_code == 201

        again = await make(api, webhook.url.replace("discord.com", "canary.discord.com"))
        thread = await make(api, f"{webhook.url}?thread_id=1300000000000000009")

        assert problem(again, 409, "conflict")["field"] == "url"
        assert thread.json()["url"].endswith("/********?thread_id=1300000000000000009")


async def test_a_discord_that_does_not_answer_is_not_the_owner_s_mistake(
    sqlite_url: str,
) -> None:
    double = Discord(rates=Rates(everything=Rate(1, 60.0)))
    async with double as discord, lone(sqlite_url, discord) as api:
        await make(api, discord.world.webhook().url)

        answers = [await make(api, discord.world.webhook().url) for _ in range(2)]

        for answer in answers:
            problem(answer, 503, "platform-silent")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert len(discord.asked) == 2
        assert len((await api.get("/v1/endpoints")).json()["data"]) == 1


async def test_an_endpoint_moves_to_another_webhook_and_keeps_within_the_platform_s_rate(
    sqlite_url: str, discord: Discord
) -> None:
    async with lone(sqlite_url, discord) as api:
        endpoint = (await make(api, discord.world.webhook().url)).json()
        path = f"/v1/endpoints/{endpoint['id']}"
        other = discord.world.webhook()

        moved = await api.call("PATCH", path, json={"url": other.url, "rate_limit": None})
        fast = await api.call("PATCH", path, json={"rate_limit": 5})
        headed = await api.call("PATCH", path, json={"headers": {"x-a": "b"}})
        stray = await api.call("PATCH", path, json={"url": api.receiver.url()})

        assert moved.json()["url"] == f"https://discord.com/api/webhooks/{other.id}/********"
        assert moved.json()["rate_limit"] == 0.5
        assert problem(fast, 422, "invalid-input")["field"] == "rate_limit"
        assert problem(headed, 422, "invalid-input")["field"] == "headers"
        assert problem(stray, 422, "invalid-input")["field"] == "url"


async def test_nothing_is_signed_so_there_is_no_secret_to_rotate(
    sqlite_url: str, discord: Discord
) -> None:
    async with lone(sqlite_url, discord) as api:
        endpoint = (await make(api, discord.world.webhook().url)).json()

        answer = await api.post(f"/v1/endpoints/{endpoint['id']}/rotate-secret")

        problem(answer, 409, "conflict")


async def test_a_channel_is_told_of_several_changes_at_the_pace_that_discord_takes(
    api: Api, discord: Discord
) -> None:
    for _ in range(2):
        await make(api, discord.world.webhook().url)
    await api.push(1, {"btc": 50, "eth": 50})
    await api.push(2, {"btc": 95, "eth": 95})

    await deliver(api, discord, 4)

    arrivals: dict[str, list[float]] = {}
    for one in discord.posts():
        arrivals.setdefault(one.path, []).append(one.arrived)
    assert [len(moments) for moments in arrivals.values()] == [2, 2]
    assert all(later - earlier >= 1.0 for earlier, later in arrivals.values())
    assert {one.status for one in discord.posts()} == {200}
