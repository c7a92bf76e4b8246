"""The grades of the sandbox: invented, repeatable, and moving as the measured ones do.

Technical grades rest near two levels and travel between them in jumps; quantitative grades drift
back to a level of their own; a trader grade is 0.8 of the one and 0.2 of the other. Fundamental
grades come from component scores that change on few days. All arithmetic is in whole hundredths,
so a day has the same grades on every machine.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from importlib.resources import files
from types import MappingProxyType

from alerts.sources.sandbox.roster import (
    BITCOIN,
    DEFAULT_SIZE,
    ETHEREUM,
    OPENING,
    SandboxToken,
    Temper,
    roster,
)

COMPONENTS = ("COMMUNITY_SCORE", "EXCHANGE_SCORE", "VC_SCORE", "TOKENOMICS_SCORE",
              "DEFI_SCANNER_SCORE")  # fmt: skip
_WEIGHTS = (20, 25, 15, 25, 15)
# Components a source may not know of a token: venture capital, and the scanner of contracts.
_MAY_BE_UNKNOWN = (2, 4)
_KNOWN_QUALITY = {BITCOIN: 91, ETHEREUM: 86}

_TOP = 10_000
_LOW_REST, _LOW_SPREAD = 985, 45
_HIGH_REST, _HIGH_SPREAD = 9_600, 150
# Days simulated before the first, so that it is a day like any other.
_WARM_UP_DAYS = 150


class Mood(Enum):
    """What a day is like: as measured, nearly still, or with nearly all going up."""

    USUAL = "usual"
    QUIET = "quiet"
    BULL = "bull"


@dataclass(frozen=True, slots=True)
class _Gait:
    """How often technical grades move in a day, in thousandths, and where to.

    from_low, between, from_high: chance of a move at rest below, under way, at rest above.
    upward: chance that a move under way that takes a new direction goes up.
    """

    from_low: int
    between: int
    from_high: int
    upward: int


_GAITS = {
    Temper.MAJOR: _Gait(from_low=180, between=300, from_high=85, upward=360),
    Temper.TAIL: _Gait(from_low=105, between=470, from_high=300, upward=70),
}
_BULL = _Gait(from_low=60, between=480, from_high=60, upward=880)
_KEEPS_DIRECTION = 450
_STEP, _STEP_SPREAD = 1_300, 1_300
_LEAP_CHANCE, _LEAP, _LEAP_SPREAD = 140, 2_600, 4_000
_QUANT_RETURN = 25
_FUNDAMENTAL_CHANGE_CHANCE = 90


class Stream:
    """Repeatable chance: SplitMix64 from a key, the same on every machine and Python.

    Source: https://prng.di.unimi.it/splitmix64.c
    """

    def __init__(self, *key: object) -> None:
        digest = hashlib.sha256(repr(key).encode()).digest()
        self._state = int.from_bytes(digest[:8], "big")

    def below(self, bound: int) -> int:
        """A whole number from 0 to bound − 1."""
        mask = 0xFFFFFFFFFFFFFFFF
        self._state = (self._state + 0x9E3779B97F4A7C15) & mask
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
        return (((mixed ^ (mixed >> 31)) >> 11) * bound) >> 53

    def around(self, spread: int) -> int:
        """From −spread to spread, near 0 most often."""
        return self.below(spread + 1) - self.below(spread + 1)

    def happens(self, thousandths: int) -> bool:
        return self.below(1000) < thousandths


@dataclass(frozen=True, slots=True)
class TraderDay:
    """Hundredths of a point. trader = 0.8 × ta + 0.2 × quant, rounded."""

    ta: int
    quant: int
    trader: int


@dataclass(frozen=True, slots=True)
class FundamentalDay:
    """grade: hundredths of a point. components: tenths on a scale of 1–10, as COMPONENTS."""

    grade: int
    components: tuple[int | None, ...]


class Market:
    """All grades of all days from `opening` on, by seed; each day is worked out once.

    moods: by the number of the day, 0 the opening; all others are USUAL.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        size: int = DEFAULT_SIZE,
        opening: date = OPENING,
        moods: Mapping[int, Mood] = MappingProxyType({}),
    ) -> None:
        self.opening = opening
        # The order of rows: fixed, and sorted by nothing a client could rely on.
        self.tokens = tuple(
            sorted(
                roster(size, opening=opening),
                key=lambda token: hashlib.sha256(f"{seed}:{token.id}".encode()).digest(),
            )
        )
        quants = _measured_quants()
        self._trader = {
            token.id: _TraderSeries(token, seed, quants=quants, moods=moods)
            for token in self.tokens
        }
        self._fundamental = {
            token.id: _FundamentalSeries(token, seed, moods) for token in self.tokens
        }

    def trader(self, token: SandboxToken, day: date) -> TraderDay | None:
        """None on a day without a row: not listed, or before the opening."""
        number = (day - self.opening).days
        if number < 0 or not token.is_listed(day):
            return None
        return self._trader[token.id].on(number)

    def fundamental(self, token: SandboxToken, day: date) -> FundamentalDay | None:
        """None on a day without a row: not listed, or before the opening."""
        number = (day - self.opening).days
        if number < 0 or not token.is_listed(day):
            return None
        return self._fundamental[token.id].on(number)


class _TraderSeries:
    """One token's technical and quantitative grades, day after day."""

    def __init__(
        self,
        token: SandboxToken,
        seed: int,
        *,
        quants: list[tuple[int, int]],
        moods: Mapping[int, Mood],
    ) -> None:
        self._chance = Stream(seed, token.id, "trader")
        self._moods = moods
        self._gait = _GAITS.get(token.temper)
        self._low = _LOW_REST + self._chance.around(_LOW_SPREAD)
        self._high = _HIGH_REST + self._chance.around(_HIGH_SPREAD)
        self._direction = 1
        self._ta = self._low if self._gait else 5_000
        self._home = _interpolated(quants, self._chance.below(_TOP + 1))
        if token.temper is Temper.MAJOR:
            self._home = 5_200
        self._quant = self._home if self._gait else 5_000
        self._days: list[TraderDay] = []
        for _ in range(_WARM_UP_DAYS):
            self._step(Mood.USUAL)

    def on(self, number: int) -> TraderDay:
        while len(self._days) <= number:
            self._step(self._moods.get(len(self._days), Mood.USUAL))
            trader = (8 * self._ta + 2 * self._quant + 5) // 10
            self._days.append(TraderDay(self._ta, self._quant, trader))
        return self._days[number]

    def _step(self, mood: Mood) -> None:
        gait = _BULL if mood is Mood.BULL else self._gait
        if self._gait is None or gait is None:
            return
        chance = self._chance
        if mood is Mood.QUIET:
            self._quant = min(max(self._quant + chance.around(40), 2_000), 9_000)
            return
        drift = (self._home - self._quant) * _QUANT_RETURN // 1000
        shake = chance.around(500) if chance.happens(80) else chance.around(40)
        self._quant = min(max(self._quant + drift + shake, 2_000), 9_000)
        if self._is_moving(gait):
            self._move(gait)
        elif self._low < self._ta < self._high:
            shake = chance.around(600) if chance.happens(300) else chance.around(60)
            self._ta = min(max(self._ta + shake, self._low + 1), self._high - 1)

    def _is_moving(self, gait: _Gait) -> bool:
        if self._ta <= self._low:
            return self._chance.happens(gait.from_low)
        if self._ta >= self._high:
            return self._chance.happens(gait.from_high)
        return self._chance.happens(gait.between)

    def _move(self, gait: _Gait) -> None:
        chance = self._chance
        if self._ta <= self._low:
            self._direction = 1
        elif self._ta >= self._high:
            self._direction = -1
        elif not chance.happens(_KEEPS_DIRECTION):
            self._direction = 1 if chance.happens(gait.upward) else -1
        stride = _STEP + chance.below(_STEP_SPREAD)
        if chance.happens(_LEAP_CHANCE):
            stride = _LEAP + chance.below(_LEAP_SPREAD)
        self._ta = min(max(self._ta + self._direction * stride, self._low), self._high)


class _FundamentalSeries:
    """One token's component scores, and the grade they come to, day after day."""

    def __init__(self, token: SandboxToken, seed: int, moods: Mapping[int, Mood]) -> None:
        self._chance = Stream(seed, token.id, "fundamental")
        self._moods = moods
        self._moves = token.temper is not Temper.STILL
        quality = _KNOWN_QUALITY.get(token.id, 22 + self._chance.below(64))
        self._homes: list[int | None] = [
            min(max(quality + self._chance.around(18), 10), 100) for _ in COMPONENTS
        ]
        for place in _MAY_BE_UNKNOWN:
            if self._chance.happens(300):
                self._homes[place] = None
        self._scores = list(self._homes)
        self._days: list[FundamentalDay] = []

    def on(self, number: int) -> FundamentalDay:
        while len(self._days) <= number:
            is_quiet = self._moods.get(len(self._days)) is Mood.QUIET
            if self._moves and not is_quiet and self._chance.happens(_FUNDAMENTAL_CHANGE_CHANCE):
                self._change()
            self._days.append(FundamentalDay(self._grade(), tuple(self._scores)))
        return self._days[number]

    def _change(self) -> None:
        place = self._chance.below(len(COMPONENTS))
        score, home = self._scores[place], self._homes[place]
        if score is None or home is None:
            return
        size = 3 + self._chance.below(14)
        is_upward = self._chance.below(60) < 30 + (home - score)
        self._scores[place] = min(max(score + (size if is_upward else -size), 10), 100)

    def _grade(self) -> int:
        known = [(w, s) for w, s in zip(_WEIGHTS, self._scores, strict=True) if s is not None]
        return sum(w * s * 100 for w, s in known) // sum(w for w, _ in known)


def _measured_quants() -> list[tuple[int, int]]:
    """The measured spread of quantitative grades: (share in 1/10,000, hundredths of a point)."""
    text = files(__package__).joinpath("trader-grade-calibration.json").read_text("utf-8")
    measured = json.loads(text)["cross_section_2025_04_16"]["quant_grade_quantiles"]
    return sorted((round(float(q) * _TOP), round(value * 100)) for q, value in measured.items())


def _interpolated(quantiles: list[tuple[int, int]], share: int) -> int:
    upper = min(bisect_right(quantiles, (share, _TOP)), len(quantiles) - 1)
    (low_share, low), (high_share, high) = quantiles[upper - 1], quantiles[upper]
    return low + (high - low) * (share - low_share) // (high_share - low_share)
