"""What an answer says beside its rows: the request's id, and what time it is upstream."""

import gzip
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from alerts.domain.grades import Kind
from alerts.ports import Aside, FetchedPage, SourceState, Trouble
from tests.sources.conftest import API_KEY, ReadFrom, RunUpstream
from tests.sources.wire import answer, page, tm_row

NOW = datetime(2026, 6, 1, 12, 20, tzinfo=UTC)


class StandingClock:
    """It is always NOW."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def dated(ahead: timedelta) -> str:
    return f"date: {format_datetime(NOW + ahead, usegmt=True)}"


async def one_answer(run: RunUpstream, read_from: ReadFrom, raw: bytes) -> FetchedPage | Trouble:
    source = read_from((await run(raw)).url, clock=StandingClock(), cap_bytes=100_000)
    return await source.fetch(Kind.TRADER, 1)


@pytest.mark.parametrize("hours", [-48, -1, 0, 1, 48])
async def test_how_far_upstreams_clock_is_ahead_is_said(
    upstream: RunUpstream, read_from: ReadFrom, hours: int
) -> None:
    ahead = timedelta(hours=hours)
    raw = answer(page(tm_row()), dated(ahead), "x-request-id: r-1")

    fetched = await one_answer(upstream, read_from, raw)

    assert isinstance(fetched, FetchedPage)
    assert fetched.aside == Aside("r-1", ahead)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Jun 2026 12:20:00 GMT", "9" * 5000])
async def test_a_date_that_is_none_says_nothing(
    upstream: RunUpstream, read_from: ReadFrom, date: str
) -> None:
    fetched = await one_answer(upstream, read_from, answer(page(tm_row()), f"date: {date}"))

    assert isinstance(fetched, FetchedPage)
    assert fetched.aside == Aside()


@pytest.mark.parametrize("ahead", [timedelta(days=-2), timedelta(0), timedelta(days=2)], ids=str)
async def test_a_time_to_wait_until_is_by_the_clock_of_who_names_it(
    upstream: RunUpstream, read_from: ReadFrom, ahead: timedelta
) -> None:
    until = format_datetime(NOW + ahead + timedelta(seconds=90), usegmt=True)
    raw = answer(b"{}", dated(ahead), f"retry-after: {until}", status="429 Too Many")

    trouble = await one_answer(upstream, read_from, raw)

    assert isinstance(trouble, Trouble)
    assert (trouble.state, trouble.retry_after) == (SourceState.WAITING, timedelta(seconds=90))


@pytest.mark.parametrize(
    "raw",
    [
        answer(b"{}", "x-request-id: r-77", status="500 Error"),
        answer(b"<html>", "x-request-id: r-77"),
        answer(b" " * 200_000, "x-request-id: r-77"),
        answer(page(tm_row()), "x-request-id: r-77", length=5000),
        answer(gzip.compress(page())[:-4], "content-encoding: gzip", "x-request-id: r-77"),
        answer(page(), "content-encoding: gzip", "x-request-id: r-77"),
        answer(page(), "content-encoding: br", "x-request-id: r-77"),
    ],
    ids=["refused", "no page", "huge", "cut", "gzip cut", "no gzip", "odd encoding"],
)
async def test_a_failure_names_the_request_that_an_operator_can_quote(
    upstream: RunUpstream, read_from: ReadFrom, raw: bytes
) -> None:
    trouble = await one_answer(upstream, read_from, raw)

    assert isinstance(trouble, Trouble)
    assert trouble.aside.request_id == "r-77"
    assert "request id r-77" in trouble.detail


async def test_a_request_id_is_shown_short_on_one_line_and_without_our_key(
    upstream: RunUpstream, read_from: ReadFrom
) -> None:
    echo = answer(page(tm_row()), f"x-request-id: a\x1b[1m {API_KEY} {'b' * 500}")

    fetched = await one_answer(upstream, read_from, echo)

    assert isinstance(fetched, FetchedPage)
    shown = fetched.aside.request_id
    assert shown is not None
    assert shown.startswith("a [1m [key] bbb")
    assert len(shown) == 80
