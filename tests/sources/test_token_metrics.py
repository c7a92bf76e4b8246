"""Token Metrics, over real sockets: what is asked and taken in."""

import gzip

import httpx
import pytest

from alerts.domain.grades import Kind, SourceName
from alerts.errors import InvalidInput
from alerts.ports import FetchedPage, SourceState, Trouble
from alerts.sources.download import checked_base_url
from alerts.sources.token_metrics import TokenMetrics
from alerts.sources.token_metrics_rows import Profile
from tests.sources.conftest import API_KEY, MachineClock, ReadFrom, RunUpstream
from tests.sources.wire import answer, page, tm_row


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
            (Profile.V3, Kind.TRADER, "/v3/tm-grade"),
            (Profile.V3, Kind.FUNDAMENTAL, "/v3/fundamental-grade"),
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

        assert fetched == FetchedPage(body, rows, is_last=is_last)

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
