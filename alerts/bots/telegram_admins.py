"""Who may change what a group is told: its admins, as Telegram names them."""

from typing import Final

from telegram import Bot
from telegram.error import TelegramError

from alerts.errors import PlatformSilent
from alerts.ports import Clock

# How long an admin is believed to be one, and how soon somebody else may have become one.
KEPT_SECONDS: Final = 300.0
ASKED_AGAIN_SECONDS: Final = 15.0
# Beyond so many groups, those that were asked about longest ago are forgotten.
MOST_KEPT: Final = 4096


class Admins:
    """Asks Telegram, and remembers for a few minutes."""

    def __init__(self, bot: Bot, clock: Clock) -> None:
        self._bot = bot
        self._clock = clock
        self._known: dict[int, tuple[float, frozenset[int]]] = {}

    async def holds(self, chat_id: int, user_id: int) -> bool:
        """Whether this person is an admin of this group. Raises PlatformSilent."""
        asked_at, admins = self._known.get(chat_id, (float("-inf"), frozenset[int]()))
        age = self._clock.monotonic() - asked_at
        if age > (KEPT_SECONDS if user_id in admins else ASKED_AGAIN_SECONDS):
            admins = await self._ask(chat_id)
        return user_id in admins

    async def _ask(self, chat_id: int) -> frozenset[int]:
        # https://core.telegram.org/bots/api#getchatadministrators
        try:
            found = await self._bot.get_chat_administrators(chat_id)
        except TelegramError as error:
            problem = "Telegram does not say just now who is an admin here; try again in a moment"
            raise PlatformSilent(problem, retry_after_seconds=5) from error
        admins = frozenset(each.user.id for each in found)
        self._known.pop(chat_id, None)
        self._known[chat_id] = self._clock.monotonic(), admins
        while len(self._known) > MOST_KEPT:
            del self._known[next(iter(self._known))]
        return admins
