"""Whether Discord holds the commands that we would offer it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

# What Discord fills in by itself where a command leaves it out.
_OPTIONAL: Final = ("contexts", "integration_types")
# What tells no more than `contexts`: https://docs.discord.com/developers/change-log
_OUTDATED: Final = ("dm_permission",)
_PERMISSIONS: Final = "default_member_permissions"


def are_held(ours: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these are the commands, as Discord's API shows them. In doubt they are not."""
    by_name = {command["name"]: command for command in held}
    return len(held) == len(ours) and all(
        _is_held(command, by_name.get(command["name"], {})) for command in ours
    )


def _is_held(ours: Mapping[str, Any], held: Mapping[str, Any]) -> bool:
    names = [
        name
        for name in ours
        if name not in _OUTDATED and not (name in _OPTIONAL and ours[name] is None)
    ]
    return all(_essence(name, ours[name]) == _essence(name, held.get(name)) for name in names)


def _essence(name: str, value: object) -> object:
    """A value without what is empty, which Discord leaves out, or adds, as it likes."""
    if name == _PERMISSIONS:
        return None if value is None else str(value)
    if isinstance(value, Mapping):
        each = {key: _essence(key, inner) for key, inner in value.items()}
        return {key: inner for key, inner in each.items() if inner is not None} or None
    if isinstance(value, list | tuple):
        return [_essence("", inner) for inner in value] or None
    return None if value is False else value
