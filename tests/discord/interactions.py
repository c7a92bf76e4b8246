"""Slash commands: a person types one, the bot answers within three seconds or not at all.

https://docs.discord.com/developers/interactions/receiving-and-responding
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.discord.commands import as_held, fill_in, offered
from tests.discord.forms import check_message
from tests.discord.refusals import Refusal
from tests.discord.wire import API, plain, read_form
from tests.discord.world import Channel

if TYPE_CHECKING:
    from tests.discord.double import Discord

MANAGE_GUILD = 1 << 5
COMMAND, COMPONENT, AUTOCOMPLETE = 2, 3, 4
MESSAGE, DEFERRED, DEFERRED_UPDATE, CHOICES = 4, 5, 6, 8
MENU = 3
EPHEMERAL = 1 << 6
PERSON: Mapping[str, Any] = {
    "id": "1400000000000000000",
    "username": "ada",
    "discriminator": "0",
    "avatar": None,
}
# Seconds within which a command is to be answered; and how long a test waits for that.
PATIENCE_SECONDS = 10.0


@dataclass(slots=True)
class Typed:
    """One command and what came of it: answers in order, as last edited. files: of the last."""

    token: str
    answers: list[dict[str, Any]] = field(default_factory=list)
    choices: list[dict[str, Any]] | None = None
    is_acknowledged: bool = False
    is_deferred: bool = False
    files: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def text(self) -> str:
        """What the last answer says, embeds included."""
        last = self.answers[-1]
        parts = [last.get("content") or ""]
        for embed in last.get("embeds") or ():
            parts += [embed.get("title") or "", embed.get("description") or ""]
            parts += [f"{each['name']} {each['value']}" for each in embed.get("fields") or ()]
        return "\n".join(parts)

    @property
    def is_ephemeral(self) -> bool:
        """Whether only who typed it sees the last answer."""
        return bool(self.answers[-1].get("flags", 0) & EPHEMERAL)


class Interactions:
    """Commands as registered, and as typed."""

    def __init__(self, discord: "Discord") -> None:
        self.commands: dict[str, dict[str, Any]] = {}
        self.registrations = 0
        self._discord = discord
        self._typed: dict[str, Typed] = {}
        self._registered = asyncio.Condition()

    def routes(self) -> list[web.RouteDef]:
        hook = f"{API}/webhooks/{{application_id}}/{{token}}"
        return [
            web.put(f"{API}/applications/{{application_id}}/commands", self._register),
            web.get(f"{API}/applications/{{application_id}}/commands", self._list),
            web.post(f"{API}/interactions/{{id}}/{{token}}/callback", self._callback),
            web.patch(f"{hook}/messages/@original", self._edit),
        ]

    def of_token(self, token: str) -> Typed | None:
        """The interaction that goes by this token."""
        return self._typed.get(token)

    async def wait_for_commands(self) -> None:
        """Return once commands are registered."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._registered:
            await self._registered.wait_for(lambda: self.commands)

    async def type(
        self,
        words: str,
        *,
        channel: Channel,
        permissions: int = MANAGE_GUILD,
        options: Mapping[str, object] | None = None,
        focused: str | None = None,
    ) -> Typed:
        """Somebody types `/words` in a channel; the interaction once it is answered.

        focused: the option being typed, for whose choices the bot is asked instead.
        Raises NotOffered where Discord would not let them.
        """
        await self.wait_for_commands()
        name, *rest = words.split()
        command = offered(self.commands, name, permissions)
        typed = Typed(f"token-{len(self._typed)}")
        self._typed[typed.token] = typed
        resolved: dict[str, Any] = {}
        listed = fill_in(command, rest, dict(options or {}), focused, resolved)
        data = {
            "id": command["id"],
            "name": name,
            "type": 1,
            "options": listed,
            "resolved": resolved,
        }
        kind = COMMAND if focused is None else AUTOCOMPLETE
        more = {"type": kind, "data": data}
        await self._send(typed, more, channel=channel, permissions=permissions)
        return await self._answered(typed)

    async def choose(self, asked: Typed, value: str, *, channel: Channel) -> Typed:
        """Whoever was asked chooses this from the menu; what stands there afterwards."""
        message = asked.answers[-1]
        (menu,) = [each for row in message["components"] for each in row["components"]]
        assert value in {option["value"] for option in menu["options"]}
        # Its answer edits the message that the menu stands in.
        typed = Typed(f"token-{len(self._typed)}", answers=[message])
        self._typed[typed.token] = typed
        data = {"custom_id": menu["custom_id"], "component_type": MENU, "values": [value]}
        more = {"type": COMPONENT, "data": data, "message": self.message(message)}
        await self._send(typed, more, channel=channel, permissions=0)
        return await self._answered(typed)

    async def _answered(self, typed: Typed) -> Typed:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await typed.answered.wait()
        return typed

    async def _send(
        self, typed: Typed, more: Mapping[str, Any], *, channel: Channel, permissions: int
    ) -> None:
        gateway = self._discord.gateway
        guild_id = channel.guild_id
        await gateway.tell(
            "INTERACTION_CREATE",
            {
                "id": self._discord.world.new_id(),
                **more,
                "token": typed.token,
                "version": 1,
                "application_id": self._discord.bots.user["id"],
                "attachment_size_limit": 10 * 1024 * 1024,
                "member": gateway.member(PERSON, permissions),
                "guild_id": guild_id,
                "guild": {"id": guild_id, "features": [], "locale": "en-US"},
                "channel_id": channel.id,
                "channel": {**channel.plain(), "permissions": str(permissions)},
                "app_permissions": str(int(channel.may)),
                "locale": "en-US",
                "guild_locale": "en-US",
                "context": 0,
                "entitlements": [],
            },
        )

    async def _register(self, request: web.Request) -> web.Response:
        self._discord.bots.admit(request)
        listed = await request.json()
        self.registrations += 1
        async with self._registered:
            self.commands = {
                each["name"]: {
                    **as_held(each),
                    "id": self._discord.world.new_id(),
                    "application_id": request.match_info["application_id"],
                    "version": "1",
                }
                for each in listed
            }
            self._registered.notify_all()
        return plain(200, list(self.commands.values()))

    async def _list(self, request: web.Request) -> web.Response:
        self._discord.bots.admit(request)
        return plain(200, list(self.commands.values()))

    async def _callback(self, request: web.Request) -> web.Response:
        typed = self._of(request)
        if typed.is_acknowledged:
            raise Refusal(400, 40060, "Interaction has already been acknowledged.")
        payload, files = await read_form(request)
        typed.is_acknowledged = True
        data = payload.get("data") or {}
        if payload["type"] == CHOICES:
            typed.choices = data["choices"]
            typed.answered.set()
        elif payload["type"] == DEFERRED:
            typed.is_deferred = True
            typed.answers.append({"flags": data.get("flags", 0)})
        elif payload["type"] == DEFERRED_UPDATE:
            # The message stays as it is until it is edited.
            pass
        elif payload["type"] == MESSAGE:
            check_message(data, list(files))
            typed.answers.append(data)
            typed.answered.set()
        message = {"id": self._discord.world.new_id(), "type": payload["type"]}
        return plain(200, {"interaction": message, "resource": {"type": payload["type"]}})

    async def _edit(self, request: web.Request) -> web.Response:
        typed = self._of(request)
        payload, files = await read_form(request)
        check_message(payload, list(files))
        typed.answers[-1] = {**typed.answers[-1], **payload}
        typed.answered.set()
        return plain(200, self.message(typed.answers[-1]))

    async def follow_up(self, request: web.Request, typed: Typed) -> web.Response:
        """A further answer, or the first after it was deferred."""
        payload, files = await read_form(request)
        check_message(payload, list(files))
        if typed.is_deferred:
            # It takes the place of what was put off, and is as private as that was.
            payload = {**payload, "flags": typed.answers.pop()["flags"]}
            typed.is_deferred = False
        typed.answers.append(payload)
        typed.files = files
        typed.answered.set()
        return plain(200, self.message(payload))

    def message(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """An answer as a message."""
        return {
            "id": self._discord.world.new_id(),
            "channel_id": "1",
            "type": 0,
            "author": dict(self._discord.bots.user),
            "content": payload.get("content") or "",
            "timestamp": "2026-01-01T00:00:00+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "pinned": False,
            "flags": payload.get("flags", 0),
            "embeds": payload.get("embeds") or [],
            "attachments": [],
            "components": payload.get("components") or [],
        }

    def _of(self, request: web.Request) -> Typed:
        typed = self._typed.get(request.match_info["token"])
        if typed is None:
            raise Refusal(404, 10062, "Unknown interaction")
        return typed
