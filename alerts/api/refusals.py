"""What pydantic finds amiss, as one of our errors; the command line reads this, too."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from alerts.domain.nearest import nearest_first
from alerts.errors import InvalidInput
from alerts.plain_words import choices, plain

CANDIDATES_SHOWN: Final = 20


def refused(errors: Sequence[Mapping[str, Any]]) -> InvalidInput:
    """What pydantic found, as one of our errors: the first, with the field to mend."""
    first = errors[0]
    place = tuple(first["loc"])
    if place[:1] in {("body",), ("query",), ("path",), ("header",)} and len(place) > 1:
        place = place[1:]
    given = first["input"] if isinstance(first["input"], str) else ""
    candidates = nearest_first(given, choices(first))
    return InvalidInput(_path(place), plain(first), candidates[:CANDIDATES_SHOWN])


def _path(place: Sequence[str | int]) -> str:
    """`filter.tokens[2]` of ("filter", "tokens", 2)."""
    path = ""
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "body"
