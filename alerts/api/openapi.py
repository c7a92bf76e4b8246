"""The OpenAPI document: what FastAPI says of the API, with examples, headers and our own bodies."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from alerts.api.docs import refusal
from alerts.api.problem_kinds import ProblemKind
from alerts.api.schemas.base import EXAMPLE_REQUEST, Answer, Problem

Operation = dict[str, Any]

_REF: Final = "#/components/schemas/"
# No examples of what a caller makes up: the page would send them with every try.
_REQUEST_ID: Final = {
    "name": "X-Request-Id",
    "in": "header",
    "required": False,
    "description": "What you call this request: letters, digits and `._~:/+=@-`, up to 128. "
    "Without one we make it up.",
    "schema": {"type": "string", "maxLength": 128},
}
_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes it safe to send this request again: new for each request (a UUID does), "
    "and the same each time it is tried. 1–255 printable ASCII characters, quoted or not.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 257},
}
_REPLAYED: Final = {
    "description": "`true`: this request was answered before, and this is what was said then.",
    "schema": {"type": "string", "enum": ["true"]},
}
_RETRY_AFTER: Final = {
    "description": "Seconds after which to ask again; there where asking again helps.",
    "schema": {"type": "integer"},
    "example": 2,
}
# Those of a quota are there for whoever has one: every key but the operator's own.
_QUOTA: Final = {
    "RateLimit-Policy": {
        "description": "How many calls (`q`) this key may make in so many seconds (`w`).",
        "schema": {"type": "string"},
        "example": '"key";q=100;w=2',
    },
    "RateLimit": {
        "description": "How many of them are left (`r`); in `t` seconds all are again.",
        "schema": {"type": "string"},
        "example": '"key";r=99;t=1',
    },
}
_CHALLENGE: Final = {
    "description": "How to say who you are.",
    "schema": {"type": "string"},
    "example": "Bearer",
}
_SAYS_WHEN: Final = frozenset({"409", "429", "503"})
_ANSWERED_ID: Final = {
    "description": "The request's id, as our logs have it.",
    "schema": {"type": "string"},
    "example": EXAMPLE_REQUEST,
}


def describe(app: FastAPI, bodies: Iterable[type[BaseModel]]) -> None:
    """Give an application its OpenAPI document, made once. bodies: read by `json_body`."""
    read: tuple[type[BaseModel], ...] = (*bodies, Problem)
    shapes: list[tuple[type[BaseModel], Literal["validation"]]] = [
        (shape, "validation") for shape in read
    ]
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            _, found = models_json_schema(shapes, ref_template=f"{_REF}{{model}}")
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(found.get("$defs", {}))
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            for name, example in _examples_of(Answer):
                if name in schemas:
                    schemas[name]["examples"] = [example]
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    _complete(path, method, operation=operation, schemas=schemas)
            app.openapi_schema = document
        return app.openapi_schema

    # FastAPI's own way to extend the document is to replace this method of the instance.
    app.openapi = openapi  # type: ignore[method-assign]


def _examples_of(root: type[BaseModel]) -> Iterator[tuple[str, object]]:
    """Each answer's name and example, whole: FastAPI drops the nulls of its own copies."""
    for shape in root.__subclasses__():
        extra = shape.model_config.get("json_schema_extra")
        if isinstance(extra, dict) and isinstance(examples := extra.get("examples"), list):
            yield shape.__name__, examples[0]
        yield from _examples_of(shape)


def _complete(path: str, method: str, *, operation: Operation, schemas: dict[str, Any]) -> None:
    if method == "post":
        _repeat(operation)
    _exemplify(operation, schemas)
    _head(path, operation)


def _repeat(operation: Operation) -> None:
    """Say how a POST may be sent again."""
    operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    said = operation["responses"]
    for kind in (ProblemKind.UNREADABLE_BODY, ProblemKind.TOO_LARGE, ProblemKind.INVALID_INPUT):
        said.setdefault(str(kind.value.status), refusal(kind))
    for kind in (ProblemKind.STILL_RUNNING, ProblemKind.IDEMPOTENCY_KEY_REUSED):
        one, status = refusal(kind), str(kind.value.status)
        if status in said:
            said[status]["description"] += f"\n\n{one['description']}"
        else:
            said[status] = one
    for response in said.values():
        response.setdefault("headers", {})["Idempotent-Replayed"] = _REPLAYED


def _head(path: str, operation: Operation) -> None:
    """Say which headers a call takes and its answers bear."""
    operation.setdefault("parameters", []).append(_REQUEST_ID)
    for status, response in operation["responses"].items():
        headers = response.setdefault("headers", {})
        headers["X-Request-Id"] = _ANSWERED_ID
        if status in _SAYS_WHEN:
            headers["Retry-After"] = _RETRY_AFTER
        if status == "401":
            headers["WWW-Authenticate"] = _CHALLENGE
        if operation.get("security") and path != "/metrics" and status != "401":
            headers.update(_QUOTA)


def _exemplify(operation: Operation, schemas: dict[str, Any]) -> None:
    """Say an example beside every body and answer whose shape has one."""
    said = [operation.get("requestBody", {}), *operation["responses"].values()]
    for content in said:
        for media in content.get("content", {}).values():
            example = _example(media.get("schema", {}), schemas)
            if example is not None:
                media.setdefault("example", example)


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> object:
    """A shape's own example; of a list, a page of one; of several shapes, that of the first."""
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], schemas)
    shape = schemas.get(schema.get("$ref", "").removeprefix(_REF), schema)
    if shape.get("examples"):
        return shape["examples"][0]
    listed = shape.get("properties", {}).get("data", {}).get("items")
    if listed is None:
        return None
    return {"data": [_example(listed, schemas)], "next": None}
