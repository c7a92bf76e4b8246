"""What is logged when something outside of us fails again and again."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.bootstrap import SystemClock
from alerts.errors import StorageFailed
from alerts.store.cipher import Cipher, new_encryption_key
from alerts.store.engine import open_store
from alerts.telemetry import LogFormat, Step, configure, emit, fail


async def test_a_database_that_cannot_work_is_one_short_line_a_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(LogFormat.JSON, "INFO")
    file = tmp_path / "gradebell.db"
    file.write_bytes(b"\x07" * 4096)
    url = f"sqlite+aiosqlite:///{file}"
    cipher = Cipher([new_encryption_key()])

    async with open_store(url, clock=SystemClock(), cipher=cipher) as store:
        for job in ("poll", "claim", "poll", "claim", "poll"):
            with pytest.raises(StorageFailed) as failure:
                async with store.write():
                    pass
            fail(Step.JOB_FAILED, failure.value, job=job)

    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["job"] for line in told] == ["poll", "claim"]
    problem = f"the database failed: file is not a database ({file})"
    assert {line["problem"] for line in told} == {problem}
    assert not any("exception" in line for line in told)


def test_what_is_a_mistake_of_ours_has_its_traceback_every_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(LogFormat.JSON, "INFO")

    for _ in range(2):
        fail(Step.JOB_FAILED, ZeroDivisionError("ours"), job="poll")

    lines = capsys.readouterr().err.splitlines()
    assert ["ZeroDivisionError: ours" in json.loads(line)["exception"] for line in lines] == [
        True,
        True,
    ]


@pytest.mark.parametrize("name", ["Bücher\u2028\x9b", "half \ud800"])
def test_a_line_is_one_line_of_ascii_whatever_it_tells(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(LogFormat.JSON, "INFO")

    emit(Step.SOURCE_POLLED, source=name, late=timedelta(seconds=1))

    line = capsys.readouterr().err
    assert line.isascii()
    assert line.endswith("\n")
    assert json.loads(line)["source"] == name


def test_what_bears_a_secret_s_name_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogFormat.JSON, "INFO")

    emit(Step.SOURCE_POLLED, new_secret="s3cr3t", Authorization="s3cr3t")

    assert "s3cr3t" not in capsys.readouterr().err
