"""Cycles from a file, held ones, and sweeps by hand."""

import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import KEYS, Operator
from tests.cli.processes import COMMAND, WAIT_SECONDS, environment, running

HEADER = "kind,as_of,token_id,symbol,score\n"
THREE_DAYS = HEADER + "".join(
    f"trader,2026-03-0{day},{token},T{token},{score}\n"
    for day, scores in ((3, (85, 25)), (1, (50, 70)), (2, (50, 72)))
    for token, score in enumerate(scores)
)
Write = Callable[[str], str]


def test_a_file_becomes_a_cycle_for_each_date_the_oldest_first(
    operator: Operator, grades: Write
) -> None:
    told = operator.reads("cycle", "import", grades(THREE_DAYS), "--source", "models")

    days = [(cycle["as_of"][:10], cycle["events"]) for cycle in told["data"]]
    assert days == [("2026-03-01", 0), ("2026-03-02", 0), ("2026-03-03", 2)]
    assert told["events"] == {"grade.upgraded": 1, "grade.downgraded": 1}


def test_an_import_says_what_it_came_to(operator: Operator, grades: Write) -> None:
    told = operator.does("cycle", "import", grades(THREE_DAYS), "--source", "models")

    assert "2026-03-03" in told
    assert told.splitlines()[-1] == (
        "3 cycles: 1 grade.downgraded, 1 grade.upgraded; 0 deliveries owed; 0 lines left out."
    )


def test_a_file_imported_twice_changes_nothing_more(operator: Operator, grades: Write) -> None:
    file = grades(THREE_DAYS)
    operator.does("cycle", "import", file, "--source", "models")

    again = operator.reads("cycle", "import", file, "--source", "models")

    assert again["events"] == {}


@pytest.mark.parametrize(
    "lines",
    [
        THREE_DAYS,
        (
            '{"kind": "trader", "as_of": "2026-03-01", "token_id": "0", "score": 50}\n'
            '{"kind": "trader", "as_of": "2026-03-03", "token_id": "0", "score": 85}\n'
        ),
    ],
    ids=["CSV", "NDJSON"],
)
def test_a_dash_is_standard_input(sqlite_operator: Operator, lines: str) -> None:
    words = ["cycle", "import", "-", "--source", "models"]

    result = sqlite_operator.run(*words, given=lines)
    empty = sqlite_operator.run(*words, given=HEADER)

    assert result.exit_code == 0, result.output
    assert "1 grade.upgraded" in result.stdout
    assert empty.stderr == "gradebell: standard input: nothing is imported; it holds no grades\n"


def test_a_dash_with_nothing_piped_into_it_does_not_wait_for_somebody_to_type(
    tmp_path: Path,
) -> None:
    keyboard, terminal = pty.openpty()
    try:
        ended = subprocess.run(
            [*COMMAND, "cycle", "import", "-", "--source", "models"],
            cwd=tmp_path,
            env=environment(KEYS),
            stdin=terminal,
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=WAIT_SECONDS,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)

    assert ended.returncode == 2
    assert ended.stderr.startswith("gradebell: FILE: - reads standard input, and nothing is piped")


def test_a_line_that_cannot_be_read_is_named_by_its_number(
    operator: Operator, grades: Write
) -> None:
    file = grades(THREE_DAYS + "trader,2026-03-04,9,T9,101\n")

    result = operator.run("cycle", "import", file, "--source", "models")

    assert result.exit_code == 0
    assert result.stderr.startswith("line 8 is left out: score: must be from 0 to 100")
    assert result.stdout.endswith("; 1 line left out.\n")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("", "it holds no grades"),
        ("trader,2026-03-04,9,T9,101\ntrader,2026-03-04,8,T8,x\n", "2 lines left out"),
    ],
    ids=["a header alone", "no line that can be read"],
)
def test_a_file_of_which_nothing_can_be_used_is_a_failure(
    sqlite_operator: Operator, grades: Write, lines: str, told: str
) -> None:
    result = sqlite_operator.run("cycle", "import", grades(HEADER + lines), "--source", "models")

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].endswith(f".csv: nothing is imported; {told}")
    assert sqlite_operator.reads("cycle", "list")["data"] == []


def test_a_complete_cycle_with_too_few_tokens_is_held_until_it_is_released(
    operator: Operator, grades: Write
) -> None:
    operator.does("cycle", "import", grades(THREE_DAYS), "--source", "models", "--complete")
    small = grades(HEADER + "trader,2026-03-04,0,T0,10\n")
    held = operator.reads("cycle", "import", small, "--source", "models", "--complete")["data"][0]

    released = operator.reads("cycle", "release", held["id"])

    assert (held["state"], held["hold_reason"]) == ("held", "too_few_tokens")
    assert (released["state"], released["events"]) == ("diffed", 1)
    assert operator.reads("cycle", "list", "--state", "done")["data"][0]["id"] == held["id"]


def test_a_held_cycle_is_shown_with_what_holds_it_and_what_it_left_out(
    sqlite_operator: Operator, grades: Write
) -> None:
    sqlite_operator.does("cycle", "import", grades(THREE_DAYS), "--source", "models", "--complete")
    small = grades(HEADER + "trader,2026-03-04,0,T0,10\ntrader,2026-03-04,1,T1,101\n")
    words = ("cycle", "import", small, "--source", "models", "--complete")
    held = sqlite_operator.reads(*words)["data"][0]

    told = sqlite_operator.does("cycle", "show", held["id"])

    assert "too_few_tokens: The cycle is `complete`, and grades less than 80 % of" in told
    assert "gradebell cycle release" in told
    assert re.search(r"^3 +1 +score: must be from 0 to 100, not '101'$", told, re.MULTILINE)
    assert sqlite_operator.reads("cycle", "show", held["id"])["meaning"]["mends"]


def test_a_held_cycle_is_discarded(operator: Operator, grades: Write) -> None:
    operator.does("cycle", "import", grades(THREE_DAYS), "--source", "models", "--complete")
    small = grades(HEADER + "trader,2026-03-04,0,T0,10\n")
    held = operator.reads("cycle", "import", small, "--source", "models", "--complete")["data"][0]

    operator.does("cycle", "discard", held["id"])

    code, told = operator.fails("cycle", "release", held["id"])
    assert code == 1
    assert "is discarded; only a held one" in told


def test_a_polled_source_takes_no_file(sqlite_operator: Operator, grades: Write) -> None:
    sqlite_operator.settings["SOURCE"] = "sandbox"

    refusal = sqlite_operator.fails("cycle", "import", grades(THREE_DAYS), "--source", "sandbox")

    assert refusal == (
        2,
        "gradebell: --source: sandbox is polled; give the file's grades another source",
    )


def test_a_file_that_is_not_there_is_the_arguments_fault(sqlite_operator: Operator) -> None:
    code, told = sqlite_operator.fails("cycle", "import", "nowhere.csv", "--source", "models")

    assert code == 2
    assert told == "gradebell: FILE: nowhere.csv cannot be read: No such file or directory"


def test_a_sweep_by_hand_goes_to_the_last_page(operator: Operator, tmp_path: Path) -> None:
    with running(["sandbox", "--tokens", "230", "--port", "0"], tmp_path, {}) as sandbox:
        url = sandbox.wait_for("The sandbox answers on").split()[4]
        operator.settings |= {
            "SOURCE": "token_metrics",
            "TOKEN_METRICS_API_KEY": "tm-sandbox",
            "TOKEN_METRICS_URL": url,
            "TOKEN_METRICS_REQUESTS_PER_MINUTE": "100",
        }

        first = operator.reads("cycle", "run", "--kind", "trader")
        again = operator.run("cycle", "run", "--kind", "trader")

    assert first["data"][0]["tokens"] > 200
    assert again.exit_code == 0
    assert "trader: nothing is due before " in again.stderr


def test_a_source_that_does_not_answer_fails_on_one_line(sqlite_operator: Operator) -> None:
    sqlite_operator.settings |= {
        "SOURCE": "token_metrics",
        "TOKEN_METRICS_API_KEY": "tm-nobody",
        "TOKEN_METRICS_URL": "http://127.0.0.1:9",
    }

    result = sqlite_operator.run("cycle", "run", "--kind", "trader")

    assert result.exit_code == 1
    assert result.stderr.startswith("gradebell: trader: token_metrics gave no page, failing: ")
    assert "tm-nobody" not in result.output


def test_what_was_in_the_way_before_is_not_told_of_a_sweep_that_may_not_ask(
    sqlite_operator: Operator, tmp_path: Path
) -> None:
    sqlite_operator.settings |= {
        "SOURCE": "token_metrics",
        "TOKEN_METRICS_API_KEY": "tm-mistyped",
        "TOKEN_METRICS_REQUESTS_PER_MONTH": "1",
    }
    with running(["sandbox", "--port", "0"], tmp_path, {}) as sandbox:
        url = sandbox.wait_for("The sandbox answers on").split()[4]
        sqlite_operator.settings["TOKEN_METRICS_URL"] = url
        _, refused = sqlite_operator.fails("cycle", "run", "--kind", "trader")
        sqlite_operator.settings["TOKEN_METRICS_API_KEY"] = "tm-sandbox"

        waiting = sqlite_operator.run("cycle", "run", "--kind", "trader")

    assert refused.startswith("gradebell: trader: token_metrics gave no page, forbidden: HTTP 401")
    assert waiting.exit_code == 1
    assert waiting.stderr.splitlines()[-1] == (
        "gradebell: trader: GRADEBELL_TOKEN_METRICS_REQUESTS_PER_MONTH is spent; "
        "the next request is in 30 days, 0:00:00"
    )


def test_a_watched_id_that_upstream_does_not_know_is_found_by_check(
    sqlite_operator: Operator, tmp_path: Path
) -> None:
    with running(["sandbox", "--port", "0"], tmp_path, {}) as sandbox:
        sqlite_operator.settings |= {
            "SOURCE": "token_metrics",
            "TOKEN_METRICS_API_KEY": "tm-sandbox",
            "TOKEN_METRICS_URL": sandbox.wait_for("The sandbox answers on").split()[4],
            "TOKEN_METRICS_TOKENS": "3375,424242",
        }
        before = sqlite_operator.run("check").stdout
        swept = sqlite_operator.reads("cycle", "run", "--kind", "trader")["data"]
        after = sqlite_operator.run("check").stdout

    assert [cycle["tokens"] for cycle in swept] == [1]
    assert "424242" not in before
    assert "TOKENS: upstream knows nothing of 424242, so nothing is told of that\n" in after


def test_without_a_source_there_is_nothing_to_sweep(sqlite_operator: Operator) -> None:
    refusal = sqlite_operator.fails("cycle", "run")

    assert refusal == (1, "gradebell: GRADEBELL_SOURCE is none: there is nothing to sweep")


def test_the_keys_of_these_tests_never_show(operator: Operator, grades: Write) -> None:
    told = operator.run("cycle", "import", grades(THREE_DAYS), "--source", "models").output

    assert not any(secret in told for secret in KEYS.values())
