"""A chat as endpoints: the house's, of no token at first, and those of apps."""

import asyncio

from alerts.bots.chats import ChatDesk
from alerts.channels.telegram_address import TelegramChat
from alerts.pipeline.chats import open_link
from tests.api.conftest import open_api
from tests.telegram.double import TOKEN, Telegram

HERE = TelegramChat(-1_000_000_000_007, 3)


async def test_a_chat_becomes_one_endpoint_however_many_ask_at_once(database_url: str) -> None:
    async with open_api(database_url) as api:
        desk = ChatDesk(api.services)

        made = await asyncio.gather(*(desk.ensure(HERE, "x" * 300) for _ in range(4)))

        assert len({each.id for each in made}) == 1
        assert made[0].filter.tokens == ()
        assert made[0].rate_limit == HERE.most_rate
        assert await desk.find(HERE) == made[0]
        assert await desk.find(TelegramChat(HERE.id)) is None


async def test_what_apps_tell_a_chat_is_an_endpoint_of_their_own(database_url: str) -> None:
    async with (
        Telegram() as telegram,
        open_api(database_url, telegram_api_url=telegram.api_url, telegram_bot_token=TOKEN) as api,
    ):
        desk = ChatDesk(api.services)
        house = await desk.ensure(HERE, "Alpha Traders")
        key = await api.member("app")
        asked = await api.post("/v1/endpoints", json={"channel": "telegram"}, key=key)
        code = asked.json()["link"].partition("=")[2]
        opened = await open_link(code, HERE.kept, most_rate=1, desk=api.services.desk)

        assert opened is not None
        assert [each.id for each in await desk.every(HERE)] == [house.id, opened.id]
