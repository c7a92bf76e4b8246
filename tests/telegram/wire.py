"""How requests are read and answers written, and in which words Telegram refuses.

https://core.telegram.org/bots/api#making-requests
The words are those of the open server, https://github.com/tdlib/telegram-bot-api.
"""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web


class Refusal(Exception):
    """An answer that is no success. parameters: what a machine may read of it."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters

    def response(self) -> web.Response:
        body: dict[str, Any] = {
            "ok": False,
            "error_code": self.status,
            "description": self.description,
        }
        headers = {}
        if self.parameters:
            body["parameters"] = self.parameters
        if "retry_after" in self.parameters:
            headers["retry-after"] = str(self.parameters["retry_after"])
        return _plain(self.status, body, headers)


def done(result: object) -> web.Response:
    return _plain(200, {"ok": True, "result": result}, {})


def bad_request(words: str) -> Refusal:
    return Refusal(400, f"Bad Request: {words}")


def forbidden(words: str) -> Refusal:
    return Refusal(403, f"Forbidden: {words}")


def unauthorized() -> Refusal:
    return Refusal(401, "Unauthorized")


def not_found(words: str = "") -> Refusal:
    return Refusal(404, f"Not Found{words}")


def conflict(words: str) -> Refusal:
    return Refusal(409, f"Conflict: {words}")


def slow_down(seconds: int) -> Refusal:
    return Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


class Parameters:
    """What came along: in the query, a form, or JSON; all of them may be strings."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = dict(given)

    @classmethod
    async def of(cls, request: web.Request) -> "Parameters":
        """Raises Refusal."""
        given: dict[str, Any] = dict(request.query)
        if request.content_type == "application/json":
            try:
                found = await request.json()
            except ValueError:
                raise bad_request("can't parse JSON object") from None
            if not isinstance(found, dict):
                raise bad_request("can't parse JSON object")
            return cls(given | found)
        return cls(given | dict(await request.post()))

    def text(self, name: str) -> str:
        value = self.given.get(name)
        return "" if value is None else str(value)

    def number(self, name: str, default: int | None = None) -> int | None:
        value = self.given.get(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except ValueError:
            raise bad_request(f"invalid {name} specified") from None

    def flag(self, name: str) -> bool:
        return str(self.given.get(name)).lower() in {"true", "1", "yes"}

    def plain(self, name: str) -> Any:  # noqa: ANN401 - JSON.
        """An object or a list, which a form carries as text. Raises Refusal."""
        value = self.given.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise bad_request(f"can't parse {name} JSON object") from None


def _plain(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps(body).encode(),
        headers={"content-type": "application/json", "server": "nginx/1.18.0", **headers},
    )
