"""When a source is stale: silent for three intervals, or the same for too long."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.domain.freshness import staleness
from alerts.domain.grades import Kind

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("kind", "heard_ago", "news_ago", "tokens", "why"),
    [
        (Kind.TRADER, 3, 3, 100, None),
        (Kind.TRADER, 3.1, 3.1, 100, "nothing was accepted since 2026-06-01 08:54Z"),
        (Kind.TRADER, 0, 48, 100, None),
        (Kind.TRADER, 0, 49, 1000, "all 1,000 grades have been the same since 2026-05-30 11:00Z"),
        (Kind.TRADER, 0, 49, 19, None),
        (Kind.TRADER, 0, 49, None, None),
        (Kind.TRADER, 0, None, 100, None),
        (Kind.FUNDAMENTAL, 0, 49, 100, None),
        (Kind.FUNDAMENTAL, 0, 14 * 24 + 1, 100, "all 100 grades have been the same"),
    ],
)
def test_a_source_is_stale_when_nothing_came_or_nothing_changed(
    kind: Kind, heard_ago: float, news_ago: float | None, tokens: int | None, why: str | None
) -> None:
    found = staleness(
        kind,
        heard_at=NOW - heard_ago * HOUR,
        news_at=None if news_ago is None else NOW - news_ago * HOUR,
        tokens=tokens,
        interval=HOUR,
        now=NOW,
    )

    if why is None:
        assert found is None
    else:
        assert found is not None
        assert found.why.startswith(why)
        assert found.since < NOW
