"""Statements are compiled once for all tests, as a process compiles them once for all its life.

Each test has an engine of its own, and compiling a statement takes longer than running it.
"""

from typing import Any

from sqlalchemy import Compiled, Connection, Engine, event


class Kept(dict[Any, Compiled]):
    """What was compiled, by statement and dialect.

    An engine has a dialect object of its own; what it compiles to is a matter of the dialect's
    class and of the server's version.
    """

    def get(self, key: Any, default: Any = None) -> Any:  # noqa: ANN401 - SQLAlchemy's own.
        return super().get(_shared(key), default)

    def __setitem__(self, key: Any, compiled: Compiled) -> None:  # noqa: ANN401
        super().__setitem__(_shared(key), compiled)


def compile_once() -> None:
    """Let all engines of this process keep what they compile in one place."""
    kept = Kept()

    @event.listens_for(Engine, "engine_connect")
    def on_connect(connection: Connection) -> None:
        connection.execution_options(compiled_cache=kept)


def _shared(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *statement = key
    return type(dialect), dialect.server_version_info, *statement
