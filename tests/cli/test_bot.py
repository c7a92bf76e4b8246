"""`gradebell bot discord`, from the operator's side."""

from tests.cli.conftest import Operator


def test_without_a_token_it_says_which_setting_lacks(sqlite_operator: Operator) -> None:
    code, line = sqlite_operator.fails("bot", "discord")

    assert code != 0
    assert "GRADEBELL_DISCORD_BOT_TOKEN is not set" in line
