"""Telegram endpoints, from the operator's side."""

import pytest

from tests.cli.conftest import Operator
from tests.cli.platforms import in_a_thread
from tests.telegram.double import TOKEN, Telegram


def test_a_link_is_printed_for_whoever_is_to_be_told(sqlite_operator: Operator) -> None:
    double = Telegram()
    with in_a_thread(double):
        sqlite_operator.settings |= {
            "TELEGRAM_API_URL": double.api_url,
            "TELEGRAM_BOT_TOKEN": TOKEN,
        }

        said = sqlite_operator.does("endpoint", "add", "telegram")
        awaited = sqlite_operator.reads("endpoint", "add", "telegram", "--kind", "trader")

    assert "https://t.me/gradebell_bot?start=app-" in said
    assert awaited["link"] not in said
    assert (awaited["channel"], awaited["state"]) == ("telegram", "awaiting")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["telegram"], "channel: is not set up here: there is no bot on Telegram"),
        (["telegram", "7"], "URL: is not for telegram: `gradebell endpoint add telegram`"),
        (["telegram", "--rate-limit", "2"], "--rate-limit: must be at most 1"),
    ],
)
def test_what_cannot_be_is_refused_on_one_line(
    sqlite_operator: Operator, words: list[str], problem: str
) -> None:
    code, line = sqlite_operator.fails("endpoint", "add", *words)

    assert code == 2
    assert problem in line


def test_a_token_of_another_shape_is_refused_and_not_repeated(sqlite_operator: Operator) -> None:
    sqlite_operator.settings["TELEGRAM_BOT_TOKEN"] = "not-a-token"

    _, line = sqlite_operator.fails("endpoint", "list")

    assert "GRADEBELL_TELEGRAM_BOT_TOKEN: must be a token as @BotFather gives it" in line
    assert "not-a-token" not in line
