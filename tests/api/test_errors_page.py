"""The page of all errors and reasons: complete, and where every problem's type leads."""

import re
from collections.abc import Iterator
from enum import StrEnum
from html.parser import HTMLParser

import pytest

from alerts.api.errors_page import anchor_of
from alerts.api.problem_kinds import ProblemKind
from alerts.api.problems import PROBLEMS
from alerts.domain import deliveries
from alerts.domain.deliveries import (
    DeferredReason,
    DisableReason,
    EndReason,
    Reason,
    SkipReason,
    State,
)
from alerts.domain.meanings import MEANINGS, meaning_of
from alerts.domain.ratings import HoldReason
from tests.api.conftest import Api


class Page(HTMLParser):
    """What a page names, and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        known = dict(attrs)
        self.ids += [known["id"] or ""] if "id" in known else []
        self.links += [known["href"] or ""] if "href" in known else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
async def page(lone_api: Api) -> Page:
    answer = await lone_api.get("/errors", key=None)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


def reasons() -> Iterator[StrEnum]:
    for kind in (Reason, DeferredReason, EndReason, SkipReason, DisableReason, HoldReason):
        yield from kind


def test_every_enum_of_reasons_is_among_those_that_are_explained() -> None:
    named = {
        value
        for name, value in vars(deliveries).items()
        if isinstance(value, type) and name.endswith("Reason")
    }

    assert named | {HoldReason} == set(MEANINGS)


def test_every_reason_is_explained() -> None:
    for reason in reasons():
        meaning = MEANINGS[type(reason)][reason]
        assert meaning.means.endswith("."), reason
        assert meaning.mends.endswith("."), reason
    for kind, table in MEANINGS.items():
        assert set(table) == set(kind)


def test_every_problem_that_can_be_raised_is_explained(page: Page) -> None:
    assert set(PROBLEMS.values()) <= set(ProblemKind)
    for kind in ProblemKind:
        assert kind.value.means.endswith("."), kind
        assert kind.value.mends.endswith("."), kind
        assert kind.uri == f"/errors#{kind.slug}"
        assert kind.slug in page.ids


def test_every_reason_stands_on_the_page(page: Page) -> None:
    for reason in reasons():
        assert anchor_of(type(reason), reason) in page.ids


def test_an_anchor_is_one_thing_s_own_and_every_link_leads_to_one(page: Page) -> None:
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    for link in page.links:
        assert link == "/docs" or link.removeprefix("#") in page.ids, link


def test_the_page_loads_and_runs_nothing(page: Page) -> None:
    assert not re.search(r"<script|<img|<link|https?://|@import|url\(", page.text)
    assert "`" not in page.text
    assert "$" not in page.text


async def test_a_problem_s_type_leads_to_what_it_means(lone_api: Api, page: Page) -> None:
    refused = await lone_api.get("/v1/endpoints/ep_x")

    place, _, anchor = str(refused.url.join(refused.json()["type"])).rpartition("#")

    assert place == str(lone_api.http.base_url.join("/errors"))
    assert anchor in page.ids


async def test_the_reference_leads_to_the_page(lone_api: Api, page: Page) -> None:
    document = (await lone_api.get("/openapi.json", key=None)).json()
    linked = set(re.findall(r"\]\(/errors(?:#([a-z-]+))?\)", str(document)))

    assert "" in linked
    assert linked - {""} <= set(page.ids)
    assert {"not-found", "still-running", "idempotency-key-reused", "not-ready"} <= linked


@pytest.mark.parametrize(
    ("state", "reason", "begins"),
    [
        (State.DEAD, "timeout", "No whole answer"),
        (State.PENDING, "timeout", "No whole answer"),
        (State.DEAD, "expired", "It was tried"),
        (State.SKIPPED, "expired", "Its time to live"),
        (State.SKIPPED, "paused", "Its owner"),
    ],
)
def test_a_delivery_s_reason_means_what_its_state_says(
    state: State, reason: str, begins: str
) -> None:
    meaning = meaning_of(state, reason)

    assert meaning is not None
    assert meaning.means.startswith(begins)


def test_a_word_that_is_none_of_ours_means_nothing() -> None:
    assert meaning_of(State.DEAD, "witchcraft") is None
