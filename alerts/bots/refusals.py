"""What was wrong, in words for whoever typed it: the same on every platform."""

from typing import Final

from alerts.errors import GradebellError, InvalidInput, StorageFailed
from alerts.telemetry import Step, fail

BROKEN: Final = "Something broke on our side; it is in our log. Trying again may help."
# What is said of a problem repeats what was typed, which may be 6,000 characters.
LONGEST_PROBLEM: Final = 1000
_MOST_NEAREST: Final = 3


def problem_of(cause: Exception) -> str | None:
    """What can be said of it, without a full stop; None for what is ours to mend, and logged."""
    if isinstance(cause, InvalidInput):
        return f"{cause.field}: {cause.problem}"
    if isinstance(cause, GradebellError) and not isinstance(cause, StorageFailed):
        problem = str(cause)
        return f"{problem[:1].upper()}{problem[1:]}"
    fail(Step.JOB_FAILED, cause, job="bot")
    return None


def nearest_of(cause: Exception) -> tuple[str, ...]:
    """What may have been meant instead, the likeliest first."""
    return cause.candidates[:_MOST_NEAREST] if isinstance(cause, InvalidInput) else ()
