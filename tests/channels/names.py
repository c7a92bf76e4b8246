"""Name servers of the tests' own."""

import threading
from collections.abc import Sequence

# Somebody's public address: no test connects to it, and none can.
PUBLIC = "93.184.215.14"


class Names:
    """A name server that may be hostile: it changes its mind between two questions.

    Each question takes the next answer, the last one for ever.
    """

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class HangingNames:
    """A name server that answers for healthy.example only, until it is `over`."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.asked: list[str] = []

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host != "healthy.example":
            self.over.wait(30)
        return [PUBLIC]
