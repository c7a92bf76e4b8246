"""The states of upstream that the sandbox can be in."""

import pytest

from alerts.sources.sandbox.profiles import PROFILES, ProfileName
from alerts.sources.sandbox.roster import BITCOIN
from tests.sources.conftest import RunSandbox

KEY = "tm-sandbox"


@pytest.mark.parametrize(
    ("profile", "served", "not_served"),
    [
        ("v2-2025-04", "/v2/investor-grades", "/v2/tm-grade"),
        ("v2-2025-08", "/v2/trader-grades", "/v2/investor-grades"),
        ("v3", "/v3/tm-grade", "/v2/tm-grade"),
    ],
)
async def test_each_profile_has_its_own_endpoints(
    sandbox: RunSandbox, profile: str, served: str, not_served: str
) -> None:
    running = await sandbox(profile=profile)

    for path in PROFILES[ProfileName(profile)].endpoints:
        page = (await running.grades(path, token_id=BITCOIN)).json()
        assert page["success"] is True, path
        assert page["length"] == 1, path
    assert (await running.grades(served)).status_code == 200
    assert (await running.grades(not_served)).status_code == 404


@pytest.mark.parametrize(
    ("profile", "path", "limit", "page", "status"),
    [
        ("v2-2025-04", "/v2/trader-grades", 1000, 0, 200),
        ("v2-2025-04", "/v2/trader-grades", 1001, 1, 400),
        ("v2-2025-08", "/v2/trader-grades", 1000, 1, 400),
        ("v2-2025-08", "/v2/tm-grade", 100, 0, 400),
        ("v3", "/v3/tm-grade", 100, 1, 200),
        ("v3", "/v3/tm-grade", 101, 1, 400),
        ("v3", "/v3/tm-grade", 100, 0, 400),
    ],
)
async def test_each_profile_has_its_own_limits(
    sandbox: RunSandbox, profile: str, path: str, limit: int, page: int, status: int
) -> None:
    running = await sandbox(profile=profile)

    assert (await running.grades(path, limit=limit, page=page)).status_code == status


async def test_page_0_is_page_1_where_pages_may_begin_at_0(sandbox: RunSandbox) -> None:
    running = await sandbox(profile="v2-2025-04")

    pages = [
        (await running.grades("/v2/trader-grades", page=n, limit=7)).content for n in (0, 1, 2)
    ]

    assert pages[0] == pages[1] != pages[2]


@pytest.mark.parametrize(("profile", "status"), [("v2-2025-04", 200), ("v2-2025-08", 401)])
async def test_the_older_header_is_taken_by_the_older_profile_alone(
    sandbox: RunSandbox, profile: str, status: int
) -> None:
    running = await sandbox(profile=profile)

    answer = await running.control.get("/v2/trader-grades", headers={"api_key": KEY})

    assert answer.status_code == status


async def test_the_third_version_writes_small_letters_numbers_and_a_slug(
    sandbox: RunSandbox,
) -> None:
    running = await sandbox(profile="v3")

    rows = (await running.grades("/v3/tm-grade", limit=100)).json()["data"]
    row = next(row for row in rows if row["token_id"] == BITCOIN)

    assert row["slug"] == "bitcoin"
    assert all(field == field.lower() for field in row)
    assert isinstance(row["tm_grade"], int | float)
    assert len({row["slug"] for row in rows}) == len(rows)


async def test_history_comes_newest_first_for_29_days_at_most(sandbox: RunSandbox) -> None:
    running = await sandbox()
    running.clock.advance(40)
    path = "/v2/fundamental-grade-history"

    async def days(first: str, last: str) -> list[str]:
        answer = await running.grades(path, token_id=BITCOIN, startDate=first, endDate=last)
        return [row["DATE"][:10] for row in answer.json()["data"]]

    assert await days("2026-01-30", "2026-02-01") == ["2026-02-01", "2026-01-31", "2026-01-30"]
    assert (await days("2026-02-09", "2026-03-01"))[0] == "2026-02-10"
    for first, last in (("2026-01-01", "2026-01-31"), ("2026-01-02", "2026-01-01"), ("x", "y")):
        answer = await running.grades(path, startDate=first, endDate=last)
        assert answer.status_code == 400


async def test_least_values_leave_out_what_is_below(sandbox: RunSandbox) -> None:
    running = await sandbox()

    answer = await running.grades("/v2/trader-grades", limit=100, traderGrade=40)

    grades = [row["TM_TRADER_GRADE"] for row in answer.json()["data"]]
    assert grades
    assert min(grades) >= 40


async def test_a_strict_sandbox_refuses_what_upstream_pays_no_heed_to(sandbox: RunSandbox) -> None:
    running = await sandbox(strict=True)

    assert (await running.grades("/v2/tm-grade", start_date="2026-01-01")).status_code == 400
