"""Events at the terminal: found by what they are about, for whoever asks why of one."""

from collections.abc import Callable

from tests.cli.conftest import Operator

CSV = "kind,as_of,token_id,symbol,score\n"
NEWS = (
    f"{CSV}trader,2026-03-01,1,ONE,50\ntrader,2026-03-01,2,TWO,50\n"
    "trader,2026-03-02,1,ONE,85\ntrader,2026-03-02,2,TWO,10\n"
)


def test_events_are_listed_newest_first_and_narrowed(
    operator: Operator, grades: Callable[[str], str]
) -> None:
    operator.does("cycle", "import", grades(NEWS), "--source", "models")

    every = operator.reads("event", "list")["data"]
    upgrade = operator.reads("event", "list", "--type", "grade.upgraded", "--token", "ONE")["data"]
    table = operator.does("event", "list", "--token", "ONE", "--kind", "trader").splitlines()

    numbers = [one["sequence"] for one in every]
    assert numbers == sorted(numbers, reverse=True)
    assert [one["data"]["token"]["symbol"] for one in upgrade] == ["ONE"]
    assert upgrade[0] in every
    assert upgrade[0]["id"] in table[1]
    assert "▲ ONE Neutral → Strong Buy 50 → 85" in table[1]
    first = operator.reads("event", "list", "--limit", "1")["data"]
    then = operator.reads("event", "list", "--before", first[0]["id"])["data"]
    assert first + then == every


def test_an_event_that_is_listed_can_be_explained(
    operator: Operator, grades: Callable[[str], str]
) -> None:
    endpoint = operator.reads("endpoint", "add", "https://93.184.215.14/", "--token", "models:1")
    operator.does("cycle", "import", grades(NEWS), "--source", "models")
    (event,) = operator.reads("event", "list", "--token", "TWO", "--type", "grade.downgraded")[
        "data"
    ]

    told = operator.does("endpoint", "explain", endpoint["id"], event["id"])

    assert told == "No delivery: filter.tokens: it does not want this token.\n"


def test_a_place_that_nobody_knows_is_refused(sqlite_operator: Operator) -> None:
    code, line = sqlite_operator.fails("event", "list", "--before", "evt_0")

    assert (code, line) == (2, "gradebell: --before: there is no event 'evt_0'")
    assert sqlite_operator.does("event", "list") == "There is no event.\n"
