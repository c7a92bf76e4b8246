from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.digests import (
    SECTIONS,
    Digest,
    KindDigest,
    Line,
    Rung,
    Section,
    digest_data,
    digest_event,
    read_digest,
)
from alerts.domain.grades import Kind, TokenId
from alerts.domain.payloads import TokenView

EPOCH = datetime(2026, 11, 16, tzinfo=UTC)

moments = st.integers(0, 10**9).map(lambda seconds: EPOCH + timedelta(seconds=seconds))
tokens = st.builds(
    TokenView,
    id=st.integers(1, 9999).map(lambda n: TokenId(f"token_metrics:{n}")),
    symbol=st.text(min_size=1, max_size=40),
    name=st.text(max_size=20),
    url=st.sampled_from([None, "https://example.com/x", f"https://example.com/{'(x)' * 50}"]),
)
rungs = st.builds(
    Rung,
    band=st.sampled_from(["Sell", "Buy"]),
    rank=st.integers(1, 5),
    score=st.integers(0, 10_000),
    as_of=moments,
)
lines = st.builds(
    Line,
    token=tokens,
    before=st.none() | rungs,
    after=st.none() | rungs,
    moves=st.integers(0, 40),
    watched=st.booleans(),
)
sections = st.builds(
    lambda lines, more: Section(tuple(lines), len(lines) + more),
    st.lists(lines, max_size=3),
    st.integers(0, 500),
)
shares = st.lists(st.integers(0, 900), min_size=5, max_size=5).map(tuple)
kind_digests = st.builds(
    KindDigest,
    kind=st.sampled_from(Kind),
    bands=st.just(("Strong Sell", "Sell", "Neutral", "Buy", "Strong Buy")),
    tokens=st.integers(0, 9000),
    as_of=st.none() | moments,
    **dict.fromkeys(SECTIONS, sections),
    shares_before=shares,
    shares_after=shares,
    rebased=st.booleans(),
)
digests = st.builds(
    Digest,
    period=st.just("2026-W47"),
    weeks=st.integers(1, 5),
    starts_at=moments,
    ends_at=moments,
    time_zone=st.sampled_from(["Europe/Berlin", "UTC"]),
    from_sequence=st.integers(0, 10**6),
    through_sequence=st.integers(0, 10**6),
    kinds=st.lists(kind_digests, max_size=2).map(tuple),
)


@given(digests)
def test_what_a_payload_holds_is_the_digest(digest: Digest) -> None:
    assert read_digest(digest_data(digest)) == digest


@given(digests)
def test_an_endpoint_has_one_event_for_a_week(digest: Digest) -> None:
    event = digest_event(digest, "ep_1")

    assert digest_event(digest, "ep_1").id == event.id
    assert digest_event(digest, "ep_2").id != event.id
