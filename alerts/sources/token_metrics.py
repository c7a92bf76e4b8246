"""Token Metrics: its grades as they are published, one request at a time.

Source: https://developers.tokenmetrics.com/reference
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import httpx
import msgspec

from alerts import __version__
from alerts.domain.grades import Grade, Kind, SourceName, read_as_of, read_grade, token_identity
from alerts.domain.readings import Reading, RejectedRow, shown_id, unique, unread_tokens
from alerts.errors import InvalidInput
from alerts.ports import Clock, FetchedPage, SourceState, Trouble
from alerts.sources.download import Broken, checked_base_url, download
from alerts.sources.pages import open_page
from alerts.sources.refusals import describe, read_aside, read_break, read_refusal
from alerts.sources.token_metrics_rows import (
    ROUTES,
    Profile,
    Route,
    all_rows,
    lacking,
    public_row,
    unpack,
)

BASE_URL = "https://api.tokenmetrics.com"
DEADLINE = timedelta(seconds=30)
CAP_BYTES = 8 * 1024 * 1024
# Rows a page: "Maximum is 100", https://developers.tokenmetrics.com/reference
PAGE_ROWS = 100
# A sweep that goes on past 50,000 rows is an upstream that does not heed `page`.
LAST_PAGE = 500

_KEY = re.compile(r"[!-~]{1,256}")
_TOKEN = re.compile(r"[0-9]{1,18}")


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
        self._asked = frozenset(token_identity(name, token) for token in self._tokens) or None
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
        path = ROUTES[self._profile, kind].path
        wanted, secret = f"{path} page {page}", self._api_key
        if page > LAST_PAGE:
            return Trouble(SourceState.FAILING, f"{wanted}: the pages do not end")
        answer = await download(
            self._client,
            self._url(path, page),
            headers={
                "x-api-key": secret,
                "accept": "application/json",
                "user-agent": f"Gradebell/{__version__}",
            },
            deadline=self._deadline,
            cap_bytes=self._cap_bytes,
            clock=self._clock,
        )
        if isinstance(answer, Broken):
            return read_break(answer, wanted=wanted, secret=secret)
        if answer.head.status != httpx.codes.OK:
            return read_refusal(answer, wanted=wanted, secret=secret)
        rows = (
            f"is larger than {self._cap_bytes:,} bytes" if answer.is_cut else open_page(answer.body)
        )
        if not isinstance(rows, str) and self._is_repeated(kind, page, rows):
            rows = "repeats the page before it: upstream does not heed `page`"
        aside = read_aside(answer.head, secret)
        if isinstance(rows, str):
            detail = describe(answer, rows, wanted=wanted, secret=secret)
            return Trouble(SourceState.FAILING, detail, aside=aside)
        return FetchedPage(answer.body, len(rows), self._is_last(len(rows)), aside)

    def read(self, kind: Kind, pages: Sequence[bytes], *, undated: datetime) -> Reading:
        """As the port says. Raises InvalidInput for a page that `fetch` would not have given."""
        route = ROUTES[self._profile, kind]
        latest = None if self._trusts_dates else self._clock.now()
        dated: dict[datetime, list[tuple[int, Grade]]] = {}
        rejected: list[RejectedRow] = []
        rows: list[dict[str, object]] = []
        for number, raw in enumerate(all_rows(pages), start=1):
            row: dict[str, object] = {}
            try:
                row = unpack(route, raw)
                rows.append(row)
                as_of, grade = self._grade(route, row, undated=undated, latest=latest)
            except InvalidInput as error:
                rejected.append(RejectedRow(number, shown_id(row.get(route.token_id)), str(error)))
            else:
                dated.setdefault(as_of, []).append((number, grade))
        grades = {}
        for as_of in sorted(dated):
            grades[as_of], twins = unique(dated[as_of])
            rejected.extend(twins)
        rejected.sort(key=lambda each: each.row)
        return Reading(
            grades,
            tuple(rejected),
            unread_tokens(self._name, rejected),
            asked=self._asked,
            lacks=lacking(route, rows),
        )

    def _grade(
        self,
        route: Route,
        row: dict[str, object],
        *,
        undated: datetime,
        latest: datetime | None,
    ) -> tuple[datetime, Grade]:
        as_of = undated
        if row.get(route.date) is not None:
            as_of = read_as_of(row[route.date], latest=latest, field=route.date)
        return as_of, read_grade(self._name, public_row(route, row))

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
        # A page that was not full was the last, whatever comes after it.
        return len(rows) >= PAGE_ROWS and before == (page - 1, fingerprint)


def _checked_tokens(tokens: tuple[str, ...]) -> tuple[str, ...]:
    if len(tokens) > PAGE_ROWS:
        raise InvalidInput("tokens", f"holds {len(tokens)}; at most {PAGE_ROWS}")
    for position, token in enumerate(tokens):
        if not _TOKEN.fullmatch(token):
            problem = f"must be an upstream id, a number such as 3375, not {token!a}"
            raise InvalidInput(f"tokens[{position}]", problem)
    return tuple(dict.fromkeys(tokens))
