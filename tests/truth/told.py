"""What is told, as the oracle and the judge speak of it."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

UP, DOWN, MOVED = "grade.upgraded", "grade.downgraded", "grade.moved"
NEW, LOST, BACK = "grade.initiated", "grade.withdrawn", "grade.reinstated"
RESTATED, CROSSED = "grade.restated", "grade.crossed"
ROSE, FELL = "grade.rose", "grade.fell"
# Told to who named a rule, besides what it asked for by type.
RULED = frozenset({CROSSED, ROSE, FELL})
# What was read, of which nothing is told by itself.
READ = "read"
FAILING, RECOVERED, HELD = "source.failing", "source.recovered", "cycle.held"


BAND_CHANGES = frozenset({UP, DOWN})


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to tell. token: upstream's id.

    at: when it could first be read. due: told later, it is late. corrects: RESTATED.
    confirms: days and scores that it rests on besides its own. flaps, settles: whether the band
    goes to and fro from it on, or did until then. crossed: which rule's, and how (RULED).
    """

    type: str
    kind: str
    token: int
    day: date
    symbol: str
    before: Decimal | None
    after: Decimal | None
    band: str | None
    revises: bool
    at: datetime
    due: datetime
    confirms: tuple[tuple[date, Decimal], ...] = ()
    flaps: bool = False
    settles: bool = False
    corrects: "Told | None" = None
    crossed: tuple[object, ...] | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """All that a message must say of it."""
        return (
            self.type,
            self.kind,
            self.token,
            self.day.isoformat(),
            self.symbol,
            self.before,
            self.after,
            self.band,
            self.revises,
            tuple((day.isoformat(), score) for day, score in self.confirms),
            self.flaps,
            self.settles,
            self.crossed,
        )
