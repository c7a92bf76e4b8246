"""What /docs says in words: the introduction, what each refusal means, and the page itself."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from alerts.api.problem_kinds import ProblemKind, meant_by
from alerts.api.problems import MEDIA_TYPE
from alerts.api.schemas.base import EXAMPLE_REQUEST

_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}

INTRODUCTION: Final = """
Gradebell watches the grades of crypto tokens and tells you when one is upgraded or downgraded, by
signed webhook. Every attempt to tell you is in the delivery log.

**Start here.** Create an endpoint; we answer with its signing secret, once:

```sh
curl -H "Authorization: Bearer $KEY" -H "content-type: application/json" \\
  -d '{"channel": "webhook", "url": "https://example.com/hook", "filter": {"tokens": ["ETH"]}}' \\
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

**Refusals** are `application/problem+json`: `type` is stable and leads to what it means and what
mends it ([all of them, and all reasons of deliveries](/errors)), `detail` is for people, `field`
names what to mend, `candidates` what would have done. What is not yours is not there: 404.

**Trying again.** Every POST takes an `Idempotency-Key`: make one up for each request, and send it
again with the same key and body when no answer came. Within 24 hours it is then answered as it was
(with `Idempotent-Replayed: true`, and with the secret that is shown once) and done no second time.
The same key with another body is refused (422), and so is one whose request is still being answered
(409, with `Retry-After`). What we could not answer (5xx), and 401, 403 and 429, is not kept: it is
tried anew.

**How often.** A key may make so many calls a second, and twice as many at once: `RateLimit-Policy`
says how many (`q` in `w` seconds), `RateLimit` how many are left (`r`; all again in `t` seconds).
One too many is 429 with `Retry-After`.

**Requests have ids.** Each answer bears one as `X-Request-Id`, each refusal as `request_id` too;
send your own and it is kept. It is in our logs: name it when you ask about a call.

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


def refusal(kind: ProblemKind) -> dict[str, Any]:
    """One refusal, for OpenAPI."""
    what = kind.value
    example = {
        "type": kind.uri,
        "title": what.title,
        "status": what.status,
        "detail": what.detail,
        "request_id": EXAMPLE_REQUEST,
    }
    return {
        "description": f"[`{kind.slug}`]({kind.uri}): {what.means}",
        "content": {MEDIA_TYPE: {"schema": _PROBLEM, "example": example}},
    }


def refuses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of an operation, for OpenAPI. 422 is said in any case."""
    return {status: refusal(meant_by(status)) for status in sorted({*statuses, 422})}


def secured() -> dict[int | str, dict[str, Any]]:
    """The refusals of every operation that wants a key."""
    return {status: refusal(meant_by(status)) for status in (401, 403, 429, 503)}


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
