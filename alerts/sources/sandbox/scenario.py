"""A scenario: a stretch of the sandbox's own time, and what goes wrong in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from alerts.sources.sandbox.faults import Fault
from alerts.sources.sandbox.generator import Market, Mood
from alerts.sources.sandbox.profiles import ProfileName
from alerts.sources.sandbox.roster import DEFAULT_SIZE, OPENING


def moment(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A time of the sandbox. day: counted from its opening, 0 the first."""
    midnight = datetime.combine(OPENING, time(), UTC)
    return midnight + timedelta(days=day, hours=hour, minutes=minute)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario. about: in one sentence.

    days: how long it lasts, from `first_day` on. moods: by the number of the day.
    new_key_at: when whoever polls is given the key of `auth-rotate`.
    """

    name: str
    about: str
    days: float
    faults: tuple[Fault, ...] = ()
    size: int = DEFAULT_SIZE
    first_day: int = 0
    moods: Mapping[int, Mood] = field(default_factory=dict)
    profile: ProfileName = ProfileName.V2_2025_08
    new_key_at: datetime | None = None

    @property
    def start(self) -> datetime:
        return moment(self.first_day)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=self.days)

    def market(self) -> Market:
        """What is true in it."""
        return Market(size=self.size, moods=self.moods)
