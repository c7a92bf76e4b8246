"""A turn: one lane while a worker holds it."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from alerts.domain.deliveries import Order
from alerts.pipeline.claim import Parcel
from alerts.ports import Destination

# Sends in flight on one lane.
IN_FLIGHT: Final = 4
# A lane's turn: after so many deliveries, or so long, it goes to the back.
TURN_DELIVERIES: Final = 100
TURN_SECONDS: Final = 5.0


@dataclass(slots=True)
class Turn:
    """One lane while we hold it. began, lease_ends: seconds of the monotonic clock.

    is_lost: somebody else has the lane. is_stopped: its endpoint asked for a pause, or has ended.
    """

    endpoint_id: str
    lease_id: str
    destination: Destination
    order: Order
    rate_limit: float | None
    began: float
    lease_ends: float
    waiting: deque[Parcel] = field(default_factory=deque)
    in_flight: int = 0
    taken: int = 0
    is_lost: bool = False
    is_stopped: bool = False

    @property
    def width(self) -> int:
        """Sends in flight at most."""
        return 1 if self.order is Order.STRICT else IN_FLIGHT

    @property
    def open(self) -> int:
        """Parcels that are not answered yet."""
        return len(self.waiting) + self.in_flight

    def is_over(self, now: float) -> bool:
        """Whether nothing more is to be taken. now: seconds of the monotonic clock."""
        return (
            self.is_lost
            or self.is_stopped
            or self.rate_limit is not None
            or self.taken >= TURN_DELIVERIES
            or now - self.began >= TURN_SECONDS
        )
