"""What upstream was like at a time: its endpoints, its limits, the shape of its rows.

Two versions were published without notice under one URL, and a third stands beside them. What of
it is not known from public material is as the strictest of those who use it expect.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from alerts.sources.sandbox import rows
from alerts.sources.sandbox.rows import Row, RowMaker


class ProfileName(StrEnum):
    """The states of upstream that can be served."""

    V2_2025_08 = "v2-2025-08"
    V2_2025_04 = "v2-2025-04"
    V3 = "v3"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path. make: its rows. is_history: of a range of days, not of the newest alone."""

    make: RowMaker
    is_history: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """One state of upstream.

    endpoints: by path. largest_limit: rows of a page. first_page: 0 where both 0 and 1 are the
    first. key_headers: those a key may come in. snake_case: fields in lower case, and a slug.
    """

    endpoints: Mapping[str, Endpoint]
    largest_limit: int = 100
    first_page: int = 1
    key_headers: tuple[str, ...] = ("x-api-key",)
    snake_case: bool = False

    def dressed(self, row: Row) -> Row:
        """A row under this profile's names."""
        return {field.lower(): value for field, value in row.items()} if self.snake_case else row


_TOKENS = {"tokens": Endpoint(rows.token_row), "market-metrics": Endpoint(rows.market_row)}
_FUNDAMENTAL = {"fundamental-grade": Endpoint(rows.fundamental_row)}
_FUNDAMENTAL_HISTORY = {
    "fundamental-grade-history": Endpoint(rows.fundamental_row, is_history=True)
}
_TM_GRADE = {
    "tm-grade": Endpoint(rows.tm_grade_row),
    "tm-grade-history": Endpoint(rows.tm_grade_history_row, is_history=True),
}
_TRADER_GRADES = {"trader-grades": Endpoint(rows.trader_grades_row)}


def _under(prefix: str, *groups: Mapping[str, Endpoint]) -> dict[str, Endpoint]:
    return {f"{prefix}/{name}": one for group in groups for name, one in group.items()}


PROFILES: Mapping[ProfileName, Profile] = {
    # Trader grades still answer, so that what was written for them runs; they can be withdrawn.
    ProfileName.V2_2025_08: Profile(
        _under(
            "/v2",
            _TM_GRADE,
            _FUNDAMENTAL,
            _FUNDAMENTAL_HISTORY,
            {"technology-grade": Endpoint(rows.technology_row)},
            _TRADER_GRADES,
            _TOKENS,
        )
    ),
    ProfileName.V2_2025_04: Profile(
        _under(
            "/v2",
            _TRADER_GRADES,
            {"investor-grades": Endpoint(rows.investor_row)},
            _FUNDAMENTAL,
            _TOKENS,
        ),
        largest_limit=1000,
        first_page=0,
        key_headers=("x-api-key", "api_key"),
    ),
    ProfileName.V3: Profile(
        _under(
            "/v3",
            {
                "tm-grade": Endpoint(rows.with_slug(rows.tm_grade_number_row)),
                "tm-grade-history": Endpoint(
                    rows.with_slug(rows.tm_grade_number_row), is_history=True
                ),
                "fundamental-grade": Endpoint(rows.with_slug(rows.fundamental_row)),
                "fundamental-grade-history": Endpoint(
                    rows.with_slug(rows.fundamental_row), is_history=True
                ),
                "tokens": Endpoint(rows.with_slug(rows.token_row)),
            },
        ),
        snake_case=True,
    ),
}
