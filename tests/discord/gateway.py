"""The gateway: what a bot is told over its websocket, in plain text frames.

https://docs.discord.com/developers/events/gateway
"""

import asyncio
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.discord.wire import API, plain
from tests.discord.world import Channel

if TYPE_CHECKING:
    from tests.discord.double import Discord

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, INVALID_SESSION, HELLO, ACK = 0, 1, 2, 6, 9, 10, 11
AUTHENTICATION_FAILED, DISALLOWED_INTENTS = 4004, 4014
# Members, presences, and the content of messages.
PRIVILEGED = 1 << 1 | 1 << 8 | 1 << 15


@dataclass(slots=True)
class Session:
    """One bot that is connected. told: what it was sent, for those who come back."""

    id: str
    socket: web.WebSocketResponse
    intents: int
    told: list[dict[str, Any]] = field(default_factory=list)


class Gateway:
    """All sessions. identified: how often a bot said who it is, which is 1,000 a day at most."""

    def __init__(self, discord: "Discord") -> None:
        self.identified = 0
        self.resumed = 0
        self.sessions: dict[str, Session] = {}
        self._discord = discord
        self._numbers = itertools.count(1)
        self._changed = asyncio.Condition()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{API}/gateway/bot", self._show),
            web.get("/gateway", self._talk),
        ]

    @property
    def live(self) -> list[Session]:
        """Those that are connected now."""
        return [one for one in self.sessions.values() if not one.socket.closed]

    async def wait_for_session(self, *, within_seconds: float = 10.0) -> Session:
        """A bot that is connected; raises TimeoutError if none comes."""
        async with asyncio.timeout(within_seconds), self._changed:
            await self._changed.wait_for(lambda: self.live)
        return self.live[0]

    async def tell(self, event: str, data: Mapping[str, Any]) -> None:
        """Tell all that are connected."""
        for session in self.live:
            await self._dispatch(session, event, data)

    async def drop(self) -> None:
        """Close every socket, as a gateway that restarts does; sessions may be resumed."""
        for session in self.live:
            await session.socket.close(code=1012)

    async def _show(self, request: web.Request) -> web.Response:
        self._discord.bots.admit(request)
        limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
        url = f"ws://127.0.0.1:{self._discord.port}/gateway"
        return plain(200, {"url": url, "shards": 1, "session_start_limit": limit})

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": HELLO, "d": {"heartbeat_interval": 41250}})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            said = json.loads(message.data)
            if said["op"] == HEARTBEAT:
                await socket.send_json({"op": ACK})
            elif said["op"] == IDENTIFY:
                await self._identify(socket, said["d"])
            elif said["op"] == RESUME:
                await self._resume(socket, said["d"])
        return socket

    async def _identify(self, socket: web.WebSocketResponse, said: Mapping[str, Any]) -> None:
        self.identified += 1
        if said["token"] != self._discord.bots.token:
            await socket.close(code=AUTHENTICATION_FAILED, message=b"Authentication failed.")
            return
        if said["intents"] & PRIVILEGED:
            await socket.close(code=DISALLOWED_INTENTS, message=b"Disallowed intent(s).")
            return
        session = Session(f"session-{self.identified}", socket, said["intents"])
        self.sessions[session.id] = session
        world = self._discord.world
        ready = {
            "v": 10,
            "user": self._discord.bots.user,
            "guilds": [{"id": guild_id, "unavailable": True} for guild_id in world.guilds],
            "session_id": session.id,
            "resume_gateway_url": f"ws://127.0.0.1:{self._discord.port}/gateway",
            "application": {"id": self._discord.bots.user["id"], "flags": 0},
            "shard": said.get("shard", [0, 1]),
        }
        await self._dispatch(session, "READY", ready)
        for guild_id in list(world.guilds):
            known = {**self.guild(guild_id), "unavailable": False}
            await self._dispatch(session, "GUILD_CREATE", known)
        async with self._changed:
            self._changed.notify_all()

    async def _resume(self, socket: web.WebSocketResponse, said: Mapping[str, Any]) -> None:
        session = self.sessions.get(said["session_id"])
        if session is None or said["token"] != self._discord.bots.token:
            await socket.send_json({"op": INVALID_SESSION, "d": False})
            return
        self.resumed += 1
        session.socket = socket
        for frame in session.told:
            if frame["s"] > said["seq"]:
                await socket.send_json(frame)
        await self._dispatch(session, "RESUMED", {})
        async with self._changed:
            self._changed.notify_all()

    async def _dispatch(self, session: Session, event: str, data: Mapping[str, Any]) -> None:
        frame = {"op": DISPATCH, "t": event, "s": next(self._numbers), "d": dict(data)}
        session.told.append(frame)
        if not session.socket.closed:
            await session.socket.send_json(frame)

    def guild(self, guild_id: str) -> dict[str, Any]:
        """A guild as a bot is told of it when it is invited, with what it may do there."""
        world = self._discord.world
        channels = [each for each in world.channels.values() if each.guild_id == guild_id]
        everyone = {
            "id": guild_id,
            "name": "@everyone",
            "permissions": "0",
            "position": 0,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }
        return {
            "id": guild_id,
            "name": world.guilds[guild_id],
            "owner_id": "1",
            "roles": [everyone],
            "emojis": [],
            "stickers": [],
            "features": [],
            "member_count": 7,
            "members": [self.member(self._discord.bots.user)],
            "channels": [self.placed(each) for each in channels if each.parent_id is None],
            "threads": [each.plain() for each in channels if each.parent_id is not None],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "large": False,
            "preferred_locale": "en-US",
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "premium_tier": 0,
            "nsfw_level": 0,
            "system_channel_flags": 0,
            "afk_timeout": 300,
            "premium_progress_bar_enabled": False,
        }

    @staticmethod
    def placed(channel: Channel) -> dict[str, Any]:
        """A channel whose overwrite says what the bot may do there."""
        may = {"id": channel.guild_id, "type": 0, "allow": str(int(channel.may)), "deny": "0"}
        return {**channel.plain(), "permission_overwrites": [may]}

    @staticmethod
    def member(user: Mapping[str, Any], permissions: int = 0) -> dict[str, Any]:
        """Somebody in a guild. permissions: as an interaction brings them."""
        return {
            "user": dict(user),
            "nick": None,
            "avatar": None,
            "roles": [],
            "joined_at": "2026-01-01T00:00:00+00:00",
            "deaf": False,
            "mute": False,
            "flags": 0,
            "permissions": str(permissions),
        }
