"""Apps and keys."""

from tests.cli.conftest import Operator


def test_an_app_is_made_listed_and_deleted(operator: Operator) -> None:
    made = operator.reads("app", "create", "Price watchers")

    listed = [app["name"] for app in operator.reads("app", "list")["data"]]
    operator.does("app", "delete", made["id"])

    assert "Price watchers" in listed
    assert made["id"] not in operator.does("app", "list")


def test_a_key_is_shown_once(operator: Operator) -> None:
    made = operator.reads(
        "key", "create", "--scope", "read", "--scope", "ingest", "--source", "models"
    )

    listed = operator.does("key", "list")

    assert made["key"].startswith("gb_")
    assert made["key"] not in listed
    assert made["key"][-4:] in listed


def test_a_revoked_key_cannot_be_revoked_again(operator: Operator) -> None:
    key_id = operator.reads("key", "create", "--scope", "read")["id"]

    operator.does("key", "revoke", key_id)

    code, told = operator.fails("key", "revoke", key_id)
    assert code == 1
    assert told.startswith("gradebell: this key has been revoked since 20")
    assert operator.fails("key", "revoke", "key_0") == (1, "gradebell: there is no key 'key_0'")


def test_a_key_belongs_to_the_app_it_was_made_for(operator: Operator) -> None:
    app_id = operator.reads("app", "create", "Another")["id"]

    key_id = operator.reads("key", "create", "--scope", "write", "--app", app_id)["id"]

    assert key_id in operator.does("key", "list", "--app", app_id)
    assert key_id not in operator.does("key", "list")


def test_an_ingest_key_without_sources_names_the_option_at_fault(operator: Operator) -> None:
    code, told = operator.fails("key", "create", "--scope", "ingest")

    assert code == 2
    assert told.startswith("gradebell: --source: must name the sources")


def test_the_operators_own_app_is_built_in_and_stays(operator: Operator) -> None:
    (house,) = operator.reads("app", "list")["data"]

    listed = operator.does("app", "list")
    refusals = {operator.fails("app", "delete", name) for name in ("house", house["id"])}

    assert (house["name"], house["created_at"]) == ("house", None)
    assert listed.splitlines()[1].endswith("house  built in")
    ((code, told),) = refusals
    assert code == 1
    assert told.startswith("gradebell: the app `house` is the operator's own and stays; delete its")


def test_lists_go_on_where_a_page_ended(operator: Operator) -> None:
    for name in ("One", "Two", "Three"):
        operator.does("app", "create", name)

    first = operator.reads("app", "list", "--limit", "2")["data"]
    second = operator.reads("app", "list", "--limit", "2", "--before", first[-1]["id"])["data"]

    assert [app["name"] for app in first + second] == ["Three", "Two", "One", "house"]
