"""The console script."""

import gc
import sys
from importlib import import_module


def main() -> None:
    """Run `gradebell`.

    Whatever modules make is there to stay. Looking through it again and again while they are read
    took a quarter of the time to start.
    """
    gc.disable()
    command = import_module("workers.lean" if sys.argv[1:] == ["worker"] else "workers.cli")
    gc.enable()
    command.main()
