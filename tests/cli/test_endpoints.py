"""Endpoints, from the operator's side."""

import re
from collections.abc import Callable

import pytest

from alerts.store.cipher import new_encryption_key
from tests.cli.conftest import Operator

URL = "https://example.com/hook/very-secret-path"


def test_a_new_endpoint_shows_its_secret_once(operator: Operator) -> None:
    made = operator.reads("endpoint", "add", URL)

    listed = operator.does("endpoint", "list") + operator.does("endpoint", "list", "--json")

    assert re.fullmatch(r"whsec_[A-Za-z0-9+/=]{44}", made["secret"])
    assert made["secret"] not in listed


def test_a_new_endpoint_wants_what_it_was_told(operator: Operator) -> None:
    words = ["--token", "models:1", "--kind", "trader", "--type", "grade.moved"]
    words += ["--given", "fundamental above 80"]
    sizes = ["--min-notches", "2", "--min-delta", "7.5"]

    rules = ["--when", "trader above 85", "--when", "trader below 20.5"]
    rules += ["--when", "trader rises 15% in 7 days", "--when", "trader falls 10 percent in 7 days"]

    made = operator.reads("endpoint", "add", URL, *words, *sizes, *rules)

    assert made["filter"] == {
        "tokens": ["models:1"],
        "kinds": ["trader"],
        "types": ["grade.moved"],
        "min_notches": 2,
        "min_delta": 7.5,
        "thresholds": [{"kind": "trader", "above": 85, "below": 20.5}],
        "given": [{"kind": "fundamental", "at_least": 80, "below": None}],
        "windows": [{"kind": "trader", "days": 7, "unit": "percent", "rise": 15, "fall": 10}],
    }
    assert "moved,crossed,rose,fell" in operator.does("endpoint", "list")


def test_a_threshold_may_be_all_that_is_told(sqlite_operator: Operator) -> None:
    words = ["--type", "none", "--when", "trader above 85"]

    made = sqlite_operator.reads("endpoint", "add", URL, *words)

    assert made["filter"]["types"] == []
    assert made["filter"]["thresholds"] == [{"kind": "trader", "above": 85, "below": None}]


@pytest.mark.parametrize(
    ("option", "rule"), [("--when", "trader above 85"), ("--given", "fundamental above 80")]
)
def test_a_rule_about_grades_that_are_not_told_is_refused(
    sqlite_operator: Operator, option: str, rule: str
) -> None:
    code, line = sqlite_operator.fails(
        "endpoint", "add", URL, "--kind", "fundamental", option, rule
    )

    assert code == 2
    assert f"{option}: is about grades that --kind leaves out" in line


def test_a_condition_that_no_grade_meets_is_refused_in_a_line(sqlite_operator: Operator) -> None:
    rules = ("--given", "fundamental above 80", "--given", "fundamental below 40")

    code, line = sqlite_operator.fails("endpoint", "add", URL, *rules)

    assert code == 2
    assert "--given: must have an `at_least` that is less than its `below`" in line


def test_a_table_of_endpoints_leaves_out_paths_and_the_values_of_headers(
    operator: Operator,
) -> None:
    operator.does("endpoint", "add", URL, "--header", "x-tenant: a-secret-value")

    listed = operator.does("endpoint", "list")

    assert "https://example.com/…" in listed
    assert "very-secret-path" not in listed
    assert "a-secret-value" not in operator.does("endpoint", "list", "--json")


def test_one_that_cannot_be_read_is_marked_and_hides_no_other(operator: Operator) -> None:
    kept = operator.settings["ENCRYPTION_KEYS"]
    operator.does("endpoint", "add", URL)
    operator.settings["ENCRYPTION_KEYS"] = f"{new_encryption_key()},{kept}"
    lost = operator.reads("endpoint", "add", f"{URL}/lost")["id"]
    operator.settings["ENCRYPTION_KEYS"] = kept

    listed = operator.does("endpoint", "list")
    shown = operator.does("endpoint", "show", lost)

    assert re.search(rf"^{lost} +webhook +unreadable ", listed, re.MULTILINE)
    assert "https://example.com/…" in listed
    assert "cannot be read" in shown


def test_an_endpoint_is_shown_with_how_it_does(operator: Operator) -> None:
    endpoint_id = operator.reads("endpoint", "add", URL)["id"]

    shown = operator.does("endpoint", "show", endpoint_id)
    read = operator.reads("endpoint", "show", endpoint_id)
    listed = operator.does("endpoint", "list")

    assert re.search(r"^health state +closed$", shown, re.MULTILINE)
    assert "very-secret-path" not in shown
    assert (read["url"], read["health"]["state"], read["health"]["attempts"]) == (URL, "closed", 0)
    assert re.search(rf"{endpoint_id} .* active  closed ", listed)
    code, told = operator.fails("endpoint", "show", "ep_unknown")
    assert (code, told) == (1, "gradebell: there is no endpoint 'ep_unknown'")


def test_an_endpoint_is_paused_and_enabled(operator: Operator) -> None:
    endpoint_id = operator.reads("endpoint", "add", URL)["id"]

    paused = operator.reads("endpoint", "pause", endpoint_id)["state"]
    enabled = operator.reads("endpoint", "enable", endpoint_id)["state"]

    assert (paused, enabled) == ("paused", "active")


def test_a_new_secret_is_another(operator: Operator) -> None:
    made = operator.reads("endpoint", "add", URL)

    rotated = operator.reads("endpoint", "rotate-secret", made["id"], "--overlap-seconds", "0")

    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != made["secret"]


def test_an_older_secret_is_listed_and_revoked(operator: Operator) -> None:
    endpoint_id = operator.reads("endpoint", "add", URL)["id"]
    (first,) = operator.reads("endpoint", "secrets", endpoint_id)["data"]
    operator.does("endpoint", "rotate-secret", endpoint_id)
    both = operator.does("endpoint", "secrets", endpoint_id)

    revoked = operator.does("endpoint", "revoke-secret", endpoint_id, first["id"])

    (left,) = operator.reads("endpoint", "secrets", endpoint_id)["data"]
    assert {first["id"], left["id"]} == {line.split()[0] for line in both.splitlines()[1:]}
    assert left["id"] != first["id"]
    assert revoked == f"{first['id']} signs no more.\n"
    assert operator.fails("endpoint", "revoke-secret", endpoint_id, first["id"])[0] == 1
    code, told = operator.fails("endpoint", "revoke-secret", endpoint_id, left["id"])
    assert code == 1
    assert told.startswith("gradebell: this is the newest secret; rotate with")


def test_a_test_send_waits_for_a_worker(operator: Operator) -> None:
    endpoint_id = operator.reads("endpoint", "add", URL)["id"]

    delivery_id = operator.reads("endpoint", "test", endpoint_id)["id"]

    shown = operator.reads("delivery", "show", delivery_id)
    assert (shown["event_type"], shown["state"]) == ("endpoint.test", "pending")


def test_a_deleted_endpoint_is_gone_with_its_log(operator: Operator) -> None:
    endpoint_id = operator.reads("endpoint", "add", URL)["id"]
    delivery_id = operator.reads("endpoint", "test", endpoint_id)["id"]

    deleted = operator.does("endpoint", "delete", endpoint_id)

    assert deleted == f"{endpoint_id} is deleted.\n"
    there_is_none = (1, f"gradebell: there is no endpoint {endpoint_id!r}")
    assert operator.fails("endpoint", "delete", endpoint_id) == there_is_none
    assert operator.fails("delivery", "show", delivery_id)[0] == 1


def test_why_an_endpoint_is_told_or_not_is_explained(
    operator: Operator, grades: Callable[[str], str]
) -> None:
    told = operator.reads("endpoint", "add", URL)["id"]
    not_told = operator.reads("endpoint", "add", f"{URL}/2", "--min-notches", "4")["id"]
    days = "kind,as_of,token_id,score\ntrader,2026-03-01,1,50\ntrader,2026-03-02,1,85\n"
    operator.does("cycle", "import", grades(days), "--source", "models")
    delivery = operator.reads("delivery", "list")["data"][0]

    why = operator.does("endpoint", "explain", told, delivery["event_id"])
    why_not = operator.does("endpoint", "explain", not_told, delivery["event_id"])

    shown = f"`gradebell delivery show {delivery['id']}` has the whole of it.\n"
    assert why == f"It is pending, after 0 attempts. {shown}"
    assert why_not.startswith("No delivery: filter.min_notches: the change is of fewer bands")
    read = operator.reads("endpoint", "explain", told, delivery["event_id"])
    assert (read["delivery"], read["miss"]) == (delivery, None)
    assert operator.fails("endpoint", "explain", told, "evt_0")[0] == 1


def test_an_endpoint_of_another_app_is_not_there(operator: Operator) -> None:
    app_id = operator.reads("app", "create", "Another")["id"]
    endpoint_id = operator.reads("endpoint", "add", URL, "--app", app_id)["id"]

    code, told = operator.fails("endpoint", "pause", endpoint_id)

    assert (code, told) == (1, f"gradebell: there is no endpoint {endpoint_id!r}")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["http://example.com"],
            "URL: must start with https://; to reach a receiver of your own, ",
        ),
        (
            ["https://10.0.0.1/x"],
            "URL: must lead to a public address, and this one is private; to reach a",
        ),
        ([URL, "--token", "NOSUCH"], "--token: no token bears the symbol 'NOSUCH'"),
        ([URL, "--type", "grade.up"], "--type: must be of grade.upgraded,"),
        ([URL, "--type", "none", "--type", "grade.moved"], "--type: must be of grade.upgraded,"),
        ([URL, "--header", "no-colon-in-it"], "--header: is written 'NAME: VALUE'"),
        ([URL, "--header", "Host: x"], "--header: is ours, or the protocol's, to set"),
        ([URL, "--min-notches", "0"], "Invalid value for '--min-notches'"),
        ([URL, "--kind", "technical"], "Invalid value for '--kind'"),
        ([URL, "--app", "app_nobody"], "there is no app 'app_nobody'"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else None,
)
def test_a_refusal_names_the_argument_at_fault(
    sqlite_operator: Operator, words: list[str], told: str
) -> None:
    code, line = sqlite_operator.fails("endpoint", "add", *words)

    assert code == (1 if "--app" in words else 2)
    assert line.startswith(f"gradebell: {told}")
