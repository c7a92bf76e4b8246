"""What margins and confirmations make of a year of grades: `python -m tests.bench.noise`.

No speed: how often a policy tells of a change of band, how soon that is taken back, and how late it
is. The grades are the sandbox's, whose moves are calibrated on recorded ones; each token is judged
by the very `verdict` of the diff, a reading a day.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from alerts.domain.grades import Kind, TokenId
from alerts.domain.ratings import BandPolicy, Confirm, FlapRule, Rating, default_policies
from alerts.domain.verdicts import verdict
from alerts.sources.sandbox.generator import Market

DAYS = 365
OPENED = datetime(2026, 1, 1, tzinfo=UTC)
# Margins, readings, and sure margins (points) that are tried of each kind.
TRIED = {
    Kind.TRADER: [
        *((margin, 1, None) for margin in (0, 2, 3, 5, 8)),
        *((margin, 2, sure) for margin in (0, 3, 5) for sure in (None, 15, 10, 6)),
        *((3, 3, sure) for sure in (None, 10)),
    ],
    Kind.FUNDAMENTAL: [
        *((margin, 1, None) for margin in (0, 1, 2, 3)),
        *((2, 2, sure) for sure in (None, 8, 5)),
        (2, 3, None),
    ],
}
# Reversals, days within which they come, and readings to settle.
FLAPS = ((3, 14, 3), (3, 7, 3), (4, 14, 3), (4, 7, 3), (5, 14, 3))


@dataclass(slots=True)
class Tally:
    """Of all tokens of a kind, over the days. late: days from the first reading past an edge."""

    tokens: int = 0
    changes: int = 0
    back_in_1: int = 0
    back_in_3: int = 0
    late: int = 0
    latest: int = 0
    behind: int = 0
    days: int = 0
    flaps: int = 0
    flapping_days: int = 0

    def row(self) -> str:
        """Cells of the table."""
        years = self.days / DAYS
        per_change = max(self.changes, 1)
        return " | ".join(
            (
                f"{self.changes / years:.1f}",
                f"{self.back_in_1 / per_change:.1%}",
                f"{self.back_in_3 / per_change:.1%}",
                f"{self.late / per_change:.2f} ({self.latest})",
                f"{self.behind / self.days:.2%}",
            )
        )


def judge(scores: Iterable[int], policy: BandPolicy, tally: Tally) -> None:
    """One token, a score a day."""
    rating: Rating | None = None
    last: tuple[int, bool] | None = None
    tally.tokens += 1
    for number, score in enumerate(scores):
        at = OPENED + timedelta(days=number)
        tally.days += 1
        if rating is None:
            rating = Rating(TokenId("t"), policy.rank_of(score), at, score, at, score)
            continue
        said = verdict(rating, score, policy, as_of=at)
        changed = said.rank != rating.rank
        if changed and said.run is not None:
            is_upward = said.rank > rating.rank
            if last is not None and last[1] is not is_upward:
                tally.back_in_1 += number - last[0] <= 1
                tally.back_in_3 += number - last[0] <= 3
            last = number, is_upward
            waited = (at - said.run.seen[0][0]).days
            tally.changes += 1
            tally.late += waited
            tally.latest = max(tally.latest, waited)
        tally.behind += said.type is None and said.run is not None
        was_flapping = rating.is_flapping
        rating = rating._replace(
            rank=said.rank,
            score=score,
            as_of=at,
            anchor=rating.anchor if said.type is None else score,
            pending=None if changed else said.run,
            swings=said.swings,
        )
        tally.flaps += rating.is_flapping and not was_flapping
        tally.flapping_days += rating.is_flapping


def years(kind: Kind, *, tokens: int, days: int) -> list[list[int]]:
    """The scores of each token, a day after the other."""
    market = Market(size=tokens)
    found = []
    for token in market.tokens:
        scores = []
        for number in range(days):
            day = market.opening + timedelta(days=number)
            if kind is Kind.TRADER:
                trader = market.trader(token, day)
                scores += [] if trader is None else [trader.trader]
            else:
                fundamental = market.fundamental(token, day)
                scores += [] if fundamental is None else [fundamental.grade]
        found.append(scores)
    return found


def measured(series: Sequence[Sequence[int]], policy: BandPolicy) -> Tally:
    """All tokens under one policy."""
    tally = Tally()
    for scores in series:
        judge(scores, policy, tally)
    return tally


def lines(kind: Kind, series: Sequence[Sequence[int]]) -> Iterator[str]:
    """The tables of one kind."""
    shipped = default_policies()[kind]
    yield (
        "| margin | confirm | sure | changes a token and year | back within 1 day | within 3 "
        "| days late, mean (most) | days on which a change waits |"
    )
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for margin, confirm, sure in TRIED[kind]:
        policy = replace(
            shipped,
            margin=margin * 100,
            confirm=Confirm(confirm, None if sure is None else sure * 100),
            flap=None,
        )
        yield f"| {margin} | {confirm} | {sure or '–'} | {measured(series, policy).row()} |"
    yield ""
    yield (
        "| reversals | in days | settle | changes | back within 1 day | within 3 "
        "| days late | waits | flaps a token and year | days flapping |"
    )
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for reversals, within, settle in FLAPS:
        rule = FlapRule(reversals, timedelta(days=within), settle)
        tally = measured(series, replace(shipped, flap=rule))
        yield (
            f"| {reversals} | {within} | {settle} | {tally.row()} "
            f"| {tally.flaps * DAYS / tally.days:.2f} | {tally.flapping_days / tally.days:.1%} |"
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=500)
    parser.add_argument("--days", type=int, default=DAYS)
    asked = parser.parse_args()
    for kind in Kind:
        series = years(kind, tokens=asked.tokens, days=asked.days)
        sys.stdout.write(f"\n{kind.value}\n\n")
        for line in lines(kind, series):
            sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
