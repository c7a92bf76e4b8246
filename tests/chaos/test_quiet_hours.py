"""Chats whose quiet hours end, all at once, while the workers that tell them are killed."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alerts.bootstrap import Services, open_services
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.deliveries import State
from alerts.domain.quiet import QuietHours
from alerts.pipeline.chats import create_chat
from alerts.pipeline.endpoints import Wish
from alerts.pipeline.sparing import set_quiet_hours, set_time_zone
from tests.chaos.scene import IS_LONG, PATIENCE_SECONDS, all_ended, kill, settings_of, tell, worker
from tests.cli.conftest import KEYS
from tests.pipeline.chatting import minute
from tests.pipeline.conftest import TurnedClock, dispatch, fan_out, log_of, push, settings_for
from tests.receiver import Receiver
from tests.telegram.double import TOKEN, Telegram
from tests.telegram.world import Chat

CHATS, KILLS = (120, 6) if IS_LONG else (8, 1)
HOUR = timedelta(hours=1)


async def sleepers(telegram: Telegram, services: Services, hours: QuietHours) -> list[Chat]:
    """Chats that follow all tokens, and have these quiet hours."""
    made = [telegram.world.started(f"Person{number}") for number in range(CHATS)]
    wish, desk = Wish(time_to_live=timedelta(days=3)), services.desk
    for chat in made:
        address = TelegramChat(chat.id).kept
        await create_chat(address, wish, most_rate=1, desk=desk)
        await set_time_zone(address, "UTC", desk=desk)
        await set_quiet_hours(address, hours, desk=desk)
    return made


async def some_are_told(telegram: Telegram, chats: Sequence[Chat], many: int) -> None:
    def is_so() -> bool:
        return sum(bool(chat.texts) for chat in chats) >= many

    await telegram.people.wait_until(is_so, within_seconds=PATIENCE_SECONDS)


async def test_each_chat_is_told_its_night_once_whoever_is_killed(
    sqlite_url: str, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    # It was quiet for half an hour at this time of yesterday, and is quiet no more.
    clock = TurnedClock(now - timedelta(days=1))
    hours = QuietHours(minute(now - 13 * HOUR), minute(now - 12 * HOUR))
    clock.turn(11 * HOUR + HOUR / 2)
    async with Telegram() as telegram, Receiver() as receiver:
        platform = {"TELEGRAM_API_URL": telegram.api_url, "TELEGRAM_BOT_TOKEN": TOKEN}
        knobs = {name.lower(): value for name, value in platform.items()}
        settings = settings_for(sqlite_url, encryption_keys=KEYS["ENCRYPTION_KEYS"], **knobs)
        async with open_services(settings, clock=clock) as services:
            made = await sleepers(telegram, services, hours)
            for score in (50, 95, 50):
                await push(services, clock.at, {"low": 100 - score, "high": score})
                clock.turn(timedelta(minutes=1))
                await fan_out(services)
                await dispatch(services)
            assert {each.state for each in await log_of(services)} == {State.PENDING}
            assert telegram.calls() == []

            programs = settings_of(sqlite_url, receiver, platform)
            for deaths in range(1, KILLS + 1):
                with worker(programs, tmp_path) as program:
                    await some_are_told(telegram, made, deaths * CHATS // (KILLS + 2))
                    await kill(program)
            with worker(programs, tmp_path):
                await all_ended(services)

            states = Counter(each.state for each in await log_of(services))
        assert max(len(chat.texts) for chat in made) == 1
        assert states.keys() <= {State.DELIVERED, State.UNKNOWN}
        # Of each chat the whole night, or what became of all of it is unknown.
        assert states[State.DELIVERED] + states[State.UNKNOWN] == 4 * CHATS
        # An answer that takes longer than the pace lets a second one go.
        assert states[State.UNKNOWN] <= 2 * 4 * KILLS
        assert all(text.startswith("While you were away (") for chat in made for text in chat.texts)
    tell("quiet hours", kills=KILLS, told=states[State.DELIVERED], unknown=states[State.UNKNOWN])
