"""What Gradebell says of itself: one wide event a step.

Names are `noun.verb_past`; ids always, durations in `_ms`; never a secret, an address or a body.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import msgspec
import structlog
from structlog.typing import Processor

Facts = MutableMapping[str, Any]

# The same failure of the same job is told no more often than this.
REPEAT_SECONDS: Final = 10.0
# Whatever a caller does by mistake, these never reach a log line.
_SECRET_NAMES: Final = ("secret", "authorization", "api_key", "token_header", "password", "address")

# A bot's token stands in the address of every request to Telegram, and so in what libraries say.
# Looked for by the colon before its secret half: each attempt is a line of many digits, few colons.
_BOT_TOKEN: Final = re.compile(r":(?<=[0-9]:)[A-Za-z0-9_-]{30,}")

_encoder: Final = msgspec.json.Encoder(enc_hook=repr)
# What is done with a line, in this order, until `configure` says otherwise as structlog has it.
_processors: Final[list[Processor]] = structlog.get_config()["processors"]


class Step(StrEnum):
    """The wide events."""

    SOURCE_POLLED = "source.polled"
    SOURCE_TROUBLED = "source.troubled"
    CYCLE_DIFFED = "cycle.diffed"
    CYCLE_FANNED_OUT = "cycle.fanned_out"
    DIGEST_SUMMED_UP = "digest.summed_up"
    PICTURE_FAILED = "picture.failed"
    MARKUP_REFUSED = "markup.refused"
    TOKEN_REFUSED = "token.refused"  # noqa: S105 - what happened to one.
    DELIVERY_ATTEMPTED = "delivery.attempted"
    BREAKER_OPENED = "breaker.opened"
    BREAKER_CLOSED = "breaker.closed"
    ENDPOINT_FAILING = "endpoint.failing"
    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_MOVED = "endpoint.moved"
    SENDS_BOUNDED = "sends.bounded"
    ENDPOINT_SPARED = "endpoint.spared"
    LANES_RECOVERED = "lanes.recovered"
    LANES_REPAIRED = "lanes.repaired"
    SCHEMA_NEWER = "schema.newer"
    REDIS_LOST = "redis.lost"
    JOB_FAILED = "job.failed"
    REQUEST_FAILED = "request.failed"
    ANSWER_NOT_STORED = "answer.not_stored"
    API_STARTED = "api.started"
    BOT_STARTED = "bot.started"
    BOT_OFFERED = "bot.offered"
    BOT_REFUSED = "bot.refused"
    ANSWER_LOST = "answer.lost"
    WORKER_STARTED = "worker.started"
    WORKER_STOPPED = "worker.stopped"


class LogFormat(StrEnum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"


def emit(step: Step, **facts: object) -> None:
    """Log one wide event."""
    _say("info", step, facts)


def fail(step: Step, error: BaseException, **facts: object) -> None:
    """Log that something broke that should not, with its traceback.

    An error whose `is_outside` is true, a full disk say, is one line: our own stack explains
    nothing of it. A job that fails so again and again says it every REPEAT_SECONDS.
    """
    if getattr(error, "is_outside", False):
        _say("error", step, {"problem": str(error), **facts})
    else:
        _say("error", step, {"exc_info": error, **facts})


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
    processors: list[Processor] = [
        _from(number),
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _stamp,
        _redact,
        _sparing(),
    ]
    if tell is not None:
        processors.append(_divert(tell))
    if log_format is LogFormat.JSON:
        processors += [structlog.processors.format_exc_info, _as_json]
    else:
        # The default one prints the values of all variables, secrets among them.
        plain = structlog.dev.plain_traceback
        is_terminal = sys.stderr.isatty()
        renderer = structlog.dev.ConsoleRenderer(colors=is_terminal, exception_formatter=plain)
        processors.append(renderer)
    _processors[:] = processors
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Redacting(logging.BASIC_FORMAT))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


def redacted(text: str) -> str:
    """A text without the token of a bot on Telegram, but for the number of the bot."""
    return _BOT_TOKEN.sub(":[redacted]", text)


class _Redacting(logging.Formatter):
    """What libraries log."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def _say(method: str, step: Step, facts: Facts) -> None:
    """Through structlog's processors, without its loggers: a line is written for every attempt."""
    told: Any = {**facts, "event": step.value}
    try:
        for processor in _processors:
            told = processor(None, method, told)
    except structlog.DropEvent:
        return
    # Standard error writes line by line.
    sys.stderr.write(f"{redacted(str(told))}\n")


def _from(number: int) -> Processor:
    levels = {"info": logging.INFO, "error": logging.ERROR}

    def processor(_logger: object, method: str, facts: Facts) -> Facts:
        if levels[method] < number:
            raise structlog.DropEvent
        return facts

    return processor


def _stamp(_logger: object, _method: str, facts: Facts) -> Facts:
    now = datetime.now(UTC)  # noqa: TID251 - when the line was written, and nothing hangs on it.
    facts["at"] = _encoder.encode(now).decode().strip('"')
    return facts


def _as_json(_logger: object, _method: str, facts: Facts) -> str:
    try:
        line = _encoder.encode(facts)
    except UnicodeEncodeError:  # half a character, of a file's name for one
        line = b""
    if line and line.isascii():
        return line.decode()
    # What is not ASCII is escaped: some of it ends lines, or moves a terminal's cursor.
    return json.dumps(facts, default=repr, separators=(",", ":"))


def _redact(_logger: object, _method: str, facts: Facts) -> Facts:
    for name in facts:
        if _names_a_secret(name):
            facts[name] = "[redacted]"
    return facts


@lru_cache(maxsize=1024)
def _names_a_secret(name: str) -> bool:
    """Remembered, for a line is written for every attempt and its names are always the same."""
    return any(secret in name.lower() for secret in _SECRET_NAMES)


def _without_token(value: object) -> object:
    return redacted(value) if isinstance(value, str) else value


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
        tell({name: _without_token(value) for name, value in facts.items()})
        raise structlog.DropEvent

    return processor
