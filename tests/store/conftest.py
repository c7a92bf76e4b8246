"""A store on the test's own database."""

import base64
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from alerts.store.cipher import Cipher
from alerts.store.engine import Store, open_store

KEY = base64.urlsafe_b64encode(bytes(32)).decode()


class MachineClock:
    """The real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with open_store(database_url, clock=MachineClock(), cipher=Cipher([KEY])) as opened:
        yield opened


@pytest.fixture
async def sqlite_store(sqlite_url: str) -> AsyncIterator[Store]:
    async with open_store(sqlite_url, clock=MachineClock(), cipher=Cipher([KEY])) as opened:
        yield opened
