"""Token Metrics, over real sockets: what is asked, and what each answer comes to."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.grades import Kind, SourceName
from alerts.errors import InvalidInput
from alerts.ports import FetchedPage, SourceState, Trouble
from alerts.sources.download import checked_base_url
from alerts.sources.token_metrics import Profile, TokenMetrics
from tests.sources.conftest import API_KEY, MachineClock, ReadFrom, RunUpstream

UNDATED = datetime(2026, 3, 1, tzinfo=UTC)
FAR_FROM_OUR_DAY = datetime(2099, 1, 1, tzinfo=UTC)


def answer(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    said = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"content-length: {said}", "connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def page(*rows: object, **extra: object) -> bytes:
    whole = {"success": True, "message": "ok", "length": len(rows), "data": list(rows)}
    return json.dumps({**whole, **extra}).encode()


def tm_row(token_id: int = 1, grade: object = "64.03", **extra: object) -> dict[str, object]:
    names = {"TOKEN_ID": token_id, "TOKEN_NAME": f"Token {token_id}", "TOKEN_SYMBOL": "TKN"}
    return {**names, "TM_GRADE": grade, **extra}


async def one_fetch(run: RunUpstream, read_from: ReadFrom, raw: bytes | None) -> Trouble:
    upstream = await run(raw)

    trouble = await read_from(upstream.url).fetch(Kind.TRADER, 1)

    assert isinstance(trouble, Trouble), trouble
    assert "\n" not in trouble.detail
    return trouble


class TestAsking:
    async def test_a_request_carries_the_key_the_limit_and_the_page(
        self, upstream: RunUpstream, read_from: ReadFrom
    ) -> None:
        server = await upstream(answer(page()))

        await read_from(server.url).fetch(Kind.TRADER, 3)

        head = server.requests[0].lower()
        assert head.startswith("get /v2/tm-grade?limit=100&page=3 http/1.1")
        assert f"x-api-key: {API_KEY}" in head

    @pytest.mark.parametrize(
        ("profile", "kind", "path"),
        [
            (Profile.V2_2025_08, Kind.TRADER, "/v2/tm-grade"),
            (Profile.V2_2025_04, Kind.TRADER, "/v2/trader-grades"),
            (Profile.V2_2025_08, Kind.FUNDAMENTAL, "/v2/fundamental-grade"),
            (Profile.V2_2025_04, Kind.FUNDAMENTAL, "/v2/fundamental-grade"),
        ],
    )
    async def test_each_profile_has_its_paths(
        self,
        upstream: RunUpstream,
        read_from: ReadFrom,
        profile: Profile,
        kind: Kind,
        path: str,
    ) -> None:
        server = await upstream(answer(page()))

        await read_from(server.url + "/behind/", profile=profile).fetch(kind, 1)

        assert server.requests[0].split()[1].startswith(f"/behind{path}?")

    async def test_a_list_of_tokens_is_one_request_and_one_page(
        self, upstream: RunUpstream, read_from: ReadFrom
    ) -> None:
        tokens = tuple(str(number) for number in range(1, 101))
        server = await upstream(answer(page(*(tm_row(number) for number in range(1, 101)))))

        fetched = await read_from(server.url, tokens=tokens).fetch(Kind.TRADER, 1)

        asked = httpx.URL(server.requests[0].split()[1]).params
        assert asked["token_id"] == ",".join(tokens)
        assert isinstance(fetched, FetchedPage)
        assert (fetched.rows, fetched.is_last) == (100, True)

    @pytest.mark.parametrize(("rows", "is_last"), [(0, True), (99, True), (100, False)])
    async def test_a_page_that_is_not_full_is_the_last(
        self, upstream: RunUpstream, read_from: ReadFrom, rows: int, is_last: bool
    ) -> None:
        body = page(*(tm_row(number) for number in range(rows)))
        server = await upstream(answer(body))

        fetched = await read_from(server.url).fetch(Kind.TRADER, 1)

        assert fetched == FetchedPage(body, rows, is_last)

    async def test_a_gzipped_page_is_unpacked(
        self, upstream: RunUpstream, read_from: ReadFrom
    ) -> None:
        body = page(tm_row())
        server = await upstream(answer(gzip.compress(body), "content-encoding: gzip"))

        fetched = await read_from(server.url).fetch(Kind.TRADER, 1)

        assert fetched == FetchedPage(body, 1, is_last=True)

    async def test_an_upstream_that_repeats_a_page_is_not_asked_for_ever(
        self, upstream: RunUpstream, read_from: ReadFrom
    ) -> None:
        server = await upstream(answer(page(*(tm_row(number) for number in range(100)))))
        source = read_from(server.url)
        await source.fetch(Kind.TRADER, 1)

        again = await source.fetch(Kind.TRADER, 2)

        assert isinstance(again, Trouble)
        assert again.state is SourceState.FAILING
        assert "repeats the page before it" in again.detail

    async def test_a_cookie_is_not_kept(self, upstream: RunUpstream, read_from: ReadFrom) -> None:
        server = await upstream(answer(page(), "set-cookie: session=1; path=/"))
        source = read_from(server.url)
        await source.fetch(Kind.TRADER, 1)

        await source.fetch(Kind.TRADER, 1)

        assert "cookie" not in server.requests[1].lower()

    async def test_a_proxy_of_the_environment_is_not_used(
        self, upstream: RunUpstream, read_from: ReadFrom, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = await upstream(answer(page()))
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

        assert isinstance(await read_from(server.url).fetch(Kind.TRADER, 1), FetchedPage)

    @pytest.mark.parametrize(
        ("settings", "field"),
        [
            ({"api_key": ""}, "api_key"),
            ({"api_key": "tm-1\r\nx-evil: 1"}, "api_key"),
            ({"api_key": "schlüssel"}, "api_key"),
            ({"tokens": tuple(map(str, range(101)))}, "tokens"),
            ({"tokens": ("1", "2,3")}, "tokens[1]"),
        ],
    )
    async def test_a_setting_that_cannot_work_is_named(
        self, read_from: ReadFrom, settings: dict[str, object], field: str
    ) -> None:
        with pytest.raises(InvalidInput) as refused:
            read_from("http://127.0.0.1:9", **settings)

        assert refused.value.field == field

    @pytest.mark.parametrize("url", ["", "ftp://a", "http://", "https://k@a", "http://a?b", "h:\n"])
    def test_a_base_url_that_cannot_work_is_refused(self, url: str) -> None:
        with pytest.raises(InvalidInput):
            checked_base_url(url)


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("204 No Content", SourceState.FAILING),
            ("206 Partial Content", SourceState.FAILING),
            ("302 Found", SourceState.FAILING),
            ("304 Not Modified", SourceState.FAILING),
            ("400 Bad Request", SourceState.FAILING),
            ("401 Unauthorized", SourceState.FORBIDDEN),
            ("402 Payment Required", SourceState.FORBIDDEN),
            ("403 Forbidden", SourceState.FORBIDDEN),
            ("404 Not Found", SourceState.GONE),
            ("410 Gone", SourceState.GONE),
            ("418 Teapot", SourceState.FAILING),
            ("422 Unprocessable", SourceState.FAILING),
            ("429 Too Many", SourceState.WAITING),
            ("500 Error", SourceState.FAILING),
            ("502 Bad Gateway", SourceState.FAILING),
            ("503 Unavailable", SourceState.FAILING),
            ("504 Timeout", SourceState.FAILING),
            ("599 Odd", SourceState.FAILING),
        ],
    )
    async def test_every_status_has_its_state(
        self, upstream: RunUpstream, read_from: ReadFrom, status: str, state: SourceState
    ) -> None:
        length = "" if status.startswith(("204", "304")) else "no"
        raw = answer(length.encode(), status=status)

        trouble = await one_fetch(upstream, read_from, raw)

        assert trouble.state is state
        assert trouble.detail.startswith(f"HTTP {status[:3]} for /v2/tm-grade page 1")

    @pytest.mark.parametrize(
        ("headers", "body", "state", "wait"),
        [
            (["retry-after: 70"], b"{}", SourceState.WAITING, timedelta(seconds=70)),
            (["retry-after: 0"], b"{}", SourceState.WAITING, timedelta(0)),
            (["retry-after: later"], b"{}", SourceState.WAITING, None),
            ([], b'{"message":"Rate quota: 1 per minute"}', SourceState.WAITING, None),
            ([], b'{"message":"Monthly limit reached"}', SourceState.QUOTA, None),
            ([], b'{"error":"No credits left"}', SourceState.QUOTA, None),
            (["retry-after: 7200"], b"{}", SourceState.QUOTA, timedelta(hours=2)),
            (["retry-after: 9999999"], b"{}", SourceState.QUOTA, timedelta(hours=24)),
        ],
    )
    async def test_a_429_waits_as_asked_and_a_spent_allowance_is_a_quota(
        self,
        upstream: RunUpstream,
        read_from: ReadFrom,
        headers: list[str],
        body: bytes,
        state: SourceState,
        wait: timedelta | None,
    ) -> None:
        raw = answer(body, *headers, status="429 Too Many")

        trouble = await one_fetch(upstream, read_from, raw)

        assert (trouble.state, trouble.retry_after) == (state, wait)

    async def test_a_503_says_how_long_to_wait(
        self, upstream: RunUpstream, read_from: ReadFrom
    ) -> None:
        raw = answer(b"", "retry-after: 90", status="503 Unavailable")

        assert (await one_fetch(upstream, read_from, raw)).retry_after == timedelta(seconds=90)

    async def test_the_detail_names_the_request_id_and_the_first_words_on_one_line(
        self, upstream: RunUpstream, read_from: ReadFrom
    ) -> None:
        raw = answer(b"<h1>\n\x1b[31mDown" + b"x" * 9000, "x-request-id: r-77", status="500 E")

        detail = (await one_fetch(upstream, read_from, raw)).detail

        assert "HTTP 500 for /v2/tm-grade page 1, request id r-77: <h1> [31mDownxxx" in detail
        assert len(detail) < 400

    @pytest.mark.parametrize("cut_at", range(0, 300, 37))
    async def test_an_upstream_that_echoes_the_key_does_not_get_it_shown(
        self, upstream: RunUpstream, read_from: ReadFrom, cut_at: int
    ) -> None:
        body = b"." * cut_at + f"bad key {API_KEY}".encode()

        for status in ("401 Unauthorized", "200 OK"):
            trouble = await one_fetch(upstream, read_from, answer(body, status=status))

            assert API_KEY[:12] not in trouble.detail

    async def test_a_redirect_is_not_followed_and_the_key_stays_here(
        self, upstream: RunUpstream, read_from: ReadFrom
    ) -> None:
        other = await upstream(answer(page(tm_row())))
        raw = answer(b"", f"location: {other.url}/v2/tm-grade?secret=1", status="301 Moved")

        trouble = await one_fetch(upstream, read_from, raw)

        assert other.requests == []
        assert trouble.state is SourceState.FAILING
        assert "redirect to 127.0.0.1, not followed" in trouble.detail
        assert "secret" not in trouble.detail

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"<html>maintenance</html>", "is no page of rows"),
            (b"", "is no page of rows"),
            (page(tm_row())[:-9], "is no page of rows"),
            (b"[1, 2]", "is no page of rows"),
            (b'{"success": true}', "is no page of rows"),
            (b'{"data": {"a": 1}}', "is no page of rows"),
            (b'{"data": null}', "is no page of rows"),
            (b'{"data":' + b"[" * 200_000, "is no page of rows"),
            (b"\xff\xfe{}", "is no page of rows"),
            (page(success=False, message="out of order"), "did not succeed: out of order"),
            (page(tm_row(), success="false"), "did not succeed"),
            (page(tm_row(), length=2), "says it holds 2 rows and holds 1"),
        ],
    )
    async def test_a_200_that_is_no_whole_page_is_refused_whole(
        self, upstream: RunUpstream, read_from: ReadFrom, body: bytes, words: str
    ) -> None:
        trouble = await one_fetch(upstream, read_from, answer(body))

        assert trouble.state is SourceState.FAILING
        assert words in trouble.detail

    @pytest.mark.parametrize(
        ("raw", "words"),
        [
            (b"", "no HTTP"),
            (b"SSH-2.0-OpenSSH\r\n", "no HTTP"),
            (answer(b'{"data": [', length=500), "cut short"),
            (answer(gzip.compress(page())[:-4], "content-encoding: gzip"), "cut short"),
            (answer(page(), "content-encoding: gzip"), "gzip body is broken"),
            (answer(page(), "content-encoding: br"), "encoding nobody asked for"),
        ],
    )
    async def test_an_answer_that_breaks_off_or_cannot_be_unpacked_is_failing(
        self, upstream: RunUpstream, read_from: ReadFrom, raw: bytes, words: str
    ) -> None:
        trouble = await one_fetch(upstream, read_from, raw)

        assert trouble.state is SourceState.FAILING
        assert words in trouble.detail

    @pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
    async def test_a_body_past_the_cap_is_not_taken_in(
        self, upstream: RunUpstream, read_from: ReadFrom, packed: bool
    ) -> None:
        body = page() + b" " * 2_000_000
        raw = answer(gzip.compress(body), "content-encoding: gzip") if packed else answer(body)
        server = await upstream(raw)

        trouble = await read_from(server.url, cap_bytes=100_000).fetch(Kind.TRADER, 1)

        assert isinstance(trouble, Trouble)
        assert "is larger than 100,000 bytes" in trouble.detail

    async def test_a_silent_upstream_is_left_at_the_deadline(
        self, upstream: RunUpstream, read_from: ReadFrom
    ) -> None:
        server = await upstream(None)
        source = read_from(server.url, deadline=timedelta(seconds=0.2))

        trouble = await source.fetch(Kind.TRADER, 1)

        assert trouble == Trouble(
            SourceState.FAILING, "/v2/tm-grade page 1: no whole answer within 0.2 s"
        )

    async def test_nobody_listening_is_failing(self, read_from: ReadFrom) -> None:
        trouble = await read_from("http://127.0.0.1:1").fetch(Kind.TRADER, 1)

        assert isinstance(trouble, Trouble)
        assert "the connection failed" in trouble.detail

    async def test_a_host_that_is_no_name_is_failing(self, read_from: ReadFrom) -> None:
        trouble = await read_from(f"http://{'a' * 70}.example").fetch(Kind.TRADER, 1)

        assert isinstance(trouble, Trouble)
        assert trouble.state is SourceState.FAILING


@pytest.fixture
async def source(read_from: ReadFrom) -> TokenMetrics:
    return read_from("http://127.0.0.1:9")


class TestReading:
    async def test_a_trader_grade_is_tm_grade_and_nothing_else(self, source: TokenMetrics) -> None:
        row = tm_row(3375, "64.03", TA_GRADE=70, QUANT_GRADE="40.11", TM_TRADER_GRADE=1)
        row |= {"TM_GRADE_SIGNAL": "Buy", "tm_grade": 2, "TM_LINK": "x", "tm_link": 5}

        reading = source.read(Kind.TRADER, [page(row)], undated=UNDATED)

        (grade,) = reading.grades[UNDATED]
        assert reading.rejected == ()
        assert grade.token == "token_metrics:3375"
        assert (grade.symbol, grade.name) == ("TKN", "Token 3375")
        assert (grade.score, grade.label) == (6403, "Buy")
        assert grade.components == (("quant_grade", 4011), ("ta_grade", 7000))

    @pytest.mark.parametrize(
        "row",
        [
            tm_row(grade=None),
            tm_row(grade=""),
            {"TOKEN_ID": 1, "TA_GRADE": 70, "TM_TRADER_GRADE": 70, "FUNDAMENTAL_GRADE": 70},
            {"TOKEN_ID": 1, "tm_grade": 70, "Tm_Grade": 70},
        ],
        ids=["null", "blank", "absent", "renamed"],
    )
    async def test_a_missing_grade_is_unknown_and_never_another_field(
        self, source: TokenMetrics, row: dict[str, object]
    ) -> None:
        reading = source.read(Kind.TRADER, [page(row)], undated=UNDATED)

        assert [grade.score for grade in reading.grades[UNDATED]] == [None]

    async def test_the_older_profile_reads_tm_trader_grade(self, read_from: ReadFrom) -> None:
        source = read_from("http://127.0.0.1:9", profile=Profile.V2_2025_04)
        row = {"TOKEN_ID": 7, "TM_TRADER_GRADE": 64, "TM_GRADE": 1, "TA_GRADE": 70.0}
        row["DATE"] = "2025-04-16T00:00:00.000Z"  # type: ignore[assignment]

        reading = source.read(Kind.TRADER, [page(row)], undated=UNDATED)

        (grade,) = reading.grades[datetime(2025, 4, 16, tzinfo=UTC)]
        assert (grade.score, grade.label) == (6400, None)
        assert grade.components == (("ta_grade", 7000),)

    async def test_a_fundamental_grade_carries_its_class_and_components(
        self, source: TokenMetrics
    ) -> None:
        row = {
            "TOKEN_ID": 3375,
            "FUNDAMENTAL_GRADE": 91.4,
            "FUNDAMENTAL_GRADE_CLASS": "storeOfValue",
            "COMMUNITY_SCORE": 9.6,
            "EXCHANGE_SCORE": "n/a",
            "VC_SCORE": None,
            "TOKENOMICS_SCORE": [1],
            "DEFI_SCANNER_SCORE": "5.2",
        }

        reading = source.read(Kind.FUNDAMENTAL, [page(row)], undated=UNDATED)

        (grade,) = reading.grades[UNDATED]
        assert (grade.score, grade.label) == (9140, "storeOfValue")
        assert dict(grade.components) == {
            "community": 960,
            "exchange": None,
            "vc": None,
            "tokenomics": None,
            "defi_scanner": 520,
        }

    @pytest.mark.parametrize(
        "garbage", ["1e999", '"NaN"', "true", "{}", "9" * 5000, "1000000000", '"\\ud800"']
    )
    async def test_a_components_garbage_never_costs_the_grade(
        self, source: TokenMetrics, garbage: str
    ) -> None:
        body = b'{"data": [{"TOKEN_ID": 1, "TM_GRADE": 50, "QUANT_GRADE": %s}]}' % garbage.encode()

        reading = source.read(Kind.TRADER, [body], undated=UNDATED)

        (grade,) = reading.grades[UNDATED]
        assert (grade.score, grade.components) == (5000, (("quant_grade", None),))

    async def test_a_name_cut_in_the_middle_of_an_emoji_costs_nothing(
        self, source: TokenMetrics
    ) -> None:
        body = (
            rb'{"data": [{"TOKEN_ID": 1, "TM_GRADE": 50, "TOKEN_NAME": "Cat \ud83d"},'
            rb'{"TOKEN_ID": 2, "TM_GRADE": 60, "TOKEN_NAME": "\\ud83d \ud83d\ude3a \udc00\ud83d"}]}'
        )

        reading = source.read(Kind.TRADER, [body], undated=UNDATED)

        assert [grade.score for grade in reading.grades[UNDATED]] == [5000, 6000]
        names = [grade.name for grade in reading.grades[UNDATED]]
        assert names == ["Cat \ufffd", "\\ud83d \U0001f63a \ufffd\ufffd"]

    async def test_labels_that_are_no_text_never_cost_the_grade(self, source: TokenMetrics) -> None:
        row = {"TOKEN_ID": 1, "TM_GRADE": 50, "TOKEN_SYMBOL": 1, "TOKEN_NAME": [], "X": {}}
        row["TM_GRADE_SIGNAL"] = 2

        reading = source.read(Kind.TRADER, [page(row)], undated=UNDATED)

        (grade,) = reading.grades[UNDATED]
        assert (grade.symbol, grade.name, grade.label, grade.score) == ("1", "", None, 5000)

    async def test_one_bad_row_is_named_by_its_number_over_all_pages(
        self, source: TokenMetrics
    ) -> None:
        bad_rows = [
            "not a row",
            tm_row(5, "NaN"),
            tm_row(6, 101),
            tm_row(7, -0.5),
            tm_row(8, grade=True),
            {"TM_GRADE": 50},
            tm_row(9, DATE="yesterday"),
            tm_row(10, DATE=20260101),
        ]
        pages = [page(tm_row(1), tm_row(2)), page(*bad_rows, tm_row(3))]

        reading = source.read(Kind.TRADER, pages, undated=UNDATED)

        assert [grade.token for grade in reading.grades[UNDATED]] == [
            "token_metrics:1",
            "token_metrics:2",
            "token_metrics:3",
        ]
        assert [row.row for row in reading.rejected] == [3, 4, 5, 6, 7, 8, 9, 10]
        assert [row.token_id for row in reading.rejected][1:4] == ["5", "6", "7"]
        assert reading.rejected[6].problem.startswith("DATE: ")

    @pytest.mark.parametrize(
        ("date", "as_of"),
        [
            ("2026-01-05T00:00:00.000Z", datetime(2026, 1, 5, tzinfo=UTC)),
            ("2026-01-05", datetime(2026, 1, 5, tzinfo=UTC)),
            ("2026-01-05T02:00:00+02:00", datetime(2026, 1, 5, tzinfo=UTC)),
            (None, UNDATED),
        ],
    )
    async def test_a_rows_date_is_its_as_of(
        self, source: TokenMetrics, date: str | None, as_of: datetime
    ) -> None:
        reading = source.read(Kind.TRADER, [page(tm_row(DATE=date))], undated=UNDATED)

        assert list(reading.grades) == [as_of]

    async def test_a_sweep_over_two_dates_is_read_as_two_oldest_first(
        self, source: TokenMetrics
    ) -> None:
        rows = [tm_row(1, DATE="2026-01-06"), tm_row(2, DATE="2026-01-05"), tm_row(2)]

        reading = source.read(Kind.TRADER, [page(*rows)], undated=UNDATED)

        assert [moment.day for moment in reading.grades] == [5, 6, 1]
        assert [len(grades) for grades in reading.grades.values()] == [1, 1, 1]

    async def test_a_date_ahead_of_the_clock_is_refused(self, read_from: ReadFrom) -> None:
        pages = [page(tm_row(DATE="2099-01-01"))]

        strict = read_from("http://127.0.0.1:9").read(Kind.TRADER, pages, undated=UNDATED)
        trusting = read_from("http://127.0.0.1:9", trusts_dates=True).read(
            Kind.TRADER, pages, undated=UNDATED
        )

        assert strict.grades == {}
        assert "in the future" in strict.rejected[0].problem
        assert list(trusting.grades) == [FAR_FROM_OUR_DAY]

    async def test_twins_fold_and_of_those_that_differ_the_higher_stands(
        self, source: TokenMetrics
    ) -> None:
        rows = [tm_row(1, 50), tm_row(1, 50), tm_row(2, 30), tm_row(2, 70)]

        reading = source.read(Kind.TRADER, [page(*rows)], undated=UNDATED)

        assert [grade.score for grade in reading.grades[UNDATED]] == [5000, 7000]
        assert [row.row for row in reading.rejected] == [3]

    async def test_reading_again_gives_the_same(self, source: TokenMetrics) -> None:
        pages = [page(tm_row(1), tm_row(2, "x")), page(tm_row(3, DATE="2026-01-05"))]

        first = source.read(Kind.TRADER, pages, undated=UNDATED)

        assert source.read(Kind.TRADER, pages, undated=UNDATED) == first

    @given(
        st.lists(
            st.dictionaries(
                st.sampled_from(["TOKEN_ID", "TM_GRADE", "DATE", "TOKEN_NAME", "QUANT_GRADE"]),
                st.none()
                | st.text()
                | st.integers()
                | st.floats()
                | st.booleans()
                | st.lists(st.none()),
            )
            | st.none()
            | st.text()
        )
    )
    def test_no_row_raises_and_none_is_lost(self, rows: list[object]) -> None:
        source = TokenMetrics(
            name=SourceName("token_metrics"),
            client=httpx.AsyncClient(),
            api_key=API_KEY,
            clock=MachineClock(),
        )
        body = msgspec.json.encode({"data": rows})

        reading = source.read(Kind.TRADER, [body], undated=UNDATED)

        kept = sum(len(grades) for grades in reading.grades.values())
        assert kept + len(reading.rejected) <= len(rows)
        assert (kept > 0 or len(reading.rejected) > 0) is bool(rows)

    async def test_a_page_that_fetch_would_not_give_is_refused(self, source: TokenMetrics) -> None:
        with pytest.raises(InvalidInput, match="page 2"):
            source.read(Kind.TRADER, [page(), b"<html>"], undated=UNDATED)


async def test_a_callers_own_client_follows_no_redirect_either(upstream: RunUpstream) -> None:
    other = await upstream(answer(page(tm_row())))
    first = await upstream(answer(b"", f"location: {other.url}", status="302 Found"))
    async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as client:
        source = TokenMetrics(
            name=SourceName("token_metrics"),
            client=client,
            api_key=API_KEY,
            clock=MachineClock(),
            base_url=first.url,
        )

        trouble = await source.fetch(Kind.TRADER, 1)

    assert isinstance(trouble, Trouble)
    assert other.requests == []
