"""What an endpoint is asked to be, as it is written at a terminal: its channel, its digest."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

import typer
from pydantic import ValidationError

from alerts.api.changes import checked, digest_block
from alerts.api.refusals import refused
from alerts.api.schemas.filters import NewDigest
from alerts.api.schemas.rules import (
    WantedCondition,
    WantedThreshold,
    WantedWindow,
    conditions_of,
    reaches_of,
    thresholds_of,
)
from alerts.domain.deliveries import Channel
from alerts.domain.events import EventType
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Filter
from alerts.errors import InvalidInput

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORTEST_DAY: Final = 3
# Where Discord's webhooks live; a plain webhook sent there is refused each time.
_DISCORD: Final = ("https://discord.com/api/", "https://discordapp.com/api/")

DigestOption = Annotated[
    tuple[str, int, str] | None,
    typer.Option(metavar="DAY HOUR ZONE", help="A weekly digest, such as: monday 9 Europe/Berlin."),
]
RoleOption = Annotated[
    str | None, typer.Option(metavar="ID", help="A Discord role that the digest mentions.")
]
QuietOption = Annotated[
    bool, typer.Option("--say-when-empty", help="A digest also of a week without changes.")
]
WhenOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RULE",
        help="Also when a grade crosses a score, 'trader above 85', or goes far in 1 or 7 days: "
        "'trader rises 15 points in 7 days' (or falls, or moves; points or percent).",
    ),
]
GivenOption = Annotated[
    list[str] | None,
    typer.Option(metavar="RULE", help="Only while the other grade is so: 'fundamental above 80'."),
]


def wanted_of(
    kinds: Sequence[Kind] | None,
    types: frozenset[EventType],
    *,
    sizes: tuple[int, float],
    when: Sequence[str] | None,
    given: Sequence[str] | None,
) -> Filter:
    """What is to be told. sizes: bands and points at least. Raises InvalidInput."""
    bands, points = sizes
    moves = [rule for rule in when or () if _verb(rule) in _SIDES]
    scores = [rule for rule in when or () if _verb(rule) not in _SIDES]
    wanted = Filter(
        kinds=frozenset(kinds or Kind),
        types=types,
        min_notches=bands,
        min_delta=round(points * 100),
        thresholds=thresholds_of(_rules(scores, "--when", WantedThreshold, above="above")),
        given=conditions_of(_rules(given, "--given", WantedCondition, above="at_least")),
        windows=reaches_of(_windows(moves)),
    )
    return _all_told(wanted)


def channel_of(where: Sequence[str]) -> tuple[Channel, str]:
    """The channel and the URL of `[discord] URL`, or of `telegram`. Raises InvalidInput."""
    match list(where):
        case [Channel.TELEGRAM.value]:
            return Channel.TELEGRAM, ""
        case [url] if url.startswith(_DISCORD):
            raise InvalidInput("URL", "is Discord's: `gradebell endpoint add discord URL`")
        case [url]:
            return Channel.WEBHOOK, url
        case [Channel.DISCORD.value, url]:
            return Channel.DISCORD, url
        case [Channel.TELEGRAM.value, _]:
            problem = "is not for telegram: `gradebell endpoint add telegram` prints a link"
            raise InvalidInput("URL", problem)
        case [name, _]:
            problem = f"comes alone, for a webhook, or after `discord`, not after {name!a}"
            raise InvalidInput("URL", problem)
        case _:
            raise InvalidInput("URL", "is written `URL`, or `discord URL`, or `telegram`")


def digest_of(
    week: tuple[str, int, str] | None,
    *,
    kinds: Sequence[Kind] | None,
    min_notches: int,
    role: str | None,
    says_so: bool,
) -> dict[str, Any] | None:
    """A digest as it is stored, but for its tokens, which are names as yet. Raises InvalidInput.

    week: day, hour and zone; None for no digest. says_so: of a week without changes, that it was.
    """
    if week is None:
        if role is not None or says_so:
            raise InvalidInput("--digest", "is missing: it says when, as in: monday 9 UTC")
        return None
    day, hour, zone = week
    asked = {
        "weekday": _weekday(day),
        "hour": hour,
        "time_zone": zone,
        "kinds": [kind.value for kind in kinds or Kind],
        "min_notches": min_notches,
        "role": role,
        "when_empty": "say" if says_so else "skip",
    }
    try:
        return digest_block(NewDigest.model_validate(asked))
    except ValidationError as error:
        first = refused(error.errors(include_url=False))
        if first.field == "role":
            raise InvalidInput("--role", first.problem) from None
        part = {"hour": "an hour", "time_zone": "a time zone"}.get(first.field, first.field)
        raise InvalidInput("--digest", f"has {part} that {first.problem}") from None


def _all_told(wanted: Filter) -> Filter:
    """The same. Raises InvalidInput for a rule about grades that are not told anyway."""
    try:
        return checked(wanted)
    except InvalidInput as error:
        option = "--given" if error.field == "filter.given" else "--when"
        raise InvalidInput(option, "is about grades that --kind leaves out") from None


_Rule = TypeVar("_Rule", WantedThreshold, WantedCondition, WantedWindow)


def _modelled(
    asked: Iterable[Mapping[str, object]], option: str, model: type[_Rule]
) -> list[_Rule]:
    try:
        return [model.model_validate(each) for each in asked]
    except ValidationError as error:
        first = refused(error.errors(include_url=False))
        # What is wrong with a rule as a whole is of no field.
        part = "" if first.field == "body" else f"has `{first.field}`, which "
        raise InvalidInput(option, f"{part}{first.problem}") from None


def _rules(
    written: Sequence[str] | None, option: str, model: type[_Rule], *, above: str
) -> list[_Rule]:
    """Rules such as `trader above 85`; one of a kind may have a second side. above: its field."""
    asked: dict[str, dict[str, str]] = {}
    for rule in written or ():
        match rule.split():
            case [kind, ("above" | "below") as word, score]:
                side = above if word == "above" else word
                if side in asked.setdefault(kind, {"kind": kind}):
                    raise InvalidInput(option, f"says twice what is {word} for {kind!a}")
                asked[kind][side] = score
            case _:
                raise InvalidInput(option, f"is written 'trader above 85', not {rule!a}")
    return _modelled(asked.values(), option, model)


# What of a window is named by these words.
_SIDES: Final = {"rises": ("rise",), "falls": ("fall",), "moves": ("rise", "fall")}
_UNITS: Final = {"points": "points", "point": "points", "percent": "percent", "%": "percent"}


def _verb(rule: str) -> str:
    return next(iter(rule.split()[1:]), "")


def _windows(written: Sequence[str]) -> list[WantedWindow]:
    """Rules such as `trader rises 15 points in 7 days`; one of a kind may have a second side."""
    asked: dict[str, dict[str, str | int]] = {}
    for rule in written:
        match rule.replace("%", " % ").split():
            case [kind, verb, size, unit, "in", days, "day" | "days"] if unit in _UNITS:
                window: dict[str, str | int] = {
                    "kind": kind,
                    "unit": _UNITS[unit],
                    "days": int(days) if days.isdecimal() else days,
                }
                known = asked.setdefault(kind, window)
                if any(known[name] != value for name, value in window.items()):
                    raise InvalidInput("--when", f"names two windows for {kind!a}: it takes one")
                for side in _SIDES[verb]:
                    if side in known:
                        raise InvalidInput("--when", f"says twice when {kind!a} {verb}")
                    known[side] = size
            case _:
                expected = "'trader rises 15 points in 7 days'"
                raise InvalidInput("--when", f"is written {expected}, not {rule!a}")
    return _modelled(asked.values(), "--when", WantedWindow)


def _weekday(text: str) -> int:
    """1 is Monday: by its name, its first three letters or more, or its number."""
    lowered = text.lower()
    for number, day in enumerate(DAYS, start=1):
        is_name = len(lowered) >= _SHORTEST_DAY and day.startswith(lowered)
        if is_name or lowered == str(number):
            return number
    raise InvalidInput("--digest", f"begins with a day such as monday, not {text!a}")
