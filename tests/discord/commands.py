"""Slash commands as Discord keeps them, and what a person's client sends of one.

https://docs.discord.com/developers/interactions/application-commands
"""

from collections.abc import Mapping
from typing import Any

from tests.discord.world import Channel, Role

SUBCOMMAND = 1
# Said of a command or an option only where it is so.
_LEFT_OUT_WHEN_FALSE = ("required", "autocomplete")
_LEFT_OUT_WHEN_EMPTY = ("options", "choices")


class NotOffered(Exception):
    """Discord shows this person no such command."""


def as_held(command: Mapping[str, Any]) -> dict[str, Any]:
    """A command as it is shown once it was registered: with Discord's own additions."""
    permissions = command.get("default_member_permissions")
    shown = _plain(command)
    return {
        **shown,
        "default_member_permissions": None if permissions is None else str(permissions),
        "contexts": command.get("contexts"),
        "integration_types": command.get("integration_types") or [0],
        "nsfw": bool(command.get("nsfw")),
    }


def offered(commands: Mapping[str, dict[str, Any]], name: str, permissions: int) -> dict[str, Any]:
    """A command, for whoever has these permissions. Raises NotOffered."""
    command = commands.get(name)
    if command is None:
        raise NotOffered(name)
    needed = int(command.get("default_member_permissions") or 0)
    if permissions & needed != needed:
        raise NotOffered(f"{name} needs permissions {needed}")
    return command


def fill_in(
    command: Mapping[str, Any],
    words: list[str],
    given: dict[str, object],
    focused: str | None,
    resolved: dict[str, Any],
) -> list[dict[str, Any]]:
    """Options as they are sent; channels and roles are put into `resolved`. Raises NotOffered."""
    known = {each["name"]: each for each in command.get("options") or ()}
    if words:
        if words[0] not in known:
            raise NotOffered(" ".join(words))
        inner = fill_in(known[words[0]], words[1:], given, focused, resolved)
        return [{"name": words[0], "type": SUBCOMMAND, "options": inner}]
    required = {name for name, each in known.items() if each.get("required")}
    if given.keys() - known.keys() or (focused is None and required - given.keys()):
        raise NotOffered(f"options {sorted(given)} for {sorted(known)}")
    listed = []
    for name, value in given.items():
        _check_choice(known[name], value)
        option = {"name": name, "type": known[name]["type"], "value": value}
        if isinstance(value, Channel):
            option["value"] = value.id
            shown = {**value.plain(), "permissions": str(int(value.may))}
            resolved.setdefault("channels", {})[value.id] = shown
        elif isinstance(value, Role):
            option["value"] = value.id
            resolved.setdefault("roles", {})[value.id] = value.plain()
        if name == focused:
            option["focused"] = True
        listed.append(option)
    return listed


def _check_choice(option: Mapping[str, Any], value: object) -> None:
    choices = option.get("choices")
    if choices and value not in [choice["value"] for choice in choices]:
        raise NotOffered(f"{value!r} is none of {choices}")


def _plain(part: Mapping[str, Any]) -> dict[str, Any]:
    """A command, or an option of one, without what is not so; with languages, of which none."""
    shown: dict[str, Any] = {"name_localizations": None, "description_localizations": None}
    for name, value in part.items():
        if name in _LEFT_OUT_WHEN_FALSE and not value:
            continue
        if name in _LEFT_OUT_WHEN_EMPTY and not value:
            continue
        if name == "options":
            shown[name] = [_plain(option) for option in value]
        elif name == "choices":
            shown[name] = [{**choice, "name_localizations": None} for choice in value]
        else:
            shown[name] = value
    return shown
