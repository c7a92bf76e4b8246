"""The server: real sockets, Telegram's methods, and faults on demand.

    async with Telegram() as telegram:
        chat = telegram.world.started()
        telegram.fail(Fault(after_effect=True))
        …post to f"{telegram.api_url}/bot{TOKEN}/sendMessage"…
        assert chat.texts == ["hello"]

https://core.telegram.org/bots/api
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.faults import Fault, Faults, HungUp
from tests.rates import Rate, Windows
from tests.served import Served
from tests.telegram.commands import Commands
from tests.telegram.markup import read_keyboard, read_text
from tests.telegram.people import People
from tests.telegram.updates import Updates
from tests.telegram.wire import (
    Parameters,
    Refusal,
    bad_request,
    done,
    not_found,
    slow_down,
    unauthorized,
)
from tests.telegram.world import BOT, PRIVATE, Chat, World

TOKEN = "7000000001:AAF-t0ken_of_the_double_0123456789abc"
Method = Callable[[Parameters], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Rates:
    """The limits that count here. Telegram tells nobody its own; bursts in a chat are forgiven.

    https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
    """

    chat: Rate = Rate(3, 3.0)
    group: Rate = Rate(20, 60.0)
    everything: Rate = Rate(30, 1.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and how it was answered; status None: not at all."""

    method: str
    given: dict[str, Any]
    status: int | None
    arrived: float


class Telegram(Served):
    """A platform of its own. token: what the bot must say; another one after a reset."""

    def __init__(self, *, rates: Rates | None = None) -> None:
        self.token = TOKEN
        self.world = World()
        self.updates = Updates()
        self.people = People(self)
        self.commands = Commands()
        self.asked: list[Asked] = []
        self.said = asyncio.Condition()
        self._rates = rates or Rates()
        self._windows = Windows()
        self._faults: dict[str, Faults] = {}
        self._methods = self._known()
        application = web.Application()
        application.add_routes([web.route("*", "/bot{token:[^/]*}/{method}", self._answer)])
        super().__init__(web.AppRunner(application, access_log=None, shutdown_timeout=0.01))

    @property
    def api_url(self) -> str:
        """Its base, as a client is told it."""
        return f"http://127.0.0.1:{self.port}"

    def fail(self, *faults: Fault, method: str = "sendMessage") -> None:
        """Let the next calls of a method go wrong like this, in turn."""
        self._faults.setdefault(method.lower(), Faults()).coming += faults

    def forgive(self) -> None:
        """Nothing goes wrong any more."""
        self._faults.clear()

    def calls(self, method: str = "sendMessage") -> list[Asked]:
        """The calls of a method, in order."""
        return [one for one in self.asked if one.method == method.lower()]

    def _known(self) -> dict[str, Method]:
        return {
            "getme": self._get_me,
            "getupdates": self.updates.fetch,
            "setwebhook": self._set_webhook,
            "deletewebhook": self._delete_webhook,
            "getwebhookinfo": self._get_webhook_info,
            "sendmessage": self._send_message,
            "editmessagetext": self._edit_message_text,
            "editmessagereplymarkup": self._edit_message_reply_markup,
            "deletemessage": self._delete_message,
            "answercallbackquery": self._answer_callback_query,
            "getchat": self._get_chat,
            "getchatmember": self._get_chat_member,
            "getchatadministrators": self._get_chat_administrators,
            "leavechat": self._leave_chat,
            **self.commands.methods(),
        }

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        arrived = asyncio.get_running_loop().time()
        method = request.match_info["method"].lower()
        given: dict[str, Any] = {}
        response: web.Response | None
        try:
            self._admit(request.match_info["token"])
            if method not in self._methods:
                raise not_found(": method not found")
            parameters = await Parameters.of(request)
            given = parameters.given
            response = await self._do(method, parameters)
        except Refusal as refusal:
            response = refusal.response()
        except HungUp:
            response = None
        status = None if response is None else response.status
        self.asked.append(Asked(method, given, status, arrived))
        if response is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return response

    async def _do(self, method: str, given: Parameters) -> web.Response:
        faults = self._faults.get(method, Faults())
        result = await faults.meet(lambda: self._methods[method](given))
        return result if isinstance(result, web.Response) else done(result)

    def _admit(self, token: str) -> None:
        if token == self.token:
            return
        # What does not even look like a token is turned away by the wall before the API.
        number, colon, secret = token.partition(":")
        raise unauthorized() if colon and secret and number.isdecimal() else not_found()

    def _spend(self, chat: Chat) -> None:
        """Raises Refusal where too much is said."""
        now = asyncio.get_running_loop().time()
        rates = [("everything", self._rates.everything), (f"chat:{chat.id}", self._rates.chat)]
        if chat.type != PRIVATE:
            rates.append((f"group:{chat.id}", self._rates.group))
        for key, rate in rates:
            window, is_within = self._windows.spend(key, rate, now)
            if not is_within:
                raise slow_down(max(1, math.ceil(window.ends - now)))

    async def _get_me(self, _given: Parameters) -> object:
        rights = {
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }
        return {**BOT, **rights}

    async def _set_webhook(self, given: Parameters) -> object:
        self.updates.webhook = given.text("url")
        return True

    async def _delete_webhook(self, given: Parameters) -> object:
        self.updates.webhook = ""
        if given.flag("drop_pending_updates"):
            self.updates.waiting.clear()
        return True

    async def _get_webhook_info(self, _given: Parameters) -> object:
        waiting = len(self.updates.waiting)
        return {
            "url": self.updates.webhook,
            "has_custom_certificate": False,
            "pending_update_count": waiting,
        }

    async def _send_message(self, given: Parameters) -> object:
        said = _read_message(given)
        chat = self.world.find(given.number("chat_id"))
        chat.admit()
        in_topic = chat.admit_topic(given.number("message_thread_id"))
        self._spend(chat)
        return await self._tell(lambda: chat.keep(BOT, said | in_topic))

    async def _edit_message_text(self, given: Parameters) -> object:
        return await self._edit(given, _read_message(given))

    async def _edit_message_reply_markup(self, given: Parameters) -> object:
        message, _ = self._find(given)
        keyboard = read_keyboard(given.plain("reply_markup"))
        said: dict[str, Any] = {
            name: message[name] for name in ("text", "entities") if name in message
        }
        return await self._edit(given, said if keyboard is None else {**said, **_under(keyboard)})

    async def _edit(self, given: Parameters, said: dict[str, Any]) -> object:
        message, chat = self._find(given)
        shown = ("text", "entities", "reply_markup")
        if {name: message.get(name) for name in shown} == {name: said.get(name) for name in shown}:
            raise bad_request(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        self._spend(chat)

        def change() -> dict[str, Any]:
            for name in shown:
                message.pop(name, None)
            message.update(said, edit_date=message["date"])
            return message

        return await self._tell(change)

    async def _delete_message(self, given: Parameters) -> object:
        message, chat = self._find(given)
        chat.messages.remove(message)
        return True

    async def _answer_callback_query(self, given: Parameters) -> object:
        pressed = self.people.pressed.get(given.text("callback_query_id"))
        if pressed is None or pressed.answered.is_set():
            raise bad_request(
                "query is too old and response timeout expired or query ID is invalid"
            )
        if len(given.text("text")) > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        pressed.answer = {"text": given.text("text"), "show_alert": given.flag("show_alert")}
        pressed.answered.set()
        return True

    async def _get_chat(self, given: Parameters) -> object:
        chat = self.world.find(given.number("chat_id"))
        return chat.full()

    async def _get_chat_member(self, given: Parameters) -> object:
        chat = self.world.find(given.number("chat_id"))
        chat.admit()
        return self.world.member(chat, given.number("user_id"))

    async def _get_chat_administrators(self, given: Parameters) -> object:
        chat = self.world.find(given.number("chat_id"))
        chat.admit()
        return self.world.administrators(chat)

    async def _leave_chat(self, given: Parameters) -> object:
        self.world.find(given.number("chat_id")).ours = "left"
        return True

    async def _tell(self, change: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        async with self.said:
            message = change()
            self.said.notify_all()
        return dict(message)

    def _find(self, given: Parameters) -> tuple[dict[str, Any], Chat]:
        """A message of the bot's own. Raises Refusal."""
        chat = self.world.find(given.number("chat_id"))
        chat.admit()
        for message in chat.messages:
            if message["message_id"] == given.number("message_id"):
                if message["from"]["id"] != BOT["id"]:
                    raise bad_request("message can't be edited")
                return message, chat
        raise bad_request("message to edit not found")


def _read_message(given: Parameters) -> dict[str, Any]:
    """What a message is to say. Raises Refusal."""
    text, entities = read_text(given.text("text"), given.text("parse_mode"))
    keyboard = read_keyboard(given.plain("reply_markup"))
    preview = given.plain("link_preview_options")
    said: dict[str, Any] = {"text": text}
    if entities:
        said["entities"] = entities
    if preview:
        said["link_preview_options"] = preview
    return said if keyboard is None else {**said, **_under(keyboard)}


def _under(keyboard: dict[str, Any]) -> dict[str, Any]:
    return {"reply_markup": keyboard}
