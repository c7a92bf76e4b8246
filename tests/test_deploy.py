"""The container image and the Compose file, as far as they can be read without an engine."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jsonschema.validators import validator_for
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
BOTS = ["bot-discord", "bot-telegram"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


@pytest.fixture
def compose() -> dict[str, Any]:
    text = (ROOT / "deploy" / "compose.yaml").read_text()
    content: dict[str, Any] = YAML(typ="safe").load(text)
    return content


def test_the_compose_file_follows_the_compose_specification(compose: dict[str, Any]) -> None:
    spec = find_spec("check_jsonschema")
    assert spec is not None
    assert spec.origin is not None
    # The Compose project's own schema, as the package check-jsonschema carries it.
    vendored = Path(spec.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(vendored.read_text())

    faults = [error.message for error in validator_for(schema)(schema).iter_errors(compose)]

    assert faults == []


def test_compose_runs_the_whole_service(compose: dict[str, Any]) -> None:
    services = compose["services"]

    assert set(services) == {"postgres", "redis", "migrate", "api", "worker", *BOTS}
    assert [name for name, each in services.items() if "profiles" in each] == BOTS
    assert services["worker"]["deploy"]["replicas"] == 2
    assert [services[name]["command"] for name in ("migrate", "api", "worker", *BOTS)] == [
        ["db", "upgrade"],
        ["api"],
        ["worker"],
        ["bot", "discord"],
        ["bot", "telegram"],
    ]


@pytest.mark.parametrize("name", ["api", "worker", *BOTS])
def test_a_process_waits_for_what_it_needs(compose: dict[str, Any], name: str) -> None:
    waits = compose["services"][name]["depends_on"]

    assert waits == {
        "postgres": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }
    assert all("healthcheck" in compose["services"][needed] for needed in ("postgres", "redis"))


def test_nothing_is_published_beyond_this_machine(compose: dict[str, Any]) -> None:
    published = [
        port for service in compose["services"].values() for port in service.get("ports", [])
    ]

    assert published != []
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_compose_file_holds_no_secret(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|KEY|SECRET|TOKEN", name):
                assert value.startswith("${"), name


def test_what_compose_alone_reads_is_no_setting_of_gradebell() -> None:
    # deploy/.env reaches the processes whole, and they refuse GRADEBELL_ names they don't know.
    interpolated = re.findall(r"\$\{(\w+)", (ROOT / "deploy" / "compose.yaml").read_text())

    assert interpolated != []
    assert not [name for name in interpolated if name.startswith("GRADEBELL_")]


def test_the_image_installs_by_hash_only() -> None:
    commands = DOCKERFILE.replace("\\\n", " ")
    installs = re.findall(r"pip install [^&\n]*", commands)

    assert len(installs) == 3
    assert all(
        "--require-hashes" in install or "--no-deps dist/" in install for install in installs
    )


def test_the_image_is_pinned_and_runs_as_nobody_special() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    last_stage = DOCKERFILE.split("\nFROM ")[-1]

    assert set(bases) == {"python:3.11-slim-bookworm"}
    assert re.search(r"^USER gradebell$", last_stage, re.MULTILINE)
    assert "HEALTHCHECK" in last_stage
