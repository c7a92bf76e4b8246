"""Telegram to try the bot in, without Telegram: the double, and a page that is its client.

    .venv/bin/python -m tests.telegram

It prints the two settings that lead our bot here, and the address of the page.
"""

import argparse
import asyncio
from pathlib import Path

from aiohttp import web

from tests.served import Served
from tests.telegram.double import TOKEN, Telegram
from tests.telegram.world import CREATOR, MEMBER, Chat, Person

PORT = 8081
PAGE = Path(__file__).with_name("page.html")


class Client(Served):
    """The page: what is said in each chat, what somebody types there, and what they press."""

    def __init__(self, telegram: Telegram) -> None:
        world, self._telegram = telegram.world, telegram
        self._people = [world.person("Ada"), world.person("Bob", language_code="de")]
        group = world.group("Alpha Traders", creator=self._people[0], is_forum=True)
        group.members[self._people[1].id] = MEMBER
        self._signals = world.topic(group)
        application = web.Application()
        application.add_routes(
            [
                web.get("/", self._page),
                web.get("/chats", self._chats),
                web.post("/type", self._type),
                web.post("/press", self._press),
                web.post("/block", self._block),
            ]
        )
        super().__init__(web.AppRunner(application, access_log=None, shutdown_timeout=0.01))

    async def _page(self, _request: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE)

    async def _chats(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "people": [{"id": each.id, "name": each.first_name} for each in self._people],
                "chats": [self._shown(chat) for chat in self._telegram.world.chats.values()],
            }
        )

    def _shown(self, chat: Chat) -> dict[str, object]:
        title = f"{chat.person.first_name} in private" if chat.person else chat.title
        if chat.topics is not None:
            title += f", a forum with a topic {self._signals}"
        return {"id": chat.id, "title": title, "ours": chat.ours, "messages": chat.messages}

    async def _type(self, request: web.Request) -> web.Response:
        person, chat, given = await self._who(request)
        topic = int(given["topic"]) if given.get("topic") else None
        await self._telegram.people.type(person, given["text"], chat=chat, topic=topic)
        return web.json_response({})

    async def _press(self, request: web.Request) -> web.Response:
        person, chat, given = await self._who(request)
        (message,) = [one for one in chat.messages if one["message_id"] == given["message"]]
        pressed = await self._telegram.people.forge(person, message, given["data"])
        return web.json_response(await pressed.wait())

    async def _block(self, request: web.Request) -> web.Response:
        person, chat, _ = await self._who(request)
        people = self._telegram.people
        await (people.block if chat.ours in {MEMBER, CREATOR} else people.unblock)(person)
        return web.json_response({})

    async def _who(self, request: web.Request) -> tuple[Person, Chat, dict[str, str]]:
        given = await request.json()
        world = self._telegram.world
        return world.people[int(given["person"])], world.chats[int(given["chat"])], given


async def serve(port: int) -> None:
    telegram = Telegram()
    client = Client(telegram)
    telegram.port, client.port = port, port + 1
    async with telegram, client:
        print(f"GRADEBELL_TELEGRAM_BOT_TOKEN={TOKEN}")  # noqa: T201 - what it is started for
        print(f"GRADEBELL_TELEGRAM_API_URL={telegram.api_url}")  # noqa: T201
        print(f"Set these, start the bot, and open http://127.0.0.1:{client.port}", flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=PORT, help="of the Bot API; the page is next")
    asyncio.run(serve(parser.parse_args().port))
