"""The addresses of the database and of Redis: what cannot be read is said on one line."""

import pytest

from tests.cli.conftest import Operator


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "DATABASE_URL",
            "postgresql+asyncpg://u@127.0.0.1/x?sslmode=require",
            "GRADEBELL_DATABASE_URL has no option 'sslmode': it takes ssl, ",
        ),
        (
            "DATABASE_URL",
            "postgresql+asyncpg://u@127.0.0.1/x?ssl=maybe",
            "GRADEBELL_DATABASE_URL: ssl must be one of disable, ",
        ),
        (
            "DATABASE_URL",
            "postgresql+asyncpg://u@127.0.0.1:abc/x",
            "GRADEBELL_DATABASE_URL: its port must be a number",
        ),
        (
            "DATABASE_URL",
            "sqlite+aiosqlite:///x.db?foo=bar",
            "GRADEBELL_DATABASE_URL has no option 'foo': it takes uri, ",
        ),
        (
            "REDIS_URL",
            "redis://127.0.0.1:1/0?foo=bar",
            "GRADEBELL_REDIS_URL has an option that Redis clients do not take (foo)",
        ),
    ],
)
def test_what_an_address_cannot_say_is_named_on_one_line(
    sqlite_operator: Operator, name: str, value: str, told: str
) -> None:
    sqlite_operator.settings[name] = value

    code, line = sqlite_operator.fails("key", "list")

    assert code == 1
    assert line.startswith(f"gradebell: {told}")
