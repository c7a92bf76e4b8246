"""What tests of repeated requests share: a key, and the answers that are stored."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select, update

from alerts.store.tables import stored_answers
from tests.api.conftest import Api

KEY = {"idempotency-key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


async def rows_of(api: Api) -> list[Row[Any]]:
    async with api.services.store.read() as tx:
        return list(await tx.connection.execute(select(stored_answers)))


async def set_row(api: Api, **values: object) -> None:
    async with api.services.store.write() as tx:
        await tx.connection.execute(update(stored_answers).values(values))


async def age(api: Api, by: timedelta) -> None:
    async with api.services.store.write() as tx:
        moved = {"created_at": await tx.now() - by}
        await tx.connection.execute(update(stored_answers).values(moved))
