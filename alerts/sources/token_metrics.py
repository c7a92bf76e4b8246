"""Token Metrics: its grades as they are published, and what its refusals mean.

The only file that knows upstream's paths and the fields of its rows.
Source: https://developers.tokenmetrics.com/reference
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import httpx
import msgspec

from alerts import __version__
from alerts.domain.grades import Grade, Kind, SourceName, read_as_of, read_grade, read_score
from alerts.domain.readings import Reading, RejectedRow, shown_id, unique, unread_tokens
from alerts.errors import InvalidInput
from alerts.ports import Clock, FetchedPage, SourceState, Trouble
from alerts.sources.download import checked_base_url, download
from alerts.sources.pages import open_page
from alerts.sources.refusals import describe, one_line, read_refusal

BASE_URL = "https://api.tokenmetrics.com"
DEADLINE = timedelta(seconds=30)
CAP_BYTES = 8 * 1024 * 1024
# Rows a page: "Maximum is 100", https://developers.tokenmetrics.com/reference
PAGE_ROWS = 100
# A sweep that goes on past 50,000 rows is an upstream that does not heed `page`.
LAST_PAGE = 500

_DATE = "DATE"
_KEY = re.compile(r"[!-~]{1,256}")
_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Profile(StrEnum):
    """A state of the upstream API: trader grades moved to another path in August 2025."""

    V2_2025_08 = "v2-2025-08"
    V2_2025_04 = "v2-2025-04"


@dataclass(frozen=True, slots=True)
class _Route:
    """Where one kind lives. primary: the field that is the grade; no other ever stands in."""

    path: str
    primary: str
    label: str | None
    components: Mapping[str, str]


_TRADER_COMPONENTS = {"ta_grade": "TA_GRADE", "quant_grade": "QUANT_GRADE"}
_FUNDAMENTAL = _Route(
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
_TM_GRADE = _Route("/v2/tm-grade", "TM_GRADE", "TM_GRADE_SIGNAL", _TRADER_COMPONENTS)
_TRADER_GRADES = _Route("/v2/trader-grades", "TM_TRADER_GRADE", None, _TRADER_COMPONENTS)
_ROUTES = {
    (Profile.V2_2025_08, Kind.FUNDAMENTAL): _FUNDAMENTAL,
    (Profile.V2_2025_08, Kind.TRADER): _TM_GRADE,
    (Profile.V2_2025_04, Kind.FUNDAMENTAL): _FUNDAMENTAL,
    (Profile.V2_2025_04, Kind.TRADER): _TRADER_GRADES,
}


class TokenMetrics:
    """The upstream, or its sandbox stand-in, one page at a time.

    client: as `open_client` makes them; not closed here.
    api_key: 1-256 visible ASCII characters; sent to `base_url` alone, never shown.
    tokens: at most 100 upstream ids, for one request a sweep; none: every token there is.
    trusts_dates: take a `DATE` ahead of the clock; only for a source with a clock of its own.
    Raises InvalidInput naming the argument that cannot work.
    """

    def __init__(
        self,
        *,
        name: SourceName,
        client: httpx.AsyncClient,
        api_key: str,
        clock: Clock,
        base_url: str = BASE_URL,
        profile: Profile = Profile.V2_2025_08,
        tokens: tuple[str, ...] = (),
        trusts_dates: bool = False,
        deadline: timedelta = DEADLINE,
        cap_bytes: int = CAP_BYTES,
    ) -> None:
        if not _KEY.fullmatch(api_key):
            raise InvalidInput("api_key", "must be 1-256 visible ASCII characters")
        self._name = name
        self._client = client
        self._api_key = api_key
        self._clock = clock
        self._base_url = checked_base_url(base_url)
        self._profile = profile
        self._tokens = _checked_tokens(tokens)
        self._trusts_dates = trusts_dates
        self._deadline = deadline
        self._cap_bytes = cap_bytes
        self._fingerprints: dict[Kind, tuple[int, bytes]] = {}

    @property
    def name(self) -> SourceName:
        return self._name

    async def fetch(self, kind: Kind, page: int) -> FetchedPage | Trouble:
        """One request, as the port says; the states are told in `read_refusal`.

        A 200 that does not hold one whole page is `failing`. A redirect is never followed.
        """
        path = _ROUTES[self._profile, kind].path
        wanted = f"{path} page {page}"
        if page > LAST_PAGE:
            return Trouble(SourceState.FAILING, f"{wanted}: the pages do not end")
        answer = await download(
            self._client,
            self._url(path, page),
            headers={
                "x-api-key": self._api_key,
                "accept": "application/json",
                "user-agent": f"Gradebell/{__version__}",
            },
            deadline=self._deadline,
            cap_bytes=self._cap_bytes,
        )
        if isinstance(answer, str):
            detail = one_line(f"{wanted}: {answer}", self._api_key)
            return Trouble(SourceState.FAILING, detail)
        if answer.status != httpx.codes.OK:
            now = self._clock.now()
            return read_refusal(answer, wanted=wanted, secret=self._api_key, now=now)
        rows = (
            f"is larger than {self._cap_bytes:,} bytes" if answer.is_cut else open_page(answer.body)
        )
        if not isinstance(rows, str) and self._is_repeated(kind, page, rows):
            rows = "repeats the page before it: upstream does not heed `page`"
        if isinstance(rows, str):
            detail = describe(answer, rows, wanted=wanted, secret=self._api_key)
            return Trouble(SourceState.FAILING, detail)
        return FetchedPage(answer.body, len(rows), self._is_last(len(rows)))

    def read(self, kind: Kind, pages: Sequence[bytes], *, undated: datetime) -> Reading:
        """As the port says. Raises InvalidInput for a page that `fetch` would not have given."""
        route = _ROUTES[self._profile, kind]
        latest = None if self._trusts_dates else self._clock.now()
        dated: dict[datetime, list[tuple[int, Grade]]] = {}
        rejected: list[RejectedRow] = []
        for number, raw in enumerate(_all_rows(pages), start=1):
            row: dict[str, object] = {}
            try:
                row = _unpack(route, raw)
                as_of = undated
                if row.get(_DATE) is not None:
                    as_of = read_as_of(row[_DATE], latest=latest, field=_DATE)
                grade = read_grade(self._name, _public_row(route, row))
            except InvalidInput as error:
                rejected.append(RejectedRow(number, shown_id(row.get("TOKEN_ID")), str(error)))
            else:
                dated.setdefault(as_of, []).append((number, grade))
        grades = {}
        for as_of in sorted(dated):
            grades[as_of], twins = unique(dated[as_of])
            rejected.extend(twins)
        rejected.sort(key=lambda each: each.row)
        return Reading(grades, tuple(rejected), unread_tokens(self._name, rejected))

    def _url(self, path: str, page: int) -> httpx.URL:
        query: dict[str, str | int] = {"limit": PAGE_ROWS, "page": page}
        if self._tokens:
            query["token_id"] = ",".join(self._tokens)
        base = self._base_url
        return base.copy_with(path=base.path.rstrip("/") + path, params=query)

    def _is_last(self, rows: int) -> bool:
        """Fewer rows than a page holds, or one for each token asked for."""
        return rows < PAGE_ROWS or rows == len(self._tokens)

    def _is_repeated(self, kind: Kind, page: int, rows: Sequence[msgspec.Raw]) -> bool:
        fingerprint = hashlib.sha256(b"\n".join(bytes(row) for row in rows)).digest()
        before = self._fingerprints.get(kind)
        self._fingerprints[kind] = page, fingerprint
        return bool(rows) and before == (page - 1, fingerprint)


def _all_rows(pages: Sequence[bytes]) -> Iterator[msgspec.Raw]:
    for number, page in enumerate(pages, start=1):
        rows = open_page(page)
        if isinstance(rows, str):
            raise InvalidInput(f"page {number}", rows)
        yield from rows


def _unpack(route: _Route, raw: msgspec.Raw) -> dict[str, object]:
    """The fields we know, each by itself: one that cannot be decoded is left as bytes."""
    try:
        packed = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError) as error:
        raise InvalidInput("row", f"cannot be decoded: {error}") from None
    known = [_DATE, "TOKEN_ID", "TOKEN_SYMBOL", "TOKEN_NAME", route.primary]
    known += [*route.components.values(), *([route.label] if route.label else [])]
    row: dict[str, object] = {}
    for field in known:
        if field in packed:
            try:
                row[field] = msgspec.json.decode(packed[field])
            except (ValueError, RecursionError):
                row[field] = bytes(packed[field])
    return row


def _public_row(route: _Route, row: Mapping[str, object]) -> dict[str, object]:
    """An upstream row in our words. What is no grade never costs the grade."""
    return {
        "token_id": row.get("TOKEN_ID"),
        "symbol": _text(row.get("TOKEN_SYMBOL")),
        "name": _text(row.get("TOKEN_NAME")),
        "score": row.get(route.primary),
        "class": _text(row.get(route.label)) if route.label else None,
        "components": {
            name: _component(row[field]) for name, field in route.components.items() if field in row
        },
    }


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


def _checked_tokens(tokens: tuple[str, ...]) -> tuple[str, ...]:
    if len(tokens) > PAGE_ROWS:
        raise InvalidInput("tokens", f"holds {len(tokens)}; at most {PAGE_ROWS}")
    for position, token in enumerate(tokens):
        if not _TOKEN.fullmatch(token):
            problem = "must be an upstream id, 1-64 of A-Z, a-z, 0-9, dot, _ and -"
            raise InvalidInput(f"tokens[{position}]", problem)
    return tuple(dict.fromkeys(tokens))
