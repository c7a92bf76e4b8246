"""A digest in Discord: within its limits whatever happened, every row whole, every count right."""

import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.discord_messages import DiscordMessage, render
from alerts.channels.wording import dates_of
from alerts.domain.digests import SECTIONS, Digest, KindDigest, Line, Section
from alerts.domain.grades import Kind
from alerts.domain.summaries import Wants
from tests.builders import TRADER
from tests.channels.made_weeks import ENDS_AT, body_of, rung, token_of, week_of
from tests.discord.forms import check_message
from tests.domain.test_digests import digests

GOLDEN = Path(__file__).parent.parent / "golden" / "discord"
# Sections whose rows stand side by side.
INLINE = {"Back where they were", "Highest", "New", "No longer graded", "Without fresh data"}


def measured(text: str) -> int:
    """As Discord may count: code points, or UTF-16; the larger one."""
    return max(len(text), len(text.encode("utf-16-le", "surrogatepass")) // 2)


def texts(embed: Any) -> list[str]:  # noqa: ANN401 - JSON.
    found = [embed["title"], embed.get("description", ""), embed.get("footer", {}).get("text", "")]
    for field in embed.get("fields", ()):
        found += [field["name"], field["value"]]
    return found


def assert_within_limits(message: DiscordMessage) -> None:
    embeds: Any = message.embeds
    assert 1 <= len(embeds) <= 10
    assert sum(measured(text) for embed in embeds for text in texts(embed)) <= 6000
    for embed in embeds:
        assert 1 <= measured(embed["title"]) <= 256
        assert measured(embed.get("description", "")) <= 4096
        assert measured(embed.get("footer", {}).get("text", "")) <= 2048
        assert len(embed.get("fields", ())) <= 25
        for field in embed.get("fields", ()):
            assert 1 <= measured(field["name"]) <= 256
            assert 1 <= measured(field["value"]) <= 1024
            assert field["value"].strip()
    if message.picture is not None:
        assert 1 <= measured(message.picture.alt) <= 1024


def fields_of(message: DiscordMessage) -> list[tuple[str, int, str]]:
    """Heading, count and value of each field."""
    embeds: Any = message.embeds
    found = []
    for embed in embeds:
        for field in embed.get("fields", ()):
            heading, _, count = field["name"].partition(" · ")
            found.append((heading, int(count.replace(",", "") or 0), field["value"]))
    return found


def rows_of(heading: str, value: str) -> tuple[list[str], int]:
    """The rows of a field, and how many more it says there are."""
    rows = value.split(" · " if heading in INLINE else "\n")
    said = re.fullmatch(r"(?:and )?([0-9,]+) (?:more|in all)", rows[-1])
    if said is None:
        return rows, 0
    return rows[:-1], int(said[1].replace(",", ""))


def has_shared_symbols(digest: Digest) -> bool:
    tokens = {
        line.token.id: line.token.symbol.casefold()
        for kind in digest.kinds
        for name in SECTIONS
        for line in getattr(kind, name).lines
    }
    return len(set(tokens.values())) < len(tokens)


# A separator within a name would be taken for one between rows, by these tests alone.
weeks = digests.filter(lambda digest: "·" not in repr(digest))


def swollen(digest: Digest, times: int) -> Digest:
    """With so many times the lines: more than there is room for."""

    def swell(section: Section) -> Section:
        more = len(section.lines) * (times - 1)
        return Section(section.lines * times, section.total + more)

    kinds = []
    for kind in digest.kinds:
        sections: dict[str, Any] = {name: swell(getattr(kind, name)) for name in SECTIONS}
        kinds.append(replace(kind, **sections))
    return replace(digest, kinds=tuple(kinds))


@given(weeks, st.sampled_from([1, 9]))
def test_any_digest_is_within_all_limits_and_counts_what_it_leaves_out(
    digest: Digest, times: int
) -> None:
    message = render(body_of(swollen(digest, times)))

    assert_within_limits(message)
    check_message({"embeds": list(message.embeds)}, [])
    for heading, count, value in fields_of(message):
        rows, more = rows_of(heading, value)
        assert len(rows) + more == count or heading == "Highest"


@given(weeks.filter(lambda digest: not has_shared_symbols(digest)))
def test_a_row_is_whole_or_not_there(digest: Digest) -> None:
    # What a row is when there is nothing beside it that could take its room.
    alone = set()
    for kind in digest.kinds:
        nothing: dict[str, Any] = dict.fromkeys(SECTIONS, Section())
        for name in SECTIONS:
            for line in getattr(kind, name).lines:
                only = replace(
                    kind, **nothing | {name: Section((line,), 1), "rebased": True, "tokens": 0}
                )
                lone = render(body_of(replace(digest, kinds=(only,))))
                alone |= {value for _, _, value in fields_of(lone)}

    for heading, _, value in fields_of(render(body_of(digest))):
        rows, _ = rows_of(heading, value)
        assert set(rows) <= alone


@pytest.mark.parametrize("changes", [0, 1, 500])
def test_a_week_looks_as_it_did(changes: int) -> None:
    message = render(body_of(week_of(changes)))

    assert_within_limits(message)
    assert message.picture is not None
    shown = {"embeds": message.embeds, "alt": message.picture.alt}
    golden = GOLDEN / f"digest.{changes}.json"
    assert json.loads(json.dumps(shown)) == json.loads(golden.read_text())


def test_a_thousand_lines_wanted_are_as_many_whole_ones_as_fit() -> None:
    message = render(body_of(week_of(500, wants=Wants(top=25))))

    assert_within_limits(message)
    embeds: Any = message.embeds
    used = sum(measured(text) for embed in embeds for text in texts(embed))
    assert used > 5800


def silent(digest: Digest, *, kinds: frozenset[Kind] = frozenset(Kind)) -> Digest:
    """The week as it is told when their source brought nothing for days."""
    told = [
        replace(kind, stale=Section(kind.highest.lines, kind.tokens), as_of=ENDS_AT)
        if kind.kind in kinds
        else kind
        for kind in digest.kinds
    ]
    return replace(digest, kinds=tuple(told))


def test_a_source_that_fell_silent_is_said_once_and_not_of_each_token() -> None:
    changed: Any = render(body_of(silent(week_of(40)))).embeds
    quiet: Any = render(body_of(silent(week_of(0)))).embeds
    one: Any = render(body_of(silent(week_of(40), kinds=frozenset({Kind.TRADER})))).embeds

    since = f"o fresh data since <t:{int(ENDS_AT.timestamp())}:f>"
    assert changed[0]["description"].endswith(f" among 998 tokens.\nN{since}.")
    assert changed[0]["description"].count("fresh") == 1
    assert "Without fresh data" not in json.dumps(changed)
    assert quiet[0]["description"] == f"N{since}, so nothing is known to have changed."
    assert f"13 downgrades among 998 tokens; n{since}.\nData up to" in one[0]["description"]


def test_a_kind_that_nothing_is_graded_by_is_left_out() -> None:
    (fundamental, trader) = week_of(40).kinds
    none = KindDigest(fundamental.kind, fundamental.bands, tokens=0)

    message = render(body_of(replace(week_of(40), kinds=(none, trader))))

    assert "Fundamental" not in json.dumps(message.embeds)
    assert message.picture is not None
    assert "Fundamental" not in message.picture.alt


def test_tokens_of_one_symbol_are_told_apart_by_name() -> None:
    lines = [
        Line(token_of(n), rung(TRADER, 5000, days=-7), rung(TRADER, 7000, days=0)) for n in (2, 18)
    ]
    (kind,) = week_of(0).kinds[1:]
    both = replace(kind, upgrades=Section(tuple(lines), 2))

    ((_, _, value), *_) = fields_of(render(body_of(replace(week_of(0), kinds=(both,)))))

    # Else a name would run into the band behind it.
    assert ") (Solana) Neutral → Buy" in value
    assert "** (Solstice) Neutral → Buy" in value


def test_weeks_merged_into_one_are_said_in_the_title() -> None:
    assert dates_of(week_of(0, weeks=3)) == "2–22 Nov 2026 · 3 weeks in one"


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "zone", "expected"),
    [
        ("2026-11-16T08:00Z", "2026-11-23T08:00Z", "Europe/Berlin", "16–22 Nov 2026"),
        ("2026-11-15T19:00Z", "2026-11-22T19:00Z", "Europe/Berlin", "16–22 Nov 2026"),
        ("2026-11-15T23:00Z", "2026-11-22T23:00Z", "Europe/Berlin", "16–22 Nov 2026"),
        ("2026-11-28T12:00Z", "2026-12-05T12:00Z", "UTC", "29 Nov – 5 Dec 2026"),
        ("2026-12-28T12:00Z", "2027-01-04T12:00Z", "UTC", "29 Dec 2026 – 4 Jan 2027"),
        ("2026-11-16T20:00Z", "2026-11-23T20:00Z", "Pacific/Kiritimati", "17–23 Nov 2026"),
    ],
    ids=["a morning", "an evening", "midnight", "two months", "two years", "a zone that is ahead"],
)
def test_a_week_is_named_by_its_local_days(
    starts_at: str, ends_at: str, zone: str, expected: str
) -> None:
    digest = replace(
        week_of(0),
        starts_at=datetime.fromisoformat(starts_at),
        ends_at=datetime.fromisoformat(ends_at),
        time_zone=zone,
    )

    assert dates_of(digest) == expected
