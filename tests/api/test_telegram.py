"""Telegram endpoints: asked for by an app, made by the chat that opens the link."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select, update

from alerts.channels.telegram_address import TelegramChat
from alerts.domain.health import CLOSED_AFTER, CLOSED_AT
from alerts.pipeline.chats import LINK_LIFE, open_link
from alerts.store.endpoints import EndpointRecord
from alerts.store.tables import links
from tests.api.conftest import Api, open_api, problem
from tests.faults import Fault
from tests.pipeline.conftest import pass_time
from tests.telegram.double import TOKEN, Telegram
from tests.telegram.world import GROUP, Chat


@pytest.fixture
async def telegram() -> AsyncIterator[Telegram]:
    async with Telegram() as double:
        yield double


@pytest.fixture
async def api(database_url: str, telegram: Telegram) -> AsyncIterator[Api]:
    """The API, once on each database, whose Telegram is ours."""
    knobs = {"telegram_api_url": telegram.api_url, "telegram_bot_token": TOKEN}
    async with open_api(database_url, **knobs) as opened:
        yield opened


async def asked(api: Api, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - body fields.
    answer = await api.post("/v1/endpoints", json={"channel": "telegram", **more})
    assert answer.status_code == 201, answer.text
    awaited: dict[str, Any] = answer.json()
    return awaited


def code_of(awaited: dict[str, Any]) -> str:
    """What the bot is told by whoever opens the link."""
    (code,) = parse_qs(urlsplit(str(awaited["link"])).query)["start"]
    return code


async def opened(api: Api, chat: Chat, **more: Any) -> EndpointRecord:  # noqa: ANN401
    """A chat that has opened a link, as the bot sees to it."""
    code = code_of(await asked(api, **more))
    record = await open_in(api, chat, code)
    assert record is not None
    return record


async def open_in(api: Api, chat: Chat, code: str) -> EndpointRecord | None:
    """What comes of a chat that brings this code to the bot."""
    place = TelegramChat(chat.id)
    return await open_link(code, place.kept, most_rate=place.most_rate, desk=api.services.desk)


async def shown(api: Api, record: EndpointRecord) -> dict[str, Any]:
    answer: dict[str, Any] = (await api.get(f"/v1/endpoints/{record.id}")).json()
    return answer


async def test_a_link_makes_an_endpoint_of_the_chat_that_opens_it_once(
    api: Api, telegram: Telegram
) -> None:
    chat = telegram.world.started()
    awaited = await asked(api, description="Ada", filter={"min_notches": 2})
    code = code_of(awaited)

    record = await open_in(api, chat, code)
    again = await open_in(api, chat, code)

    assert (awaited["channel"], awaited["state"]) == ("telegram", "awaiting")
    assert awaited["link"].startswith("https://t.me/gradebell_bot?start=app-")
    assert len(code) <= 64
    assert record is not None
    assert again is None
    endpoint = await shown(api, record)
    assert (endpoint["url"], endpoint["description"]) == (f"telegram:{chat.id}", "Ada")
    assert endpoint["filter"]["min_notches"] == 2
    assert (endpoint["order"], endpoint["rate_limit"]) == ("latest", 1.0)
    assert endpoint["time_to_live_seconds"] == 12 * 3600


async def test_a_link_works_for_ten_minutes_and_is_forgotten_after_them(
    api: Api, telegram: Telegram
) -> None:
    code = code_of(await asked(api))
    async with api.services.store.write() as tx:
        await tx.connection.execute(update(links).values(expires_at=await tx.now()))

    late = await open_in(api, telegram.world.started(), code)
    fresh = await asked(api)

    assert late is None
    async with api.services.store.read() as tx:
        (left,) = await tx.connection.execute(select(links))
        assert left.expires_at - await tx.now() <= LINK_LIFE
    assert code_of(fresh) not in str(left)


async def test_one_link_opened_by_several_at_once_makes_one_endpoint(
    api: Api, telegram: Telegram
) -> None:
    code = code_of(await asked(api))
    people = [telegram.world.started(name) for name in ("Ada", "Bob", "Eve", "Joe")]

    made = await asyncio.gather(*(open_in(api, chat, code) for chat in people))

    assert len([one for one in made if one is not None]) == 1


async def test_a_chat_that_an_app_has_already_leaves_the_link_to_another(
    api: Api, telegram: Telegram
) -> None:
    ada, bob = telegram.world.started(), telegram.world.started("Bob")
    await opened(api, ada)
    code = code_of(await asked(api))

    with pytest.raises(Exception, match="has an endpoint with this URL already"):
        await open_in(api, ada, code)

    assert await open_in(api, bob, code)


async def test_what_could_not_be_made_is_refused_before_anybody_opens_anything(
    api: Api, telegram: Telegram
) -> None:
    for more, field in (
        ({"url": "https://example.com/"}, "url"),
        ({"headers": {"x-a": "b"}}, "headers"),
        ({"rate_limit": 2}, "rate_limit"),
        ({"filter": {"tokens": ["NOBODY"]}}, "filter.tokens[0]"),
    ):
        answer = await api.post("/v1/endpoints", json={"channel": "telegram", **more})
        assert problem(answer, 422, "invalid-input")["field"] == field
    assert telegram.asked == []


async def test_telegram_that_does_not_answer_is_to_be_asked_again(
    api: Api, telegram: Telegram
) -> None:
    telegram.fail(Fault(502), method="getMe")

    answer = await api.post("/v1/endpoints", json={"channel": "telegram"})

    assert problem(answer, 503, "platform-silent")["detail"].endswith("it answered HTTP 502")
    assert (await asked(api))["link"]


async def test_without_a_bot_there_is_no_telegram(lone_api: Api) -> None:
    answer = await lone_api.post("/v1/endpoints", json={"channel": "telegram"})

    assert problem(answer, 422, "invalid-input")["field"] == "channel"


async def test_an_upgrade_is_told_at_once_and_the_log_has_the_message_s_id(
    api: Api, telegram: Telegram
) -> None:
    chat = telegram.world.started()
    await opened(api, chat)

    await api.upgrade("btc")

    (text,) = chat.texts
    assert text.startswith("🟢 BTC upgraded: ")
    (delivery,) = (await api.get("/v1/deliveries")).json()["data"]
    (attempt,) = (await api.get(f"/v1/deliveries/{delivery['id']}")).json()["attempts"]
    assert (delivery["state"], attempt["provider_id"]) == ("delivered", "1")


async def test_who_blocks_the_bot_is_disabled_and_not_written_to_again(
    api: Api, telegram: Telegram
) -> None:
    ada = telegram.world.person()
    await telegram.people.type(ada, "/start")
    record = await opened(api, telegram.world.chat_of(ada))
    await telegram.people.block(ada)

    await api.upgrade("btc")
    await api.upgrade("eth", day=4)

    endpoint = await shown(api, record)
    assert (endpoint["state"], endpoint["disabled_reason"]) == ("disabled", "blocked")
    assert len(telegram.calls()) == 1


async def test_a_group_that_became_a_supergroup_is_told_there_from_then_on(
    api: Api, telegram: Telegram
) -> None:
    group = telegram.world.group(kind=GROUP)
    record = await opened(api, group)
    made = await telegram.people.upgrade(group)

    await api.upgrade("btc")

    endpoint = await shown(api, record)
    assert (endpoint["url"], endpoint["rate_limit"]) == (f"telegram:{made.id}", 0.3)
    assert len(made.texts) == 1
    assert [call.given["chat_id"] for call in telegram.calls()] == [group.id, made.id]


async def test_a_message_that_may_have_arrived_is_unknown_and_not_sent_again_by_itself(
    api: Api, telegram: Telegram
) -> None:
    chat = telegram.world.started()
    await opened(api, chat)
    telegram.fail(Fault(after_effect=True))

    await api.upgrade("btc")
    await api.deliver()

    (delivery,) = (await api.get("/v1/deliveries")).json()["data"]
    assert (delivery["state"], delivery["reason"]) == ("unknown", "connection")
    assert len(chat.texts) == len(telegram.calls()) == 1
    # The token stands in the address of every request, and nowhere else.
    whole = (await api.get(f"/v1/deliveries/{delivery['id']}")).text
    assert TOKEN not in whole


async def test_a_token_that_is_not_taken_for_days_disables_nobody(
    api: Api, telegram: Telegram
) -> None:
    month = 30 * 24 * 3600
    record = await opened(api, telegram.world.started(), time_to_live_seconds=month)
    telegram.token = "7000000001:AAF-another_one_since_it_was_reset"

    await api.upgrade(*(f"t{number}" for number in range(CLOSED_AT)))
    for _ in range(2 * CLOSED_AT):
        await pass_time(api.services, 2 * CLOSED_AFTER / CLOSED_AT)
        await api.deliver()

    endpoint = await shown(api, record)
    assert (endpoint["state"], endpoint["health"]["state"]) == ("active", "closed")
    tried = (await api.get("/v1/deliveries", params={"reason": "auth"})).json()["data"]
    assert len(tried) == CLOSED_AT


async def test_what_is_previewed_of_a_digest_is_what_is_sent(api: Api, telegram: Telegram) -> None:
    chat = telegram.world.started()
    digest = {"weekday": 1, "hour": 9, "time_zone": "Europe/Berlin", "when_empty": "say"}
    record = await opened(api, chat, digest=digest, filter={"tokens": ["demo:other"]})
    await api.upgrade("btc")
    preview = (await api.post(f"/v1/endpoints/{record.id}/preview")).json()

    due = datetime.fromisoformat(preview["next_at"])
    await api.services.digest_run(at=due).tell(record.id)
    await api.deliver()

    (call,) = telegram.calls()
    assert call.given == {"chat_id": chat.id, **preview["message"]}
    assert chat.texts[0].startswith("Weekly grades · ")
