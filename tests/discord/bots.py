"""What a bot may ask of the double by REST: itself, channels, messages."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.discord.refusals import unauthorized
from tests.discord.wire import API, plain, read_form
from tests.discord.world import Sent

if TYPE_CHECKING:
    from tests.discord.double import Discord

TOKEN = "MTMwMDAwMDAwMDAwMDAwMDAwMA.Gb0t.t0ken-of-the-double"
APPLICATION_ID = "1300000000000000000"
SELF: Mapping[str, Any] = {
    "id": APPLICATION_ID,
    "username": "Gradebell",
    "discriminator": "0000",
    "avatar": None,
    "bot": True,
}


class Bots:
    """One application with one bot. token: what it must say; another one after a reset."""

    def __init__(self, discord: "Discord") -> None:
        self.token = TOKEN
        self.user = dict(SELF)
        self._discord = discord

    def routes(self) -> list[web.RouteDef]:
        channel = f"{API}/channels/{{channel_id}}"
        return [
            web.get(f"{API}/users/@me", self._show_self),
            web.get(f"{API}/oauth2/applications/@me", self._show_application),
            web.get(channel, self._show_channel),
            web.post(f"{channel}/messages", self._post),
        ]

    def admit(self, request: web.Request) -> None:
        """Raises Refusal for whoever is not the bot."""
        if request.headers.get("authorization") != f"Bot {self.token}":
            raise unauthorized()

    async def _show_self(self, request: web.Request) -> web.Response:
        self.admit(request)
        return plain(200, dict(SELF))

    async def _show_application(self, request: web.Request) -> web.Response:
        self.admit(request)
        return plain(
            200,
            {
                "id": APPLICATION_ID,
                "name": "Gradebell",
                "description": "",
                "icon": None,
                "bot_public": True,
                "bot_require_code_grant": False,
                "verify_key": "0" * 64,
                "owner": {**SELF, "bot": False},
                "flags": 0,
            },
        )

    async def _show_channel(self, request: web.Request) -> web.Response:
        self.admit(request)
        return plain(
            200, self._discord.world.find_channel(request.match_info["channel_id"]).plain()
        )

    async def _post(self, request: web.Request) -> web.Response:
        self.admit(request)
        world = self._discord.world
        channel = world.find_channel(request.match_info["channel_id"])
        headers = self._discord.spend(f"bot:{channel.id}", self._discord.rates.bot_channel)
        payload, files = await read_form(request)
        world.require(channel, payload, has_files=bool(files))

        async def post() -> Sent:
            return self._same(payload) or await self._discord.keep(
                payload,
                files,
                channel_id=channel.id,
                author={"author": dict(SELF)},
                default_parse=("users", "roles", "everyone"),
            )

        sent = await self._discord.post_or_fail(post)
        return plain(200, sent.plain, headers) if isinstance(sent, Sent) else sent

    def _same(self, payload: Mapping[str, Any]) -> Sent | None:
        """The message that was sent under this nonce."""
        nonce = payload.get("nonce")
        if nonce is None or not payload.get("enforce_nonce"):
            return None
        for sent in self._discord.world.messages:
            if sent.plain.get("nonce") == nonce and "webhook_id" not in sent.plain:
                return sent
        return None
