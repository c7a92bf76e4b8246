"""Who our bot is on Telegram, and where a chat is opened with it."""

import math
from datetime import timedelta
from typing import Final

from alerts.channels.api_http import ApiHttp, Reply
from alerts.channels.telegram_answers import TOKEN_REFUSED, asked_wait
from alerts.domain.http_answers import SUCCESS
from alerts.errors import InvalidInput, PlatformSilent

# How long whoever is told that Telegram was silent does well to wait.
_PAUSE: Final = timedelta(seconds=5)


class TelegramLookup:
    """Asks Telegram about our bot, and remembers the answer. bot_token: empty where none is."""

    def __init__(self, http: ApiHttp, bot_token: str) -> None:
        self._http = http
        self._bot_token = bot_token
        self._username: str | None = None

    async def link_chat(self, code: str) -> str:
        """The address that opens a chat with our bot, which is told the code.

        https://core.telegram.org/bots/features#deep-linking
        Raises InvalidInput with field `channel`, or PlatformSilent where Telegram cannot be asked.
        """
        if not self._bot_token:
            raise InvalidInput("channel", "is not set up here: there is no bot on Telegram")
        if self._username is None:
            self._username = await self._ask()
        return f"https://t.me/{self._username}?start={code}"

    async def _ask(self) -> str:
        reply = await self._http.ask("GET", f"bot{self._bot_token}/getMe")
        result = reply.plain.get("result")
        username = result.get("username") if isinstance(result, dict) else None
        if reply.status in SUCCESS and isinstance(username, str):
            return username
        wait = asked_wait(reply) or _PAUSE
        raise PlatformSilent(
            f"Telegram could not be asked about our bot: {_why(reply)}",
            retry_after_seconds=max(1, math.ceil(wait.total_seconds())),
        )


def _why(reply: Reply) -> str:
    if reply.status in TOKEN_REFUSED:
        return "it does not take GRADEBELL_TELEGRAM_BOT_TOKEN"
    return reply.failure.detail if reply.failure else f"it answered HTTP {reply.status}"
