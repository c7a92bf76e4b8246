"""What Gradebell says of itself: one wide event a step.

Names are `noun.verb_past`; ids always, durations in `_ms`; never a secret, an address or a body.
"""

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, Final

import structlog

Facts = MutableMapping[str, Any]

# The same failure of the same job is told no more often than this.
REPEAT_SECONDS: Final = 10.0
# Whatever a caller does by mistake, these never reach a log line.
_SECRET_NAMES: Final = ("secret", "authorization", "api_key", "token_header", "password", "address")

_encoder: Final = json.JSONEncoder(default=repr)


class Step(StrEnum):
    """The wide events."""

    SOURCE_POLLED = "source.polled"
    SOURCE_TROUBLED = "source.troubled"
    CYCLE_DIFFED = "cycle.diffed"
    CYCLE_FANNED_OUT = "cycle.fanned_out"
    DELIVERY_ATTEMPTED = "delivery.attempted"
    BREAKER_OPENED = "breaker.opened"
    BREAKER_CLOSED = "breaker.closed"
    ENDPOINT_FAILING = "endpoint.failing"
    ENDPOINT_DISABLED = "endpoint.disabled"
    LANES_RECOVERED = "lanes.recovered"
    LANES_REPAIRED = "lanes.repaired"
    SCHEMA_NEWER = "schema.newer"
    REDIS_LOST = "redis.lost"
    JOB_FAILED = "job.failed"
    REQUEST_FAILED = "request.failed"
    ANSWER_NOT_STORED = "answer.not_stored"
    API_STARTED = "api.started"
    WORKER_STARTED = "worker.started"
    WORKER_STOPPED = "worker.stopped"


class LogFormat(StrEnum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"


def emit(step: Step, **facts: object) -> None:
    """Log one wide event."""
    _logger().info(step.value, **facts)


def fail(step: Step, error: BaseException, **facts: object) -> None:
    """Log that something broke that should not, with its traceback.

    An error whose `is_outside` is true, a full disk say, is one line: our own stack explains
    nothing of it. A job that fails so again and again says it every REPEAT_SECONDS.
    """
    logger = _logger()
    if getattr(error, "is_outside", False):
        logger.error(step.value, problem=str(error), **facts)
    else:
        logger.error(step.value, exc_info=error, **facts)


def about(**facts: str) -> AbstractContextManager[None]:
    """Within this block, these facts stand on every line that its task logs."""
    return structlog.contextvars.bound_contextvars(**facts)


def configure(
    log_format: LogFormat, level: str, *, tell: Callable[[Mapping[str, Any]], None] | None = None
) -> None:
    """Set up logging for this process, to standard error.

    tell: takes the wide events instead of standard error, for a terminal that tells a story.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer: Any = (
        structlog.processors.JSONRenderer(serializer=_as_json)
        if log_format is LogFormat.JSON
        # The default one prints the values of all variables, secrets among them.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _redact,
        _sparing(),
    ]
    if tell is not None:
        processors.append(_divert(tell))
    if log_format is LogFormat.JSON:
        processors.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _logger.cache_clear()
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, force=True)


@cache
def _logger() -> Any:  # noqa: ANN401 - made by structlog out of what is configured.
    """Made once, for a line is written for every attempt."""
    return structlog.get_logger("gradebell").bind()


def _as_json(facts: Facts, **_: object) -> str:
    return _encoder.encode(facts)


def _redact(_logger: object, _method: str, facts: Facts) -> Facts:
    for name in facts:
        if _names_a_secret(name):
            facts[name] = "[redacted]"
    return facts


@lru_cache(maxsize=1024)
def _names_a_secret(name: str) -> bool:
    """Remembered, for a line is written for every attempt and its names are always the same."""
    return any(secret in name.lower() for secret in _SECRET_NAMES)


def _sparing() -> Callable[[object, str, Facts], Facts]:
    told: dict[tuple[object, object, object], float] = {}

    def processor(_logger: object, method: str, facts: Facts) -> Facts:
        if method != "error" or "job" not in facts or "problem" not in facts:
            return facts
        now = time.monotonic()
        for failure in [known for known, at in told.items() if at <= now - REPEAT_SECONDS]:
            del told[failure]
        failure = (facts["event"], facts["job"], facts["problem"])
        if failure in told:
            raise structlog.DropEvent
        told[failure] = now
        return facts

    return processor


def _divert(tell: Callable[[Mapping[str, Any]], None]) -> Callable[[object, str, Facts], Facts]:
    def processor(_logger: object, method: str, facts: Facts) -> Facts:
        if method != "info":
            return facts
        tell(facts)
        raise structlog.DropEvent

    return processor
