"""Token Metrics: where each kind of grade lives, and what its rows say.

The only file that knows upstream's paths and the fields of its rows.
Source: https://developers.tokenmetrics.com/reference
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from alerts.domain.grades import Kind, read_score
from alerts.errors import InvalidInput
from alerts.sources.pages import open_page


class Profile(StrEnum):
    """A state of the upstream API.

    Trader grades moved to another path in August 2025; v3 writes the same fields in small letters.
    """

    V3 = "v3"
    V2_2025_08 = "v2-2025-08"
    V2_2025_04 = "v2-2025-04"


@dataclass(frozen=True, slots=True)
class Route:
    """Where one kind lives. primary: the field that is the grade; no other ever stands in.

    date, token_id, symbol, name, label: its other fields; components: our name of each, its field.
    """

    path: str
    primary: str
    label: str | None
    components: Mapping[str, str]
    date: str = "DATE"
    token_id: str = "TOKEN_ID"  # noqa: S105 - a field's name.
    symbol: str = "TOKEN_SYMBOL"
    name: str = "TOKEN_NAME"

    @property
    def fields(self) -> tuple[str, ...]:
        """All that we know of its rows."""
        labels = () if self.label is None else (self.label,)
        head = (self.date, self.token_id, self.symbol, self.name, self.primary)
        return *head, *self.components.values(), *labels


def _in_v3(route: Route) -> Route:
    """The route of v3: the same words in small letters."""
    return Route(
        path=route.path.replace("/v2/", "/v3/"),
        primary=route.primary.lower(),
        label=None if route.label is None else route.label.lower(),
        components={name: field.lower() for name, field in route.components.items()},
        date=route.date.lower(),
        token_id=route.token_id.lower(),
        symbol=route.symbol.lower(),
        name=route.name.lower(),
    )


_TRADER_COMPONENTS: Final = {"ta_grade": "TA_GRADE", "quant_grade": "QUANT_GRADE"}
_FUNDAMENTAL: Final = Route(
    path="/v2/fundamental-grade",
    primary="FUNDAMENTAL_GRADE",
    label="FUNDAMENTAL_GRADE_CLASS",
    components={
        "community": "COMMUNITY_SCORE",
        "exchange": "EXCHANGE_SCORE",
        "vc": "VC_SCORE",
        "tokenomics": "TOKENOMICS_SCORE",
        "defi_scanner": "DEFI_SCANNER_SCORE",
    },
)
_TM_GRADE: Final = Route("/v2/tm-grade", "TM_GRADE", "TM_GRADE_SIGNAL", _TRADER_COMPONENTS)
_TRADER_GRADES: Final = Route("/v2/trader-grades", "TM_TRADER_GRADE", None, _TRADER_COMPONENTS)
ROUTES: Final = {
    (Profile.V3, Kind.FUNDAMENTAL): _in_v3(_FUNDAMENTAL),
    (Profile.V3, Kind.TRADER): _in_v3(_TM_GRADE),
    (Profile.V2_2025_08, Kind.FUNDAMENTAL): _FUNDAMENTAL,
    (Profile.V2_2025_08, Kind.TRADER): _TM_GRADE,
    (Profile.V2_2025_04, Kind.FUNDAMENTAL): _FUNDAMENTAL,
    (Profile.V2_2025_04, Kind.TRADER): _TRADER_GRADES,
}


def all_rows(pages: Sequence[bytes]) -> Iterator[msgspec.Raw]:
    """The rows of all pages, still packed. Raises InvalidInput for what is no page."""
    for number, page in enumerate(pages, start=1):
        rows = open_page(page)
        if isinstance(rows, str):
            raise InvalidInput(f"page {number}", rows)
        yield from rows


def unpack(route: Route, raw: msgspec.Raw) -> dict[str, object]:
    """The fields we know, each by itself: one that cannot be decoded is left as bytes."""
    try:
        packed = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError) as error:
        raise InvalidInput("row", f"cannot be decoded: {error}") from None
    row: dict[str, object] = {}
    for field in route.fields:
        if field in packed:
            try:
                row[field] = msgspec.json.decode(packed[field])
            except (ValueError, RecursionError):
                row[field] = bytes(packed[field])
    return row


def public_row(route: Route, row: Mapping[str, object]) -> dict[str, object]:
    """An upstream row in our words. What is no grade never costs the grade."""
    return {
        "token_id": row.get(route.token_id),
        "symbol": _text(row.get(route.symbol)),
        "name": _text(row.get(route.name)),
        "score": row.get(route.primary),
        "class": _text(row.get(route.label)) if route.label else None,
        "components": {
            name: _component(row[field]) for name, field in route.components.items() if field in row
        },
    }


def lacking(route: Route, rows: Iterable[Mapping[str, object]]) -> str | None:
    """The field of the grade, where none of these rows has it: upstream has changed them."""
    has_rows = False
    for row in rows:
        if route.primary in row:
            return None
        has_rows = True
    return route.primary if has_rows else None


def _component(value: object) -> str | int | float | None:
    """A component as `read_grade` takes it; garbage is unknown."""
    if not isinstance(value, str | int | float):
        return None
    try:
        read_score(value)
    except InvalidInput:
        return None
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
