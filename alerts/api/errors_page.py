"""/errors: every kind of problem and every reason, on a page that a `type` leads to."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from alerts.api.problem_kinds import PAGE, ProblemKind
from alerts.domain.deliveries import DeferredReason, DisableReason, EndReason, Reason, SkipReason
from alerts.domain.meanings import MEANINGS
from alerts.domain.ratings import HoldReason

# The page is one file: it loads nothing, and runs nothing.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
_CODE: Final = re.compile(r"`([^`]+)`")
# Asking again is what mends these.
_PASSING: Final = frozenset({ProblemKind.STILL_RUNNING, ProblemKind.RATE_LIMITED})


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of the page. anchor: where a link leads. facts: (what, text), in their order."""

    anchor: str
    word: str
    facts: Sequence[tuple[str, str]]
    title: str = ""
    status: str = ""
    mood: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Some of them, under a heading."""

    heading: str
    lead: str
    entries: Sequence[Entry]


# Which reasons stand under which heading; the first word makes their anchors, as in `#dead-poison`.
_HEADINGS: Final[dict[type[StrEnum], tuple[str, str, str]]] = {
    Reason: (
        "attempt",
        "Why an attempt did not deliver",
        "In an attempt's `reason`; in a delivery's too, where its last attempt says why.",
    ),
    DeferredReason: (
        "pending",
        "Why a delivery waits",
        "In the `deferred_reason` of a delivery that could go, and is put off.",
    ),
    EndReason: (
        "dead",
        "Why a delivery ended dead",
        "In the `reason` of a `dead` delivery, where its last attempt does not say why.",
    ),
    SkipReason: (
        "skipped",
        "Why a delivery was skipped",
        "In the `reason` of a `skipped` delivery: nothing was sent. A replay of `missing` does.",
    ),
    DisableReason: (
        "disabled",
        "Why an endpoint was disabled",
        "In the `disabled_reason` of an endpoint that is `disabled`.",
    ),
    HoldReason: (
        "held",
        "Why a cycle is held",
        "In the `hold_reason` of a cycle that is `held`: nothing of it is told.",
    ),
}


def anchor_of(kind: type[StrEnum], reason: str) -> str:
    """Where on the page a reason of this kind stands."""
    return f"{_HEADINGS[kind][0]}-{reason.replace('_', '-')}"


@cache
def errors_page() -> str:
    """The page as HTML, the same as long as the process runs."""
    sections = [_problems(), *_reasons()]
    template = Template(files("alerts.api").joinpath("pages/errors.html").read_text("utf-8"))
    return template.substitute(
        contents="\n".join(map(_contents, sections)), sections="\n".join(map(_section, sections))
    )


def add_errors(app: FastAPI) -> None:
    """Serve the page."""
    page = errors_page()

    async def show(_request: Request) -> Response:
        return HTMLResponse(page, headers={"content-security-policy": _POLICY})

    app.add_route(PAGE, show, include_in_schema=False)


def _problems() -> Section:
    entries = []
    for kind in ProblemKind:
        what = kind.value
        facts = (("Means", what.means), ("What mends it", what.mends), ("Reads like", what.detail))
        mood = "ours" if what.is_ours else "wait" if kind in _PASSING else ""
        entries.append(Entry(kind.slug, kind.slug, facts, what.title, str(what.status), mood))
    lead = "In the `type` of an `application/problem+json`, after the `#`."
    return Section("Why a call was refused", lead, entries)


def _reasons() -> Iterator[Section]:
    for kind, (_, heading, lead) in _HEADINGS.items():
        entries = []
        for reason, meaning in MEANINGS[kind].items():
            facts = (("Means", meaning.means), ("What mends it", meaning.mends))
            entries.append(Entry(anchor_of(kind, reason), str(reason), facts))
        yield Section(heading, lead, entries)


def _contents(section: Section) -> str:
    links = "".join(
        f'<li><a href="#{entry.anchor}">{escape(entry.word)}</a></li>' for entry in section.entries
    )
    return f"<h2>{escape(section.heading)}</h2>\n<ul>{links}</ul>"


def _section(section: Section) -> str:
    entries = "\n".join(map(_entry, section.entries))
    return (
        f'<h2>{escape(section.heading)}</h2>\n<p class="quiet">{_text(section.lead)}</p>\n{entries}'
    )


def _entry(entry: Entry) -> str:
    mood = f" {entry.mood}" if entry.mood else ""
    status = f'<span class="status{mood}">{entry.status}</span>' if entry.status else ""
    title = f'<span class="title">{escape(entry.title)}</span>' if entry.title else ""
    word = f'<a href="#{entry.anchor}">{escape(entry.word)}</a>'
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{_text(text)}</dd>" for name, text in entry.facts)
    return f'<article id="{entry.anchor}"><h3>{status}{word}{title}</h3><dl>{facts}</dl></article>'


def _text(text: str) -> str:
    """Plain text as HTML: what stands between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))
