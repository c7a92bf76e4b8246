"""Who is graded in the sandbox: invented tokens with the oddities real ones have."""

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum

from alerts.errors import InvalidInput

# The first day there is. Fixed, so that a day has the same grades whenever the sandbox starts.
OPENING = date(2026, 1, 1)
LAST_DAY = date(2039, 12, 31)
DEFAULT_SIZE = 60
LARGEST_SIZE = 20_000

# Ids of upstream where they are publicly known; every other id is invented.
BITCOIN = 3375
ETHEREUM = 3306
LITECOIN = 3377
STABLECOIN = 900_001
RENAMED = 900_002
DELISTED = 900_003
NEWCOMER = 900_004
RENAMED_AFTER_DAYS = 20
DELISTED_AFTER_DAYS = 30
NEWCOMER_AFTER_DAYS = 10

_FIRST_WORDS = (
    "Amber", "Boreal", "Cobalt", "Dune", "Ember", "Fjord", "Granite", "Harbor", "Indigo", "Juniper",
    "Krill", "Lumen", "Meadow", "Nectar", "Onyx", "Pebble", "Quill", "Raven", "Saffron", "Tundra",
    "Umber", "Velvet", "Willow", "Xenon", "Yarrow", "Zephyr",
)  # fmt: skip
_SECOND_WORDS = ("Chain", "Finance", "Network", "Protocol", "Swap", "Vault", "Bridge", "Games")


class Temper(Enum):
    """How a token's grades move."""

    MAJOR = "major"
    TAIL = "tail"
    STILL = "still"


@dataclass(frozen=True, slots=True)
class SandboxToken:
    """One invented token.

    listed, delisted: first day with a row, and first day without one again; None: ever, never.
    renamed: the day from which `later_name` and `later_symbol` are its labels.
    is_twin: another one has the same name and symbol.
    """

    id: int
    name: str
    symbol: str
    temper: Temper = Temper.TAIL
    listed: date | None = None
    delisted: date | None = None
    renamed: date | None = None
    later_name: str = ""
    later_symbol: str = ""
    is_twin: bool = False

    @property
    def slug(self) -> str:
        """A name for addresses; it stays when the token is renamed."""
        words = "-".join(re.findall(r"[a-z0-9]+", self.name.lower()))
        return f"{words}-2" if self.is_twin else words

    def is_listed(self, day: date) -> bool:
        return (self.listed is None or self.listed <= day) and (
            self.delisted is None or day < self.delisted
        )

    def labels(self, day: date) -> tuple[str, str]:
        """Name and symbol as they are on this day."""
        if self.renamed is not None and self.renamed <= day:
            return self.later_name, self.later_symbol
        return self.name, self.symbol


def roster(size: int = DEFAULT_SIZE, *, opening: date = OPENING) -> tuple[SandboxToken, ...]:
    """The first `size` tokens, 1 to LARGEST_SIZE: the known, the odd, then the rest.

    opening: the day from which the newcomer, the renaming and the delisting are counted.
    """
    if not 1 <= size <= LARGEST_SIZE:
        raise InvalidInput("tokens", f"must be from 1 to {LARGEST_SIZE}, not {size}")
    tokens = [*_KNOWN, *_eventful(opening), *_ODD][:size]
    return (*tokens, *(_plain(number) for number in range(size - len(tokens))))


_KNOWN = (
    SandboxToken(BITCOIN, "Bitcoin", "BTC", Temper.MAJOR),
    SandboxToken(ETHEREUM, "Ethereum", "ETH", Temper.MAJOR),
    SandboxToken(LITECOIN, "Litecoin", "LTC", Temper.MAJOR),
    SandboxToken(STABLECOIN, "Steady Dollar", "STUSD", Temper.STILL),
)
_ODD = (
    SandboxToken(900_011, "Wolf One", "WOLF"),
    SandboxToken(900_012, "Wolf Two", "WOLF"),
    SandboxToken(900_013, "Wolf Moon", "WOLF"),
    SandboxToken(900_014, "Nyro", "NYRO"),
    SandboxToken(900_015, "Nyro", "NYRO", is_twin=True),
    SandboxToken(900_016, "Silo Coin", "SC"),
    SandboxToken(900_017, "Shy Cat", "SC"),
    SandboxToken(900_018, "Wrapped Bitcoin of Nowhere", "BTC"),
    SandboxToken(900_019, "$mall • Change_*[x](y)", "$MALL"),
    SandboxToken(900_020, "Blocks", "███"),
    SandboxToken(900_021, "Kommando <b>&amp;", "⌘"),
)


def _eventful(opening: date) -> tuple[SandboxToken, ...]:
    """The three something happens to."""
    renamed = SandboxToken(RENAMED, "Polymat", "PMAT", renamed=_after(opening, RENAMED_AFTER_DAYS))
    return (
        replace(renamed, later_name="Ecosystem Pol", later_symbol="EPOL"),
        SandboxToken(DELISTED, "Lunaria", "LNRA", delisted=_after(opening, DELISTED_AFTER_DAYS)),
        SandboxToken(NEWCOMER, "Nova Seed", "NOVA", listed=_after(opening, NEWCOMER_AFTER_DAYS)),
    )


def _plain(number: int) -> SandboxToken:
    turn, place = divmod(number, len(_FIRST_WORDS) * len(_SECOND_WORDS))
    second, first = divmod(place, len(_FIRST_WORDS))
    words = _FIRST_WORDS[first], _SECOND_WORDS[second]
    symbol = f"{words[0][:3]}{words[1][0]}".upper()
    again = str(turn + 1) if turn else ""
    return SandboxToken(900_100 + number, f"{' '.join(words)} {again}".strip(), symbol + again)


def _after(opening: date, days: int) -> date:
    return opening + timedelta(days=days)
