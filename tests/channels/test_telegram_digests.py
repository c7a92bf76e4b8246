"""A week on Telegram: what is followed first, nothing twice, and what is late is said."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels.telegram_digests import digest_lines
from alerts.channels.telegram_markup import MOST_TEXT, as_plain
from alerts.domain.digests import Digest, KindDigest, Line, Rung, Section, digest_data, read_digest
from alerts.domain.grades import Kind
from alerts.domain.payloads import TokenView
from alerts.domain.summaries import MOST_TOP, Wants
from tests.builders import token
from tests.channels.made_weeks import ENDS_AT, WINDOW, week_of


def line(symbol: str, before: int | None, after: int | None, **given: int | bool) -> Line:
    """A token that went from one rank to another."""
    view = TokenView(token(symbol), symbol, "", None)
    return Line(view, *(rung(rank) for rank in (before, after)), **given)  # type: ignore[arg-type]


def rung(rank: int | None, at: datetime = ENDS_AT) -> Rung | None:
    bands = ("Strong Sell", "Sell", "Neutral", "Buy", "Strong Buy")
    return None if rank is None else Rung(bands[rank - 1], rank, rank * 1500, at)


def week(*kinds: KindDigest) -> Digest:
    return Digest(
        WINDOW.period,
        WINDOW.weeks,
        WINDOW.starts_at,
        WINDOW.ends_at,
        WINDOW.time_zone,
        WINDOW.from_sequence,
        WINDOW.through_sequence,
        kinds,
    )


def trader(**sections: list[Line]) -> KindDigest:
    kind = KindDigest(Kind.TRADER, (), tokens=9, as_of=ENDS_AT)
    made = {name: Section(tuple(lines), len(lines)) for name, lines in sections.items()}
    return replace(kind, **made)  # type: ignore[arg-type]


def test_what_is_followed_stands_first_whichever_way_it_went_and_nothing_stands_twice() -> None:
    up, down = line("BTC", 3, 4, watched=True), line("ETH", 4, 2, watched=True)
    back = line("SOL", 3, 3, moves=2, watched=True)
    gone, first = line("ADA", 3, None, watched=True), line("DOT", None, 2, watched=True)
    other = line("XRP", 1, 5)

    told = as_plain(
        digest_lines(
            week(
                trader(
                    upgrades=[other, up],
                    downgrades=[down],
                    returned=[back],
                    watched=[down, up, back, gone, first],
                )
            )
        )
    )

    assert told.split("\n")[1:-3] == [
        "Trader grades: 2 upgrades, 1 downgrade among 9 tokens",
        "1 back where they were",
        "",
        "What you follow",
        "🔴 ETH Buy → Sell · 30.0 (−30.0)",
        "🟢 BTC Neutral → Buy · 60.0 (+15.0)",
        "🔵 SOL changed and is back at Neutral · 45.0 (+0.0)",
        "🔵 ADA is no longer graded",
        "🔵 DOT is graded for the first time: Sell · 30.0",
        "",
        "Trader grades: upgrades",
        "🟢 XRP Strong Sell → Strong Buy · 75.0 (+60.0)",
    ]


@pytest.mark.parametrize("changes", [[], [line("BTC", 3, 4)]])
def test_a_week_of_which_nothing_fresh_is_known_says_so(changes: list[Line]) -> None:
    old = ENDS_AT - timedelta(days=5)
    silent = replace(trader(upgrades=changes), tokens=1, as_of=old, stale=Section((), 1))

    told = as_plain(digest_lines(week(silent)))

    assert "No fresh data since 18 Nov 2026" in told
    assert ("Nothing is known to have changed." in told) is (not changes)


@settings(max_examples=20)
@given(changes=st.integers(0, 900), top=st.integers(1, MOST_TOP))
def test_a_week_fits_however_much_changed(changes: int, top: int) -> None:
    digest = week_of(changes, wants=Wants(top=top))

    assert len(as_plain(digest_lines(digest))) <= MOST_TEXT
    assert read_digest(digest_data(digest)) == digest


def test_a_week_that_an_earlier_release_summed_up_is_read_as_it_was() -> None:
    digest = week(trader(upgrades=[line("BTC", 3, 4)]))
    data = digest_data(digest)
    for kind in data["kinds"]:  # type: ignore[attr-defined]
        del kind["watched"]

    assert read_digest(data) == digest
