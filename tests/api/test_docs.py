"""The document that people and programs read before they call."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.api.conftest import ADMIN_KEY, METRICS_TOKEN, Api


@pytest.fixture
async def document(lone_api: Api) -> dict[str, Any]:
    answer = await lone_api.get("/openapi.json", key=None)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_every_body_and_answer_has_an_example_that_fits_it(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        said = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for part, content in said.items():
            for media_type, media in content.get("content", {}).items():
                assert "example" in media, f"{name} {part} {media_type}"
                if "schema" not in media or media_type == "text/plain":
                    continue
                schema = {**media["schema"], "components": document["components"]}
                Draft202012Validator(schema).validate(media["example"])


def test_every_call_says_what_it_does_and_how_it_refuses(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["description"], name
        assert operation["tags"], name
        assert operation["summary"], name
        if operation.get("security"):
            assert {"401", "403"} <= set(operation["responses"]), name
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert set(response["content"]) == {"application/problem+json"}, name


def test_the_readme_lists_each_call_and_no_other(document: dict[str, Any]) -> None:
    told = (Path(__file__).parent.parent.parent / "README.md").read_text()
    rows = re.findall(r"^\| (`/.*?) \| (`[A-Z].*?) \|", told, re.MULTILINE)
    listed = {
        f"{method.lower()} {re.sub('{.*?}', '{}', path)}"
        for paths, methods in rows
        for path in re.findall("`(.*?)`", paths)
        for method in re.findall("`(.*?)`", methods)
    }

    assert listed == {re.sub("{.*?}", "{}", name) for name, _ in operations(document)}


# What the server itself says, and the framework.
UNSAID = {"date", "content-length", "content-type", "allow"}


async def test_an_answer_bears_no_header_that_the_document_does_not_tell_of(
    lone_api: Api, document: dict[str, Any]
) -> None:
    key = await lone_api.member("tenant")
    again = {"idempotency-key": "k"}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "/healthz", {"key": None}),
        ("GET", "/v1/endpoints", {"key": key}),
        ("GET", "/v1/endpoints", {"key": None}),
        ("POST", "/v1/endpoints", {"key": key, "json": {}, "headers": again}),
        ("POST", "/v1/endpoints", {"key": key, "json": {}, "headers": again}),
        ("POST", "/v1/endpoints", {"key": key, "json": {"url": ""}, "headers": again}),
        ("POST", "/v1/apps", {"json": {"name": "one"}, "headers": again}),
        ("POST", "/v1/apps", {"json": {"name": "one"}, "headers": again}),
        ("POST", "/v1/apps", {"key": key, "json": {"name": "one"}}),
    ]
    for method, path, more in calls:
        answer = await lone_api.call(method, path, **more)

        said = document["paths"][path][method.lower()]["responses"][str(answer.status_code)]
        told = {name.lower() for name in said["headers"]}
        assert set(answer.headers) - UNSAID <= told, (method, path, answer.status_code)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    named = set(re.findall(r"#/components/schemas/([^'\"]+)", str(document)))

    assert named - set(schemas) == set()
    assert "HTTPValidationError" not in schemas


def test_the_channels_that_an_endpoint_can_be_made_on_are_listed(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    listed = schemas["NewEndpoint"]["properties"]["channel"]["enum"]
    assert listed == ["webhook", "discord", "telegram"]


def test_the_scheme_is_bearer(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


async def test_the_page_loads_nothing_from_elsewhere(lone_api: Api) -> None:
    page = await lone_api.get("/docs", key=None)

    assert page.status_code == 200
    loaded = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    assert len(loaded) == 3
    for address in [*loaded, "/openapi.json"]:
        assert address.startswith("/")
        answer = await lone_api.get(address, key=None)
        assert answer.status_code == 200, address
    assert re.findall(r"https?://", page.text) == []
    assert '"validatorUrl": null' in page.text


async def test_the_root_leads_to_the_page(lone_api: Api) -> None:
    answer = await lone_api.get("/", key=None)

    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


async def test_nothing_secret_stands_in_the_document(lone_api: Api) -> None:
    text = (await lone_api.get("/openapi.json", key=None)).text

    assert ADMIN_KEY not in text
    assert METRICS_TOKEN not in text
