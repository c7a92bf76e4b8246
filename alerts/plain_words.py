"""What pydantic finds wrong with a value, said to somebody who knows neither it nor Python."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

_OBJECT: Final = "must be an object"
_LIST: Final = "must be a list"
_TEXT: Final = "must be text"
_WHOLE: Final = "must be a whole number"
_NUMBER: Final = "must be a number"
_YES_OR_NO: Final = "must be true or false"
_UNUSABLE: Final = "cannot be used"

# By the error's type: what is wrong, with `{names}` of its context.
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing": "is required",
        "extra_forbidden": "is not a field of this call",
        "model_type": _OBJECT,
        "model_attributes_type": _OBJECT,
        "dict_type": _OBJECT,
        "list_type": _LIST,
        "tuple_type": _LIST,
        "string_type": _TEXT,
        "string_unicode": _TEXT,
        "int_type": _WHOLE,
        "int_parsing": _WHOLE,
        "int_from_float": _WHOLE,
        "int_parsing_size": f"{_WHOLE} of fewer digits",
        "float_type": _NUMBER,
        "float_parsing": _NUMBER,
        "finite_number": _NUMBER,
        "bool_type": _YES_OR_NO,
        "bool_parsing": _YES_OR_NO,
        "greater_than": "must be more than {gt}",
        "greater_than_equal": "must be {ge} or more",
        "less_than": "must be less than {lt}",
        "less_than_equal": "must be {le} or less",
        "string_too_short": "must be {min_length} or more characters long",
        "string_too_long": "must be at most {max_length} characters long",
        "too_short": "must hold {min_length} or more",
        "too_long": "must hold at most {max_length}",
        "enum": "must be one of {expected}",
        "literal_error": "must be one of {expected}",
        "value_error": "{error}",
    }
)
# Said of a text, too, that another check has seen before: a length then counts characters.
_LENGTHS: Final = frozenset({"too_short", "too_long"})
# Errors that our own checks raise say all there is to say.
_OURS: Final = "problem"
_QUOTED: Final = re.compile(r"'([^']*)'")


def plain(error: Mapping[str, Any]) -> str:
    """One of a ValidationError's `errors()`, as what its field must be.

    One that nobody has thought of is unusable, and no more is said of it.
    """
    context = error.get("ctx") or {}
    if _OURS in context:
        return str(context[_OURS])
    written = {name: _written(value) for name, value in context.items()}
    if choices(error):
        written["expected"] = ", ".join(choices(error))
    kind = error["type"]
    if kind in _LENGTHS and isinstance(error.get("input"), str):
        kind = f"string_{kind}"
    return _WORDS.get(kind, _UNUSABLE).format(**written)


def choices(error: Mapping[str, Any]) -> tuple[str, ...]:
    """What would have done, where that is a short list."""
    return tuple(_QUOTED.findall(str((error.get("ctx") or {}).get("expected", ""))))


def _written(value: object) -> str:
    is_whole = isinstance(value, float) and value.is_integer()
    return f"{value:.0f}" if is_whole else str(value)
