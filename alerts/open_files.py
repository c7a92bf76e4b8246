"""How many files and sockets this process may hold open, and what that leaves for sending."""

import resource
from contextlib import suppress
from typing import Final

# Enough for all that a worker can have in flight, with whoever calls it.
WANTED: Final = 65_536
# Database, Redis, log, and what Python holds itself.
RESERVED: Final = 128


def raise_limit() -> None:
    """Let this process hold as many as it may; many systems begin at 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Where the system keeps a lower limit of its own, it stays as it is.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def limit() -> int:
    """How many it may hold now."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else soft


def left_for_sends(files: int) -> int:
    """Sends that may be in flight: half of what is left, for callers and receivers need theirs."""
    return max((files - RESERVED) // 2, 1)
