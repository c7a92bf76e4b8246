"""Token Metrics, over real sockets: what each refusal comes to."""

import gzip
from datetime import timedelta

import pytest

from alerts.domain.grades import Kind
from alerts.ports import SourceState, Trouble
from tests.sources.conftest import API_KEY, ReadFrom, RunUpstream
from tests.sources.wire import answer, page, tm_row


async def one_fetch(run: RunUpstream, read_from: ReadFrom, raw: bytes | None) -> Trouble:
    upstream = await run(raw)

    trouble = await read_from(upstream.url).fetch(Kind.TRADER, 1)

    assert isinstance(trouble, Trouble), trouble
    assert "\n" not in trouble.detail
    return trouble


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
