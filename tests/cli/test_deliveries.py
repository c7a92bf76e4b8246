"""Deliveries: listed, shown, sent again."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Operator
from tests.cli.processes import Program, running

CSV = "kind,as_of,token_id,symbol,score\n"
UPGRADE = f"{CSV}trader,2026-03-01,1,ONE,50\ntrader,2026-03-02,1,ONE,85\n"
SECRET = "whsec_" + "A" * 43 + "="
Write = Callable[[str], str]


def trust(operator: Operator, listener: Program) -> str:
    """The listener's URL, and the right to send there."""
    url = listener.wait_for("Listening on").split()[2].rstrip(";")
    operator.settings["TRUSTED_DESTINATIONS"] = url.split("/")[2]
    return url


def test_a_change_is_sent_verified_logged_and_sent_again(
    operator: Operator, grades: Write, tmp_path: Path
) -> None:
    with running(["listen", "--port", "0"], tmp_path, {}) as listener:
        endpoint_id = operator.reads("endpoint", "add", trust(operator, listener))["id"]
        operator.does("cycle", "import", grades(UPGRADE), "--source", "models")

        told = operator.reads("dispatch", "--until-idle")
        listener.wait_for("not verified", "▲ ONE", "Neutral → Strong Buy", "50 → 85")

        delivery = operator.reads("delivery", "list", "--state", "delivered")["data"][0]
        shown = operator.does("delivery", "show", delivery["id"])
        operator.does("delivery", "resend", delivery["id"])
        operator.does("dispatch", "--until-idle")
        expunged = operator.reads("delivery", "expunge", delivery["id"])

    read = operator.reads("delivery", "show", delivery["id"])
    attempts = read["attempts"]
    assert read["meaning"] is None
    assert told == {"delivered": 1}
    assert delivery["endpoint_id"] == endpoint_id
    listed = operator.does("delivery", "list").splitlines()[1]
    assert endpoint_id in listed
    assert re.search(r" 20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ$", listed)
    told = ("status code", "scheduled for", "late ms", "timings ms", "remote address", "secret ids")
    assert all(word in shown for word in ("204", "position", "worker", *told))
    assert expunged["expunged_at"] is not None
    assert [attempt["trigger"] for attempt in attempts] == ["schedule", "manual"]
    assert sum(delivery["event_id"] in line for line in listener.lines) == 2


def test_a_listener_with_the_secret_verifies(operator: Operator, tmp_path: Path) -> None:
    with running(["listen", "--port", "0"], tmp_path, {}) as first:
        url = trust(operator, first)
    made = operator.reads("endpoint", "add", url)
    port = url.split(":")[2].partition("/")[0]

    with running(["listen", "--port", port, "--secret", made["secret"]], tmp_path, {}) as second:
        second.wait_for("Listening on")
        operator.does("endpoint", "test", made["id"])
        operator.does("dispatch", "--until-idle")

        second.wait_for("✓ verified")


def test_a_listener_with_another_secret_refuses(operator: Operator, tmp_path: Path) -> None:
    with running(["listen", "--port", "0", "--secret", SECRET], tmp_path, {}) as listener:
        endpoint_id = operator.reads("endpoint", "add", trust(operator, listener))["id"]
        delivery_id = operator.reads("endpoint", "test", endpoint_id)["id"]

        operator.does("dispatch", "--until-idle")

        listener.wait_for("✗ refused: webhook-signature: no signature here was made with")
    read = operator.reads("delivery", "show", delivery_id)
    assert read["attempts"][0]["status_code"] == 400
    told = operator.does("delivery", "show", delivery_id)
    assert "\nclient_error: The receiver answered with a 4xx" in told
    assert f"\nclient_error: {read['meaning']['means']}\n{read['meaning']['mends']}\n" in told


def test_what_was_missed_is_replayed(operator: Operator, grades: Write, tmp_path: Path) -> None:
    with running(["listen", "--port", "0"], tmp_path, {}) as listener:
        endpoint_id = operator.reads("endpoint", "add", trust(operator, listener))["id"]
        operator.does("endpoint", "pause", endpoint_id)
        operator.does("cycle", "import", grades(UPGRADE), "--source", "models")
        enabled = operator.does("endpoint", "enable", endpoint_id)
        words = ["replay", endpoint_id, "--since", "2026-01-01", "--only", "missing"]

        counted = operator.reads(*words, "--dry-run")
        told = operator.does(*words, "--dry-run")
        replayed = operator.reads(*words)
        operator.does("dispatch", "--until-idle")

        listener.wait_for("▲ ONE")
    assert "did not get 1 delivery (0 failed, 1 missed); to send them:" in enabled
    assert f"gradebell replay {endpoint_id} --since 20" in enabled
    assert counted == {"count": 1, "dry_run": True}
    assert told == "1 delivery would be sent again.\n"
    facts = ("count", "dry_run", "state", "waiting", "only")
    assert [replayed[name] for name in facts] == [1, False, "running", 1, "missing"]


def test_a_replay_is_watched_to_its_end(operator: Operator, grades: Write, tmp_path: Path) -> None:
    with running(["listen", "--port", "0"], tmp_path, {}) as listener:
        endpoint_id = operator.reads("endpoint", "add", trust(operator, listener))["id"]
        operator.does("endpoint", "pause", endpoint_id)
        operator.does("cycle", "import", grades(UPGRADE), "--source", "models")
        operator.does("endpoint", "enable", endpoint_id)
        words = ["replay", endpoint_id, "--since", "2026-01-01"]
        operator.does(*words)
        operator.does("dispatch", "--until-idle")

        # Nothing is left, so there is nothing to wait for.
        told = operator.does(*words, "--wait")

    assert told.splitlines() == [
        "0 deliveries to be sent again.",
        "0 were delivered, 0 failed once more.",
    ]


def test_a_delivery_that_waits_for_its_endpoint_says_so(
    sqlite_operator: Operator, grades: Write
) -> None:
    nobody = "127.0.0.1:9"
    sqlite_operator.settings["TRUSTED_DESTINATIONS"] = nobody
    sqlite_operator.does("endpoint", "add", f"http://{nobody}/hook")
    for day, score in enumerate((50, 85, 50), start=1):
        lines = [f"trader,2026-03-0{day},{token},T{token},{score}\n" for token in range(3)]
        file = grades("".join([CSV, *lines]))
        sqlite_operator.does("cycle", "import", file, "--source", "models")

    sqlite_operator.does("dispatch", "--until-idle")

    waits = sqlite_operator.reads("delivery", "list", "--state", "pending")["data"]
    shown = sqlite_operator.does("delivery", "show", waits[0]["id"])
    told = re.search(r"^Nothing is sent to the endpoint until (\S+): ", shown, re.MULTILINE)
    endpoint = sqlite_operator.reads("endpoint", "show", waits[0]["endpoint_id"])
    assert told is not None, shown
    assert told[1] == endpoint["health"]["held_until"]
    replayed = sqlite_operator.does("replay", endpoint["id"], "--since", "2026-01-01", "--wait")
    assert replayed.startswith(f"0 deliveries to be sent again. {told[0]}")
    tried = next(one["id"] for one in waits if one["attempt_count"])
    assert sqlite_operator.does("delivery", "resend", tried).startswith(
        f"{tried} is pending again. {told[0]}"
    )


def test_dispatching_for_ever_is_another_command(sqlite_operator: Operator) -> None:
    refusal = sqlite_operator.fails("dispatch")

    assert refusal == (
        2,
        "gradebell: --until-idle: is needed; `gradebell worker` is what goes on for ever",
    )


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["delivery", "show", "dlv_0"], 1, "there is no delivery 'dlv_0'"),
        (["delivery", "list", "--since", "yesterday"], 2, "--since: must be an RFC 3339 time"),
        (["delivery", "list", "--reason", "bored"], 2, "--reason: must be one of auth, "),
        (["delivery", "list", "--endpoint", "ep_0"], 2, "--endpoint: there is no endpoint 'ep_0'"),
        (["delivery", "list", "--before", "dlv_0"], 2, "--before: there is no delivery 'dlv_0'"),
        (["delivery", "list", "--token", "NO"], 2, "--token: no token bears the symbol 'NO'"),
        (["delivery", "list", "--state", "lost"], 2, "Invalid value for '--state': 'lost' is not"),
        (["replay", "ep_0", "--since", "2026-01-01"], 1, "there is no endpoint 'ep_0'"),
        (
            ["replay", "ep_0", "--since", "2026-01-01", "--only", "all"],
            2,
            '--only: must be "failed" or "missing"',
        ),
        (
            ["replay", "ep_0", "--since", "2026-01-02", "--until", "2026-01-01"],
            2,
            "--until: must be later than since",
        ),
    ],
    ids=[
        "unknown delivery",
        "no time",
        "unknown reason",
        "nobody's endpoint",
        "nobody's place",
        "nobody's symbol",
        "unknown state",
        "unknown endpoint",
        "unknown choice",
        "backwards",
    ],
)
def test_a_refusal_names_what_is_at_fault(
    sqlite_operator: Operator, words: list[str], code: int, told: str
) -> None:
    result = sqlite_operator.fails(*words)

    assert result[0] == code
    assert result[1].startswith(f"gradebell: {told}")
