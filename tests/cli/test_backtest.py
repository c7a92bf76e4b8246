"""What an endpoint would have been sent, at the terminal."""

import asyncio
from collections.abc import Callable

from alerts.bootstrap import open_services
from alerts.channels.telegram_address import TelegramChat
from alerts.pipeline.chats import create_chat
from alerts.pipeline.endpoints import Wish
from alerts.settings import Settings
from tests.cli.conftest import Operator
from tests.cli.test_events import NEWS


def chat_of(operator: Operator) -> str:
    """A chat that follows one token; the id of its endpoint."""

    async def make() -> str:
        given = {name.lower(): set_to for name, set_to in operator.settings.items()}
        async with open_services(Settings.model_validate(given)) as services:
            address = TelegramChat(7).kept
            wish = Wish(tokens=["models:1"])
            return (await create_chat(address, wish, most_rate=1, desk=services.desk)).id

    return asyncio.run(make())


def test_an_endpoint_made_after_the_fact_is_shown_what_it_missed(
    operator: Operator, grades: Callable[[str], str]
) -> None:
    operator.does("cycle", "import", grades(NEWS), "--source", "models")
    endpoint = operator.reads("endpoint", "add", "https://93.184.215.14/", "--token", "models:1")

    words = ("endpoint", "backtest", endpoint["id"], "--days", "7")
    found = operator.reads(*words)
    said = operator.does(*words).splitlines()

    (event,) = operator.reads("event", "list", "--token", "ONE")["data"]
    assert [one["message"] for one in found["data"]] == [event]
    assert (found["events"], found["matched"], found["messages"]) == (2, 1, 1)
    assert "grade.upgraded ONE" in said[-2]
    assert said[-1] == "1 message of 1 matched event, 0 waiting; 2 were recorded."


def test_what_a_chat_would_have_been_told_is_shown_as_it_is_read(
    sqlite_operator: Operator, grades: Callable[[str], str]
) -> None:
    news = grades(NEWS.replace("ONE", "A&B"))
    sqlite_operator.does("cycle", "import", news, "--source", "models")

    result = sqlite_operator.run("endpoint", "backtest", chat_of(sqlite_operator))

    assert result.stdout.splitlines()[1].endswith("  🟢 A&B upgraded: Neutral → Strong Buy")
    # How far it has come is for whoever looks on.
    assert result.stderr == ""


def test_an_endpoint_that_nobody_knows_has_no_past(sqlite_operator: Operator) -> None:
    code, line = sqlite_operator.fails("endpoint", "backtest", "ep_0")

    assert code == 1
    assert "ep_0" in line
