"""The menu of commands, and what else a bot says of itself.

https://core.telegram.org/bots/api#setmycommands
"""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from tests.telegram.wire import Parameters, bad_request

MOST_COMMANDS = 100
LONGEST_DESCRIPTION = 256
_NAME = re.compile(r"[a-z0-9_]{1,32}")


class Commands:
    """Menus by scope and language, as JSON and code."""

    def __init__(self) -> None:
        self.menus: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.described: dict[str, str] = {}

    def methods(self) -> dict[str, Callable[[Parameters], Awaitable[object]]]:
        return {
            "setmycommands": self._set,
            "getmycommands": self._get,
            "deletemycommands": self._delete,
            "setmydescription": self._describe("description"),
            "setmyshortdescription": self._describe("short_description"),
            "getmydescription": self._described("description"),
            "getmyshortdescription": self._described("short_description"),
            "setchatmenubutton": self._describe("menu_button"),
            "sendchataction": self._describe("action"),
        }

    def of(self, scope: str = "default") -> dict[str, str]:
        """A menu in the language of those who have none of their own: descriptions by name."""
        menu = self.menus.get((json.dumps({"type": scope}), ""), [])
        return {each["command"]: each["description"] for each in menu}

    async def _set(self, given: Parameters) -> object:
        listed = given.plain("commands") or []
        if len(listed) > MOST_COMMANDS:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        for each in listed:
            if not _NAME.fullmatch(each["command"]):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= len(each["description"]) <= LONGEST_DESCRIPTION:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        self.menus[_whose(given)] = listed
        return True

    async def _get(self, given: Parameters) -> object:
        return self.menus.get(_whose(given), [])

    async def _delete(self, given: Parameters) -> object:
        self.menus.pop(_whose(given), None)
        return True

    def _describe(self, what: str) -> Callable[[Parameters], Awaitable[object]]:
        async def describe(given: Parameters) -> object:
            self.described[what] = given.text(what)
            return True

        return describe

    def _described(self, what: str) -> Callable[[Parameters], Awaitable[object]]:
        async def described(_given: Parameters) -> object:
            return {what: self.described.get(what, "")}

        return described


def _whose(given: Parameters) -> tuple[str, str]:
    scope = given.plain("scope") or {"type": "default"}
    return json.dumps(scope, sort_keys=True), given.text("language_code")
