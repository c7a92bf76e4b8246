"""What came of a scenario, in numbers and in words."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Verdict:
    """What came of a scenario. problems: a line for each, in the order they were found.

    expected: messages due to all endpoints; events: of them without the copies.
    """

    name: str
    events: int = 0
    expected: int = 0
    lost: int = 0
    doubled: int = 0
    false: int = 0
    late: int = 0
    requests: int = 0
    refused: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return not (self.lost or self.doubled or self.false or self.late or self.problems)
