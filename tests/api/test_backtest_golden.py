"""A backtest's whole answer, as it was looked at and found good."""

import json
from datetime import timedelta
from pathlib import Path

from alerts.bootstrap import open_services
from tests.api.conftest import ADMIN_KEY, serve
from tests.pipeline.conftest import TurnedClock, day, push, settings_for
from tests.receiver import Receiver

GOLDEN = Path(__file__).parent.parent / "golden" / "api" / "backtest.json"
BODY = {
    "channel": "telegram",
    "filter": {"types": ["grade.upgraded", "grade.downgraded"]},
    "time_zone": "Europe/Berlin",
    "quiet_hours": {"starts": "22:00", "ends": "07:00"},
}


async def test_what_a_chat_would_have_been_told_is_shown_as_ever(sqlite_url: str) -> None:
    clock = TurnedClock(day(0))
    settings = settings_for(sqlite_url, admin_key=ADMIN_KEY)
    days = ({"a": 50, "b": 50}, {"a": 95, "b": 50}, {"a": 50, "b": 5}, {"a": 70, "b": 50})
    async with (
        Receiver() as receiver,
        open_services(settings, clock=clock) as services,
        serve(services, receiver) as api,
    ):
        for number, scores in enumerate(days):
            # Told at four in the night, and the last at noon.
            clock.at = day(number) + timedelta(hours=12 if number == 3 else 3)
            await push(services, day(number), scores)
        clock.at = day(4)
        answer = await api.post("/v1/backtest", json=BODY, params={"days": 30})

    assert answer.json() == json.loads(GOLDEN.read_text())
