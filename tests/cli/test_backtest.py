"""What an endpoint would have been sent, at the terminal."""

from collections.abc import Callable

from tests.cli.conftest import Operator
from tests.cli.test_events import NEWS


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


def test_an_endpoint_that_nobody_knows_has_no_past(sqlite_operator: Operator) -> None:
    code, line = sqlite_operator.fails("endpoint", "backtest", "ep_0")

    assert code == 1
    assert "ep_0" in line
