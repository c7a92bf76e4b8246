"""How often a platform of the tests' own may be asked: so many requests in so many seconds."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: float


@dataclass(slots=True)
class Window:
    """One that began with its first request. times: of the monotonic clock."""

    ends: float = 0.0
    spent: int = 0


@dataclass(slots=True)
class Windows:
    """Of each key one."""

    _open: dict[str, Window] = field(default_factory=dict)

    def spend(self, key: str, rate: Rate, now: float) -> tuple[Window, bool]:
        """Count one request; its window, and whether it was within the rate."""
        window = self._open.setdefault(key, Window())
        if now >= window.ends:
            window.ends, window.spent = now + rate.seconds, 0
        if window.spent >= rate.requests:
            return window, False
        window.spent += 1
        return window, True
