"""The retry schedule as a setting: seconds separated by commas, in plain digits."""

import pytest

from tests.cli.conftest import Operator


@pytest.mark.parametrize("schedule", ["0,²", "0,٣", "0,1e3", "0,.5", "-1", "0,5s"])
def test_what_is_no_number_of_seconds_is_refused_on_one_line(
    sqlite_operator: Operator, schedule: str
) -> None:
    sqlite_operator.settings["RETRY_SCHEDULE_SECONDS"] = schedule

    code, line = sqlite_operator.fails("key", "list")

    assert code == 1
    assert line.startswith("gradebell: GRADEBELL_RETRY_SCHEDULE_SECONDS")
    assert "must be seconds separated by commas, such as 0,5,300" in line
    assert len(line.splitlines()) == 1


def test_the_first_attempt_is_made_at_once(sqlite_operator: Operator) -> None:
    sqlite_operator.settings["RETRY_SCHEDULE_SECONDS"] = "5,300"

    _, line = sqlite_operator.fails("key", "list")

    assert line.endswith("must begin with 0, for the first attempt is made at once")
