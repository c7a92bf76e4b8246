"""Processor time and memory of processes, read from outside.

On Linux; elsewhere there is nothing to read.
"""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Machine:
    """Processor seconds since boot: in all, and idle (all processors together)."""

    total: float
    idle: float


def tree_seconds(pid: int) -> float:
    """Processor seconds of a process and all its children, those that have ended included."""
    own = _seconds(pid, with_ended_children=True)
    return own + sum(tree_seconds(child) for child in _children(pid))


def machine_seconds() -> Machine:
    """What all processors did."""
    try:
        numbers = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    except OSError:
        return Machine(0, 0)
    ticks = [int(number) for number in numbers]
    return Machine(sum(ticks) / _TICKS, (ticks[3] + ticks[4]) / _TICKS)


def rss_mb(pid: int) -> float:
    """Resident memory of a process now."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * _PAGE / 2**20


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _seconds(pid: int, *, with_ended_children: bool) -> float:
    try:
        # After the name in brackets, which may hold anything, the state is field 3.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    last = 15 if with_ended_children else 13
    return sum(int(ticks) for ticks in fields[11:last]) / _TICKS
