"""The API as its callers have it: a real server on a free port, and keys."""

import base64
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from alerts.api.app import create_app
from alerts.bootstrap import Services, open_services
from alerts.pipeline.fan_out import fan_out_events
from alerts.serving import open_server
from alerts.telemetry import LogFormat, configure
from tests.given import Given
from tests.receiver import Receiver

ADMIN_KEY = "admin-key-of-a-test"
# A client whose context is given reads no certificates, which takes longer than most tests.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
# Fifty thousand rows on a machine that has much else to do take their time.
WAIT_SECONDS = 120
METRICS_TOKEN = "metrics-token-of-a-test"
ENCRYPTION_KEY = base64.urlsafe_b64encode(bytes(32)).decode()
JANUARY = "2026-01-{day:02}T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Api:
    """One API and what it runs on."""

    services: Services
    http: httpx.AsyncClient
    receiver: Receiver

    async def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = ADMIN_KEY,
        **more: Any,  # noqa: ANN401 - httpx's own.
    ) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        return await self.http.request(method, path, headers=headers, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own.
        return await self.call("GET", path, **more)

    async def post(self, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own.
        return await self.call("POST", path, **more)

    async def app(self, name: str) -> str:
        """A new app; its id."""
        return str((await self.post("/v1/apps", json={"name": name})).json()["id"])

    async def key(self, app_id: str, *scopes: str, sources: Iterable[str] = ()) -> str:
        """A new key; its text."""
        body = {"app_id": app_id, "scopes": list(scopes), "sources": list(sources)}
        return str((await self.post("/v1/keys", json=body)).json()["key"])

    async def member(self, name: str) -> str:
        """A new app's key that may read and write."""
        return await self.key(await self.app(name), "read", "write")

    async def push(
        self,
        day: int,
        scores: Mapping[str, float | None],
        **more: Any,  # noqa: ANN401 - body fields.
    ) -> dict[str, Any]:
        """A cycle of scores by token; the answer."""
        body = cycle_body(day=day, **more)
        body["grades"] = [
            {"token_id": name, "symbol": name.upper(), "name": name, "score": score}
            for name, score in scores.items()
        ]
        answer = await self.post("/v1/cycles", json=body)
        assert answer.status_code == 201, answer.text
        answered: dict[str, Any] = answer.json()
        return answered

    async def endpoint(
        self,
        path: str = "/hook",
        *,
        key: str = ADMIN_KEY,
        **more: Any,  # noqa: ANN401 - body fields.
    ) -> dict[str, Any]:
        """A webhook endpoint at the test's own receiver; the answer."""
        body = {"channel": "webhook", "url": self.receiver.url(path), **more}
        answer = await self.post("/v1/endpoints", json=body, key=key)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def deliver(self) -> None:
        """Fan out and send until nothing is due."""
        await fan_out_events(store=self.services.store, waker=self.services.waker)
        await self.services.dispatcher().run_until_idle()

    async def upgrade(self, *tokens: str, day: int = 1) -> None:
        """An upgrade of each token, delivered."""
        await self.push(day, dict.fromkeys(tokens, 50.0))
        await self.push(day + 1, dict.fromkeys(tokens, 95.0))
        await self.deliver()


def cycle_body(*, day: int = 1, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - body fields.
    """A push of January 2026, with one grade unless told otherwise."""
    return {
        "source": "demo",
        "kind": "trader",
        "as_of": JANUARY.format(day=day),
        "complete": True,
        "grades": [{"token_id": "btc", "symbol": "BTC", "name": "Bitcoin", "score": 50}],
        **more,
    }


@asynccontextmanager
async def open_api(database_url: str, **knobs: Any) -> AsyncIterator[Api]:  # noqa: ANN401 - settings.
    """The API on this database, with settings of a test's choice."""
    configure(LogFormat.JSON, "ERROR")
    given: dict[str, Any] = {
        "database_url": database_url,
        "admin_key": ADMIN_KEY,
        "encryption_keys": ENCRYPTION_KEY,
        "metrics_token": METRICS_TOKEN,
        "source": "none",
        **knobs,
    }
    async with Receiver() as receiver:
        settings = Given(trusted_destinations=receiver.destination, **given)
        async with open_services(settings) as services, serve(services, receiver) as api:
            yield api


@asynccontextmanager
async def serve(services: Services, receiver: Receiver) -> AsyncIterator[Api]:
    """The API on these services."""
    async with (
        open_server(create_app(services)) as url,
        httpx.AsyncClient(
            base_url=url, trust_env=False, timeout=WAIT_SECONDS, verify=NO_TLS
        ) as http,
    ):
        yield Api(services, http, receiver)


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    """The API, once on each database."""
    async with open_api(database_url) as opened:
        yield opened


@pytest.fixture
async def lone_api(sqlite_url: str) -> AsyncIterator[Api]:
    """The API on SQLite, where the database makes no difference."""
    async with open_api(sqlite_url) as opened:
        yield opened


def problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The members of a problem, of this kind and no other."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    members: dict[str, Any] = answer.json()
    assert members["type"] == f"/errors#{slug}"
    assert members["status"] == status
    assert members["title"]
    assert members["detail"]
    return members
