"""How commands print: a table for people, JSON for programs."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import typer

from alerts.domain.events import rfc3339

GAP: Final = "  "
NOTHING: Final = "-"

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

Row = Mapping[str, Any]


def rows(found: Sequence[Row], *, as_json: bool, columns: Sequence[str], empty: str) -> None:
    """Print a list. columns: those a table shows; JSON holds all there is, under `data`."""
    if as_json:
        fields({"data": list(found)}, as_json=True)
    elif not found:
        typer.echo(empty)
    else:
        table = [[column.replace("_", " ") for column in columns]]
        table += [[_cell(_moment(row.get(column))) for column in columns] for row in found]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table:
            padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            typer.echo(GAP.join(padded).rstrip())


def fields(found: Row, *, as_json: bool) -> None:
    """Print one thing, a field a line."""
    if as_json:
        typer.echo(json.dumps(_plain(found), ensure_ascii=False, indent=2))
        return
    width = max(map(len, found))
    for name, value in found.items():
        typer.echo(f"{name.replace('_', ' ').ljust(width)}{GAP}{_cell(value)}")


def said(line: str, found: Row, *, as_json: bool) -> None:
    """Say that something was done: in words, or what there is of it as JSON."""
    if as_json:
        fields(found, as_json=True)
    else:
        typer.echo(line)


def masked(address: str) -> str:
    """A URL without its path and query, which may hold a secret; a chat's number does not."""
    parts = urlsplit(address)
    if parts.scheme == "telegram":
        return address
    return f"{parts.scheme}://{parts.netloc}/…" if parts.netloc else "…"


def _moment(value: object) -> object:
    """A time of an API's view as a time again: a table has no room for its microseconds."""
    if isinstance(value, str) and _TIME.fullmatch(value):
        return datetime.fromisoformat(value)
    return value


def _cell(value: object) -> str:
    match value:
        case None | "" | () | []:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}Z"
        case list() | tuple():
            return ",".join(map(str, value))
        case Mapping():
            return json.dumps(_plain(value), ensure_ascii=False)
    # Labels come from elsewhere; what moves the cursor is not printed.
    return "".join(c if c.isprintable() else "?" for c in str(value))


def _plain(value: object) -> object:
    """A value as JSON has it: times as the API writes them."""
    match value:
        case datetime():
            return rfc3339(value)
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(inner) for inner in value]
    return value
