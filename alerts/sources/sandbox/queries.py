"""What is asked for: page, filters, dates; and what upstream refuses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from alerts.errors import InvalidInput
from alerts.sources.sandbox.profiles import Profile
from alerts.sources.sandbox.roster import SandboxToken
from alerts.sources.sandbox.rows import Row

DEFAULT_LIMIT = 50
LARGEST_PAGE = 1_000_000
LARGEST_RANGE = timedelta(days=29)

# Least values, by parameter: the field they are about. Upstream's own names.
_MINIMUMS = {
    "traderGrade": "TM_TRADER_GRADE",
    "traderGradePercentChange": "TM_TRADER_GRADE_24H_PCT_CHANGE",
    "investorGrade": "TM_INVESTOR_GRADE",
}
# Known to upstream, and here without a value to compare with: every token passes.
_PASSING = frozenset({"category", "exchange", "marketcap", "fdv", "volume"})
_PARAMETERS = frozenset(
    {"token_id", "symbol", "token_name", "limit", "page", "startDate", "endDate"}
    | _PASSING
    | set(_MINIMUMS)
)
_DIGITS = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Query:
    """One request's wishes. page: 1 the first. dates: inclusive; None: the newest day alone."""

    limit: int
    page: int
    dates: tuple[date, date] | None
    ids: frozenset[str] | None
    symbols: frozenset[str] | None
    names: frozenset[str] | None
    minimums: tuple[tuple[str, float], ...]

    def days(self, today: date) -> list[date]:
        """The days asked for, the newest first, none ahead of today."""
        if self.dates is None:
            return [today]
        first, last = self.dates[0], min(self.dates[1], today)
        return [last - timedelta(days=back) for back in range((last - first).days + 1)]

    def takes(self, token: SandboxToken, row: Row, day: date) -> bool:
        """Whether every filter given takes this row, each by any of its values."""
        name, symbol = token.labels(day)
        return (
            (self.ids is None or str(token.id) in self.ids)
            and (self.symbols is None or symbol.casefold() in self.symbols)
            and (self.names is None or name.casefold() in self.names)
            and all(_reaches(row.get(field), least) for field, least in self.minimums)
        )


def read_query(given: Mapping[str, str], profile: Profile) -> Query:
    """What upstream makes of the parameters. Raises InvalidInput for what it answers with 400."""
    page = _whole(given, "page", default=1, least=profile.first_page, largest=LARGEST_PAGE)
    return Query(
        limit=_whole(given, "limit", default=DEFAULT_LIMIT, largest=profile.largest_limit),
        page=max(page, 1),
        dates=_range(given),
        ids=_values(given, "token_id"),
        symbols=_values(given, "symbol"),
        names=_values(given, "token_name"),
        minimums=tuple(
            (field, _least(given, name)) for name, field in _MINIMUMS.items() if name in given
        ),
    )


def unknown_parameters(given: Mapping[str, str]) -> list[str]:
    """Those that upstream pays no heed to."""
    return sorted(set(given) - _PARAMETERS)


def _whole(
    given: Mapping[str, str], name: str, *, default: int, largest: int, least: int = 1
) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not _DIGITS.fullmatch(text) or not least <= int(text) <= largest:
        raise InvalidInput(name, f"must be a whole number from {least} to {largest}")
    return int(text)


def _range(given: Mapping[str, str]) -> tuple[date, date] | None:
    texts = [given.get(name) for name in ("startDate", "endDate")]
    if texts == [None, None]:
        return None
    dates = []
    for name in ("startDate", "endDate"):
        try:
            dates.append(date.fromisoformat(given.get(name, "")))
        except ValueError:
            raise InvalidInput(name, "must be a date such as 2026-01-05") from None
    if not timedelta() <= dates[1] - dates[0] <= LARGEST_RANGE:
        problem = f"must be at most {LARGEST_RANGE.days} days from startDate on"
        raise InvalidInput("endDate", problem)
    return dates[0], dates[1]


def _least(given: Mapping[str, str], name: str) -> float:
    if not _NUMBER.fullmatch(given[name]):
        raise InvalidInput(name, "must be a number")
    return float(given[name])


def _reaches(value: object, least: float) -> bool:
    return isinstance(value, int | float) and value >= least


def _values(given: Mapping[str, str], name: str) -> frozenset[str] | None:
    text = given.get(name)
    if text is None:
        return None
    return frozenset(value.strip().casefold() for value in text.split(","))
