"""What /docs shows: the OpenAPI document, with an example for everything, and its page."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from alerts.api.problems import MEDIA_TYPE, TYPE_PREFIX
from alerts.api.schemas.base import Answer, Problem

_REF: Final = "#/components/schemas/"
_PROBLEM: Final = {"$ref": f"{_REF}Problem"}
# status: (what it means, slug, title, example of a detail)
_REFUSALS: Final = {
    400: ("The body is no JSON.", "unreadable-body", "The body is no JSON", "body: is not valid"),
    401: (
        "No key, or one that is unknown or revoked.",
        "unauthenticated",
        "A valid API key is needed",
        "this key is unknown or revoked",
    ),
    403: (
        "The key lacks the scope.",
        "forbidden",
        "This key may not do that",
        "this key lacks the scope 'write'",
    ),
    404: (
        "No such thing, or not yours.",
        "not-found",
        "There is no such thing",
        "there is no endpoint 'ep_…'",
    ),
    409: (
        "It exists already, or is in a state that forbids this.",
        "conflict",
        "Not in this state",
        "this endpoint is paused; enable it first",
    ),
    410: (
        "What follows this cursor is gone; `oldest` is the first one that works.",
        "cursor-expired",
        "The feed no longer goes back that far",
        "the feed no longer goes back that far; the oldest cursor is 48210",
    ),
    413: (
        "More than one call may hold; `detail` names the limits.",
        "too-large",
        "Too much for one call",
        "body: a push is at most 10 MB and 50,000 grades",
    ),
    422: (
        "A value cannot be used; `field` names it.",
        "invalid-input",
        "A value cannot be used",
        "limit: should be less than or equal to 200",
    ),
    503: (
        "The database did not answer; `Retry-After` says when to try again.",
        "storage-failed",
        "The database did not answer",
        "Trying again may help; the log says more.",
    ),
}

INTRODUCTION: Final = """
Gradebell watches the grades of crypto tokens and tells you when one is upgraded or downgraded, by
signed webhook. Every attempt to tell you is in the delivery log.

**Start here.** Create an endpoint; we answer with its signing secret, once:

```sh
curl -H "Authorization: Bearer $KEY" -H "content-type: application/json" \\
  -d '{"channel": "webhook", "url": "https://example.com/hook", "filter": {"tokens": ["BTC"]}}' \\
  $HOST/v1/endpoints
```

then send yourself a test with `POST /v1/endpoints/{id}/test`, and look at what came of it in
`GET /v1/deliveries`. Webhooks follow [Standard Webhooks](https://www.standardwebhooks.com): verify
them with any of its libraries. No server to receive them? Read the same events, with the same ids
and bytes, from the feed `GET /v1/events`.

**Keys.** `Authorization: Bearer <key>`. A key belongs to an app and sees what is everybody's and
what is its app's. Scopes: `read`, `write` (own endpoints, resend, replay), `ingest` (push cycles to
named sources), `admin` (everything).

**Lists** are `{"data": […], "next": "…" | null}`, newest first, 50 at a time, up to 200 with
`limit`; hand `next` back as `cursor`. The feed is the exception: oldest first, and always with a
`next` to come back with.

**Refusals** are `application/problem+json`: `type` is stable, `detail` is for people, `field` names
what to mend, `candidates` what would have done. What is not yours is not there: 404.

**Times** are RFC 3339 in UTC. **Scores** are points from 0 to 100.
"""
TAGS: Final = [
    {"name": "Endpoints", "description": "Whom to tell, and of what."},
    {"name": "Deliveries", "description": "The log: what was told, to whom, and how it went."},
    {"name": "Events", "description": "The feed of all that happened."},
    {"name": "Tokens", "description": "The ratings held, and grades over time."},
    {"name": "Cycles", "description": "Where grades come from, and what came in."},
    {"name": "Access", "description": "Apps and their keys; for the operator."},
    {"name": "Service", "description": "Is it alive, is it ready, how is it doing."},
]


def refusal(status: int) -> dict[str, Any]:
    """One refusal, for OpenAPI."""
    meaning, slug, title, detail = _REFUSALS[status]
    example = {"type": TYPE_PREFIX + slug, "title": title, "status": status, "detail": detail}
    return {
        "description": meaning,
        "content": {MEDIA_TYPE: {"schema": _PROBLEM, "example": example}},
    }


def refuses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of an operation, for OpenAPI. 422 is said in any case."""
    return {status: refusal(status) for status in sorted({*statuses, 422})}


def secured() -> dict[int | str, dict[str, Any]]:
    """The refusals of every operation that wants a key."""
    return {status: refusal(status) for status in (401, 403, 503)}


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
            for operations in document["paths"].values():
                for operation in operations.values():
                    _exemplify(operation, schemas)
            app.openapi_schema = document
        return app.openapi_schema

    # FastAPI's own way to extend the document is to replace this method of the instance.
    app.openapi = openapi  # type: ignore[method-assign]


def add_docs(app: FastAPI) -> None:
    """Serve /docs with all that it loads, so that it needs no internet; `/` leads there."""
    app.mount("/docs/assets", StaticFiles(packages=[("fastapi_swagger", "resources")]))

    async def docs(request: Request) -> Response:
        root = request.scope.get("root_path", "").rstrip("/")
        return get_swagger_ui_html(
            openapi_url=f"{root}/openapi.json",
            title="Gradebell API",
            swagger_js_url=f"{root}/docs/assets/swagger-ui-bundle.js",
            swagger_css_url=f"{root}/docs/assets/swagger-ui.css",
            swagger_favicon_url=f"{root}/docs/assets/favicon-32x32.png",
            swagger_ui_parameters={
                # The validator's badge would be fetched from its own site.
                "validatorUrl": None,
                "persistAuthorization": True,
                "displayRequestDuration": True,
                "defaultModelsExpandDepth": 0,
            },
        )

    async def root(request: Request) -> Response:
        return RedirectResponse(request.scope.get("root_path", "").rstrip("/") + "/docs")

    app.add_route("/docs", docs, include_in_schema=False)
    app.add_route("/", root, include_in_schema=False)


def _examples_of(root: type[BaseModel]) -> Iterator[tuple[str, object]]:
    """Each answer's name and example, whole: FastAPI drops the nulls of its own copies."""
    for shape in root.__subclasses__():
        extra = shape.model_config.get("json_schema_extra")
        if isinstance(extra, dict) and isinstance(examples := extra.get("examples"), list):
            yield shape.__name__, examples[0]
        yield from _examples_of(shape)


def _exemplify(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Say an example beside every body and answer whose shape has one."""
    said = [operation.get("requestBody", {}), *operation["responses"].values()]
    for content in said:
        media = content.get("content", {}).get("application/json")
        if media is not None and "example" not in media:
            example = _example(media.get("schema", {}), schemas)
            if example is not None:
                media["example"] = example


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> object:
    """A shape's own example; of a list, a page with one of what it lists."""
    shape = schemas.get(schema.get("$ref", "").removeprefix(_REF), schema)
    if shape.get("examples"):
        return shape["examples"][0]
    listed = shape.get("properties", {}).get("data", {}).get("items")
    if listed is None:
        return None
    return {"data": [_example(listed, schemas)], "next": None}
