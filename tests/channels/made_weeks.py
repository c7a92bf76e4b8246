"""Weeks made up by dice that always fall alike: of no change, of one, and of five hundred."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from alerts.domain.digests import Digest, Line, Rung, Window, digest_event
from alerts.domain.events import encode
from alerts.domain.grades import Kind, TokenId
from alerts.domain.payloads import TokenView
from alerts.domain.ratings import BandPolicy
from alerts.domain.summaries import Wants, as_digest, summarise
from alerts.domain.surveys import Ladder, Survey
from tests.builders import FUNDAMENTAL, TRADER

ENDS_AT: Final = datetime(2026, 11, 23, 8, tzinfo=UTC)
WINDOW: Final = Window(
    "2026-W48", 1, ENDS_AT - timedelta(weeks=1), ENDS_AT, "Europe/Berlin", 41_200, 48_211
)
ENDPOINT: Final = "ep_" + "1" * 26
# Names as they are found: of the large ones, and of those that a message must not stumble over.
NAMES: Final = (
    "BTC Bitcoin", "ETH Ethereum", "SOL Solana", "XRP XRP", "ADA Cardano", "DOGE Dogecoin",
    "LINK Chainlink", "AVAX Avalanche", "DOT Polkadot", "UNI Uniswap", "AAVE Aave", "ARB Arbitrum",
    "███ ███", "@everyone @everyone", "**MOON** _moon_", "عملة عملة_رقمية", "$WIF$ dogwifhat",
    "`x` [a](https://a.example)", "SOL Solstice",
)  # fmt: skip
TOKENS: Final = 998


def token_of(number: int) -> TokenView:
    symbol, name = NAMES[number].split(" ", 1) if number < len(NAMES) else (f"TK{number}", "")
    page = f"https://tokens.example/{number}" if number % 3 else None
    return TokenView(TokenId(f"token_metrics:{number}"), symbol, name, page)


def week_of(changes: int, *, wants: Wants = Wants(), weeks: int = 1) -> Digest:  # noqa: B008
    """A digest of both kinds with so many changes of band, a fifth of them fundamental."""
    watched = frozenset({token_of(2).id})
    window = replace(WINDOW, weeks=weeks, starts_at=ENDS_AT - timedelta(weeks=weeks))
    surveys = [
        survey_of(Kind.FUNDAMENTAL, FUNDAMENTAL, changes // 5),
        survey_of(Kind.TRADER, TRADER, changes - changes // 5),
    ]
    wants = replace(wants, watched=watched)
    return as_digest(window, summarise(surveys, wants, ends_at=ENDS_AT))


def body_of(digest: Digest) -> bytes:
    return encode(digest_event(digest, ENDPOINT), sequence=48_212, recorded_at=ENDS_AT)


def survey_of(kind: Kind, policy: BandPolicy, changes: int) -> Survey:
    dice = random.Random(f"{kind} {changes}")
    starts: dict[TokenId, Rung] = {}
    ends, nets = [], []
    named, others = list(range(len(NAMES))), list(range(len(NAMES), TOKENS))
    dice.shuffle(named)
    dice.shuffle(others)
    numbers = [*named, *others]
    for place, number in enumerate(numbers):
        token = token_of(number)
        score = round(min(9900, max(100, dice.gauss(4800, 1900))))
        before = rung(policy, score, days=-7)
        after = rung(policy, min(9950, max(50, score + dice.randrange(-80, 80))), days=0)
        if place < changes:
            while after.rank == before.rank or not 0 < after.score < 10_000:
                far = 4500 if number < len(NAMES) else 500 + dice.expovariate(1 / 900)
                step = dice.choice([-1, 1]) * min(4000, round(far)) + dice.randrange(100)
                after = rung(policy, score + step, days=0)
            nets.append(Line(token, before, after, moves=abs(after.rank - before.rank)))
        else:
            after = replace(after, rank=before.rank, band=before.band)
        if changes > 1 and place in range(changes, changes + 9):
            nets.append(other(token, before, after, which=place - changes))
        if changes > 1 and place % 250 == 249:
            after = replace(after, as_of=ENDS_AT - timedelta(days=4))
        starts[token.id] = before
        ends.append(Line(token, None, after))
    corrected = [Line(token_of(3), rung(policy, 8090, days=-9), rung(policy, 7790, days=-9))]
    return Survey(
        kind=kind,
        ladder=Ladder(policy.names, policy.move_step),
        nets=tuple(nets),
        corrections=tuple(corrected) if changes > 1 else (),
        starts=starts,
        ends=tuple(ends),
        rebased=False,
    )


def other(token: TokenView, before: Rung, after: Rung, *, which: int) -> Line:
    """What is told of a token whose band did not change in the end."""
    match which % 4:
        case 0:
            return Line(token, before, replace(before, score=before.score + 650))
        case 1:
            return Line(token, before, after, moves=2)
        case 2:
            return Line(token, None, after)
    return Line(token, before, None)


def rung(policy: BandPolicy, score: int, *, days: float) -> Rung:
    rank = policy.rank_of(score)
    return Rung(policy.name_of(rank), rank, score, ENDS_AT + timedelta(days=days, hours=-3))
