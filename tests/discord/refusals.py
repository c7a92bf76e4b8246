"""How Discord refuses: a status, a code, a sentence, and a tree of what was wrong where.

Codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes
"""

from collections.abc import Mapping
from typing import Any


class Refusal(Exception):
    """An answer that is no success. scope: of a 429, `user`, `global` or `shared`."""

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        errors: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
        scope: str = "user",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message, "code": code}
        self.headers: dict[str, str] = {}
        if errors is not None:
            self.body["errors"] = dict(errors)
        if retry_after is not None:
            del self.body["code"]
            self.body |= {"retry_after": round(retry_after, 3), "global": scope == "global"}
            self.headers = {
                "retry-after": str(int(-(-retry_after // 1))),
                "x-ratelimit-scope": scope,
            }
            if scope == "global":
                self.headers["x-ratelimit-global"] = "true"

    @property
    def counts_as_invalid(self) -> bool:
        """Whether it brings the address nearer to its ban: 401, 403 and 429, shared ones not."""
        shared = self.headers.get("x-ratelimit-scope") == "shared"
        return self.status in {401, 403, 429} and not shared


def unauthorized() -> Refusal:
    return Refusal(401, 0, "401: Unauthorized")


def not_found() -> Refusal:
    return Refusal(404, 0, "404: Not Found")


def unknown_channel() -> Refusal:
    return Refusal(404, 10003, "Unknown Channel")


def unknown_message() -> Refusal:
    return Refusal(404, 10008, "Unknown Message")


def unknown_webhook() -> Refusal:
    return Refusal(404, 10015, "Unknown Webhook")


def invalid_webhook_token() -> Refusal:
    return Refusal(401, 50027, "Invalid Webhook Token")


def missing_access() -> Refusal:
    return Refusal(403, 50001, "Missing Access")


def missing_permissions() -> Refusal:
    return Refusal(403, 50013, "Missing Permissions")


def empty_message() -> Refusal:
    return Refusal(400, 50006, "Cannot send an empty message")


def too_large() -> Refusal:
    return Refusal(413, 40005, "Request entity too large")


def forum_needs_a_thread() -> Refusal:
    text = "Webhooks posted to forum channels must have a thread_name or thread_id"
    return Refusal(400, 220001, text)


def invalid_form(errors: Mapping[str, Any]) -> Refusal:
    return Refusal(400, 50035, "Invalid Form Body", errors=errors)


def slow_down(seconds: float, scope: str) -> Refusal:
    return Refusal(429, 0, "You are being rate limited.", retry_after=seconds, scope=scope)
