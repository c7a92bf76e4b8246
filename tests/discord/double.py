"""The server: real sockets, Discord's routes, and faults on demand.

    async with Discord() as discord:
        webhook = discord.world.webhook()
        discord.fail(Fault(502, after_effect=True))
        …post to f"{discord.api_url}/webhooks/{webhook.id}/{webhook.token}"…
        assert discord.world.messages[0].payload["embeds"]

Answers have `application/json` without a charset and `Via`, as the platform's do.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.discord.bots import Bots
from tests.discord.forms import check_message, pinged
from tests.discord.gateway import Gateway
from tests.discord.interactions import Interactions
from tests.discord.limits import Limits, Rates
from tests.discord.refusals import (
    Refusal,
    forum_needs_a_thread,
    invalid_form,
    not_found,
    too_large,
)
from tests.discord.wire import API, Files, attachments, plain, read_form
from tests.discord.world import FORUM, Sent, Webhook, World
from tests.faults import Fault, Faults, HungUp
from tests.served import Served

LARGEST_REQUEST = 25 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and how it was answered; status None: not at all."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    status: int | None
    arrived: float


class Discord(Served):
    """A platform of its own. rates: its limits, smaller where a test is to meet them."""

    def __init__(self, *, rates: Rates | None = None) -> None:
        self.world = World()
        self.asked: list[Asked] = []
        self.invalid_requests = 0
        self._limits = Limits(rates or Rates())
        self._faults = Faults()
        self._arrived = asyncio.Condition()
        self.bots = Bots(self)
        self.gateway = Gateway(self)
        self.interactions = Interactions(self)
        application = web.Application(
            middlewares=[self._answer], client_max_size=LARGEST_REQUEST, handler_args={}
        )
        # An interaction's token stands where a webhook's does, and is looked at first.
        for part in (self.interactions, self.bots, self.gateway):
            application.add_routes(part.routes())
        application.add_routes(self._routes())
        super().__init__(web.AppRunner(application, access_log=None, shutdown_timeout=0.01))

    @property
    def api_url(self) -> str:
        """Its base, as a client is told it."""
        return f"http://127.0.0.1:{self.port}{API}"

    def fail(self, *faults: Fault) -> None:
        """Let the next POSTs of messages go wrong like this, in turn."""
        self._faults.coming += faults

    def posts(self) -> list[Asked]:
        """The POSTs of messages, in order of arrival."""
        return [one for one in self.asked if one.method == "POST"]

    async def wait_for(self, count: int, *, within_seconds: float = 10.0) -> None:
        """Return once `count` messages are there; raises TimeoutError if they do not come."""
        async with asyncio.timeout(within_seconds), self._arrived:
            await self._arrived.wait_for(lambda: len(self.world.messages) >= count)

    def _routes(self) -> list[web.RouteDef]:
        own = f"{API}/webhooks/{{webhook_id}}/{{token}}"
        return [
            web.get(own, self._show_webhook),
            web.post(own, self._execute_webhook),
            web.patch(own, self._rename_webhook),
            web.delete(own, self._delete_webhook),
            web.get(f"{own}/messages/{{message_id}}", self._show_message),
            web.patch(f"{own}/messages/{{message_id}}", self._edit_message),
            web.delete(f"{own}/messages/{{message_id}}", self._delete_message),
        ]

    @web.middleware
    async def _answer(self, request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401
        arrived = asyncio.get_running_loop().time()
        response: web.StreamResponse | None = None
        try:
            self.spend("everything", self.rates.everything, scope="global")
            response = await handler(request)
        except Refusal as refusal:
            self.invalid_requests += refusal.counts_as_invalid
            response = plain(refusal.status, refusal.body, refusal.headers)
        except HungUp:
            response = None
        except web.HTTPNotFound:
            response = plain(404, not_found().body)
        except web.HTTPRequestEntityTooLarge:
            response = plain(413, too_large().body)
        status = None if response is None else response.status
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(
            Asked(request.method, request.path, dict(request.query), headers, status, arrived)
        )
        if response is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return response

    def spend(self, key: str, rate: Any, *, scope: str = "user") -> dict[str, str]:  # noqa: ANN401
        """Count a request against a limit. Raises Refusal."""
        return self._limits.spend(key, rate, asyncio.get_running_loop().time(), scope=scope)

    @property
    def rates(self) -> Rates:
        return self._limits.rates

    async def keep(
        self,
        payload: Mapping[str, Any],
        files: Files,
        *,
        channel_id: str,
        author: Mapping[str, Any],
        default_parse: tuple[str, ...],
    ) -> Sent:
        """Check a message, store it, and tell those who wait for it. Raises Refusal."""
        check_message(payload, list(files))
        message_id = self.world.new_id()
        message = {
            "id": message_id,
            "channel_id": channel_id,
            "type": 0,
            "content": payload.get("content") or "",
            "timestamp": datetime.now(UTC).isoformat(),
            "edited_timestamp": None,
            "tts": False,
            "pinned": False,
            "flags": payload.get("flags", 0),
            "components": payload.get("components") or [],
            "embeds": payload.get("embeds") or [],
            "attachments": attachments(payload, files, message_id),
            **pinged(payload, default=default_parse),
            **author,
        }
        if payload.get("nonce") is not None:
            message["nonce"] = payload["nonce"]
        sent = Sent(message, payload, files)
        async with self._arrived:
            self.world.messages.append(sent)
            self._arrived.notify_all()
        return sent

    async def _show_webhook(self, request: web.Request) -> web.Response:
        return plain(200, self._webhook(request).plain())

    async def _rename_webhook(self, request: web.Request) -> web.Response:
        webhook = self._webhook(request)
        webhook.name = (await request.json()).get("name", webhook.name)
        return plain(200, webhook.plain())

    async def _delete_webhook(self, request: web.Request) -> web.Response:
        del self.world.webhooks[self._webhook(request).id]
        return web.Response(status=204)

    async def _execute_webhook(self, request: web.Request) -> web.Response:
        typed = self.interactions.of_token(request.match_info["token"])
        if typed is not None:
            return await self.interactions.follow_up(request, typed)
        webhook = self._webhook(request)
        headers = self.spend(f"webhook:{webhook.id}", self.rates.webhook)
        self.spend(f"channel:{webhook.channel_id}", self.rates.channel)
        thread_id = request.query.get("thread_id")
        if thread_id is not None:
            channel = self.world.find_thread(webhook, thread_id)
        else:
            channel = self.world.channels[webhook.channel_id]
            if channel.type == FORUM:
                raise forum_needs_a_thread()
        author = {"webhook_id": webhook.id, "author": _author(webhook)}

        async def post() -> Sent:
            payload, files = await read_form(request)
            return await self.keep(
                payload, files, channel_id=channel.id, author=author, default_parse=("users",)
            )

        sent = await self.post_or_fail(post)
        if not isinstance(sent, Sent):
            return sent
        if request.query.get("wait") not in {"true", "True", "1"}:
            return web.Response(status=204, headers=headers)
        return plain(200, sent.plain, headers)

    async def post_or_fail(self, post: Callable[[], Awaitable[Sent]]) -> Sent | web.Response:
        """What `post` gives, unless a fault is due. Raises Refusal, HungUp."""
        return await self._faults.meet(post)

    async def _show_message(self, request: web.Request) -> web.Response:
        return plain(200, self._message(request).plain)

    async def _edit_message(self, request: web.Request) -> web.Response:
        sent = self._message(request)
        payload, files = await read_form(request)
        known = [f"files[{each['id']}]" for each in sent.plain["attachments"]]
        check_message({**sent.plain, **payload}, [*files, *known])
        changed: dict[str, Any] = {
            name: payload[name] for name in ("content", "embeds") if name in payload
        }
        sent.plain.update(changed)
        sent.plain["edited_timestamp"] = datetime.now(UTC).isoformat()
        return plain(200, sent.plain)

    async def _delete_message(self, request: web.Request) -> web.Response:
        self.world.messages.remove(self._message(request))
        return web.Response(status=204)

    def _webhook(self, request: web.Request) -> Webhook:
        webhook_id = request.match_info["webhook_id"]
        if not webhook_id.isdecimal():
            text = f'Value "{webhook_id}" is not snowflake.'
            error = {"_errors": [{"code": "NUMBER_TYPE_COERCE", "message": text}]}
            raise invalid_form({"webhook_id": error})
        return self.world.find_webhook(webhook_id, request.match_info["token"])

    def _message(self, request: web.Request) -> Sent:
        webhook = self._webhook(request)
        return self.world.find_message(request.match_info["message_id"], webhook_id=webhook.id)


def _author(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "username": webhook.name,
        "discriminator": "0000",
        "avatar": None,
        "bot": True,
    }
