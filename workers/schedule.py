"""When each job runs, on arq and in one process alike."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from alerts.bootstrap import Services
from workers.jobs import drop_old_rows, finish_cycles, poll_sources, reap_lanes

Job = Callable[[Services], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table. every: seconds, a divisor of 60; timeout: seconds."""

    job: Job
    every: int
    timeout: int

    @property
    def name(self) -> str:
        """As logs name it."""
        return self.job.__name__


# poll_sources takes one page a run: its pace is the upper bound, the budget decides.
SCHEDULE: Final = (
    Entry(poll_sources, every=1, timeout=120),
    Entry(finish_cycles, every=5, timeout=300),
    Entry(reap_lanes, every=10, timeout=60),
    Entry(drop_old_rows, every=60, timeout=300),
)
