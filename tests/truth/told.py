"""What is told, as the oracle and the judge speak of it."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

UP, DOWN, MOVED = "grade.upgraded", "grade.downgraded", "grade.moved"
NEW, LOST, BACK = "grade.initiated", "grade.withdrawn", "grade.reinstated"
RESTATED = "grade.restated"
FAILING, RECOVERED, HELD = "source.failing", "source.recovered", "cycle.held"


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to tell. token: upstream's id. due: told later, it is late. corrects: RESTATED."""

    type: str
    kind: str
    token: int
    day: date
    symbol: str
    before: Decimal | None
    after: Decimal | None
    band: str | None
    revises: bool
    due: datetime
    corrects: "Told | None" = None

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
        )
