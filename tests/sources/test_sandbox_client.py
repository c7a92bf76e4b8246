"""What our own client makes of the sandbox, faults included."""

from datetime import UTC, date, datetime, timedelta

import pytest

from alerts.domain.grades import Kind
from alerts.domain.readings import Reading
from alerts.ports import FetchedPage, GradeSource, SourceState, Trouble
from alerts.sources.sandbox.address import SANDBOX_KEY
from alerts.sources.sandbox.roster import (
    BITCOIN,
    ETHEREUM,
    OPENING,
)
from alerts.sources.token_metrics_rows import Profile
from tests.sources.conftest import ReadFrom, RunSandbox

TM_GRADE = "/v2/tm-grade"
UNDATED = datetime(2026, 11, 20, tzinfo=UTC)


async def sweep(source: GradeSource, kind: Kind) -> Reading:
    pages = []
    for number in range(1, 10):
        page = await source.fetch(kind, number)
        assert isinstance(page, FetchedPage), page
        pages.append(page.body)
        if page.is_last:
            return source.read(kind, pages, undated=UNDATED)
    raise AssertionError("the sweep did not end")


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("kind", list(Kind))
async def test_a_sweep_of_several_pages_reads_every_token_at_the_virtual_day(
    sandbox: RunSandbox, read_from: ReadFrom, profile: Profile, kind: Kind
) -> None:
    running = await sandbox(size=250, profile=profile.value)
    running.clock.today = date(2027, 2, 3)
    source = read_from(running.url, api_key=SANDBOX_KEY, profile=profile, trusts_dates=True)

    reading = await sweep(source, kind)

    assert reading.rejected == ()
    assert list(reading.grades) == [midnight(date(2027, 2, 3))]
    grades = reading.grades[midnight(date(2027, 2, 3))]
    assert len(grades) == 249
    assert all(grade.score is not None for grade in grades)
    usage = (await running.control.get("/_sandbox/usage")).json()
    assert usage["requests"] == 3


async def test_an_exactly_full_last_page_is_followed_by_an_empty_one(
    sandbox: RunSandbox, read_from: ReadFrom
) -> None:
    running = await sandbox(size=101)  # one of them is not listed yet

    reading = await sweep(read_from(running.url, api_key=SANDBOX_KEY), Kind.TRADER)

    assert len(reading.grades[midnight(OPENING)]) == 100
    assert (await running.control.get("/_sandbox/usage")).json()["requests"] == 2


async def test_undated_rows_take_the_date_they_are_given(
    sandbox: RunSandbox, read_from: ReadFrom
) -> None:
    running = await sandbox(dated=False)

    reading = await sweep(read_from(running.url, api_key=SANDBOX_KEY), Kind.FUNDAMENTAL)

    assert list(reading.grades) == [UNDATED]


@pytest.mark.parametrize(
    ("effect", "state", "wait"),
    [
        ("429-ra-seconds", SourceState.WAITING, timedelta(seconds=30)),
        ("429-no-ra", SourceState.WAITING, None),
        ("429-quota", SourceState.QUOTA, None),
        ("401", SourceState.FORBIDDEN, None),
        ("402", SourceState.FORBIDDEN, None),
        ("403-endpoint", SourceState.FORBIDDEN, None),
        ("withdrawn", SourceState.GONE, None),
        ("500", SourceState.FAILING, None),
        ("502-html", SourceState.FAILING, None),
        ("503-ra", SourceState.FAILING, timedelta(seconds=30)),
        ("redirect", SourceState.FAILING, None),
        ("200-html", SourceState.FAILING, None),
        ("success-false", SourceState.FAILING, None),
        ("truncated", SourceState.FAILING, None),
        ("wrong-length", SourceState.FAILING, None),
        ("huge", SourceState.FAILING, None),
    ],
)
async def test_a_fault_of_the_answer_is_a_trouble_and_passes(
    sandbox: RunSandbox,
    read_from: ReadFrom,
    effect: str,
    state: SourceState,
    wait: timedelta | None,
) -> None:
    running = await sandbox()
    await running.switch_on(effect=effect, endpoint=TM_GRADE, count=1)
    source = read_from(running.url, api_key=SANDBOX_KEY)

    trouble = await source.fetch(Kind.TRADER, 1)

    assert isinstance(trouble, Trouble)
    assert (trouble.state, trouble.retry_after) == (state, wait)
    assert "request id sandbox-00000001" in trouble.detail
    assert isinstance(await source.fetch(Kind.TRADER, 1), FetchedPage)


async def test_a_wait_may_come_as_a_date(sandbox: RunSandbox, read_from: ReadFrom) -> None:
    running = await sandbox()
    await running.switch_on(effect="429-ra-date", retry_after_seconds=100)

    trouble = await read_from(running.url, api_key=SANDBOX_KEY).fetch(Kind.TRADER, 1)

    assert isinstance(trouble, Trouble)
    assert trouble.retry_after is not None
    assert timedelta(seconds=90) < trouble.retry_after <= timedelta(seconds=100)


@pytest.mark.parametrize(
    ("effect", "scores"),
    [
        ("null-grade", [None]),
        ("missing-field", [None]),
        ("schema-rename", [None]),
        ("nan-string", []),
        ("out-of-range", []),
        ("absent", []),
    ],
)
@pytest.mark.parametrize("kind", list(Kind))
async def test_a_fault_of_a_row_touches_that_row_alone(
    sandbox: RunSandbox,
    read_from: ReadFrom,
    kind: Kind,
    effect: str,
    scores: list[int | None],
) -> None:
    running = await sandbox()
    await running.switch_on(effect=effect, tokens=[BITCOIN])

    reading = await sweep(read_from(running.url, api_key=SANDBOX_KEY), kind)

    grades = reading.grades[midnight(OPENING)]
    spoilt = [grade.score for grade in grades if grade.token == f"token_metrics:{BITCOIN}"]
    assert spoilt == scores
    others = [grade for grade in grades if grade.token != f"token_metrics:{BITCOIN}"]
    assert len(others) == 58
    assert all(grade.score is not None for grade in others)


async def test_an_empty_endpoint_is_an_empty_page_not_a_trouble(
    sandbox: RunSandbox, read_from: ReadFrom
) -> None:
    running = await sandbox()
    await running.switch_on(effect="empty")

    page = await read_from(running.url, api_key=SANDBOX_KEY).fetch(Kind.TRADER, 1)

    assert isinstance(page, FetchedPage)
    assert (page.rows, page.is_last) == (0, True)


async def test_one_page_of_a_sweep_may_fail_alone(sandbox: RunSandbox, read_from: ReadFrom) -> None:
    running = await sandbox(size=250)
    await running.switch_on(effect="500", page=2)
    source = read_from(running.url, api_key=SANDBOX_KEY)

    fetched = [await source.fetch(Kind.TRADER, number) for number in (1, 2, 3)]

    assert [type(each) for each in fetched] == [FetchedPage, Trouble, FetchedPage]


async def test_a_restated_row_keeps_its_date_and_changes_its_grade(
    sandbox: RunSandbox, read_from: ReadFrom
) -> None:
    running = await sandbox(size=1)
    source = read_from(running.url, api_key=SANDBOX_KEY)
    before = (await sweep(source, Kind.TRADER)).grades[midnight(OPENING)][0]
    await running.switch_on(effect="restate", points=7)

    after = (await sweep(source, Kind.TRADER)).grades[midnight(OPENING)][0]

    assert before.score is not None
    assert after.score is not None
    assert abs(after.score - before.score) == 700


async def test_a_renamed_token_keeps_its_id(sandbox: RunSandbox, read_from: ReadFrom) -> None:
    running = await sandbox(size=1)
    await running.switch_on(effect="rename", symbol="XBT", name="Other")

    reading = await sweep(read_from(running.url, api_key=SANDBOX_KEY), Kind.TRADER)

    grade = reading.grades[midnight(OPENING)][0]
    assert (grade.token, grade.symbol, grade.name) == (
        f"token_metrics:{BITCOIN}",
        "XBT",
        "Other",
    )


async def test_twins_that_differ_are_one_grade_and_a_report(
    sandbox: RunSandbox, read_from: ReadFrom
) -> None:
    running = await sandbox(size=2)
    await running.switch_on(effect="dup-conflict", tokens=[BITCOIN])

    reading = await sweep(read_from(running.url, api_key=SANDBOX_KEY), Kind.TRADER)

    assert len(reading.grades[midnight(OPENING)]) == 2
    assert len(reading.rejected) == 1


async def test_dates_may_be_bare_or_from_the_future_and_classes_unheard_of(
    sandbox: RunSandbox, read_from: ReadFrom
) -> None:
    running = await sandbox(size=3)
    await running.switch_on(effect="bare-date", tokens=[BITCOIN])
    await running.switch_on(effect="date-future", tokens=[ETHEREUM])
    await running.switch_on(effect="new-class")

    reading = await sweep(read_from(running.url, api_key=SANDBOX_KEY), Kind.FUNDAMENTAL)

    assert [grade.label for grade in reading.grades[midnight(OPENING)]] == ["Unheard Of"] * 2
    assert [row.token_id for row in reading.rejected] == [str(ETHEREUM)]
