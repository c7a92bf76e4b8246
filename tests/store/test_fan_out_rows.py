"""What fan-out writes by one statement: ids as ours are, and never too much at once."""

import re

from sqlalchemy import text

from alerts.bootstrap import open_services
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.settings import Settings
from alerts.store.cipher import new_encryption_key
from alerts.store.cycles import find_cycle
from alerts.store.fan_out import FAN_OUT_ROWS, Chunk, cycles_to_fan_out, fan_out_chunk
from tests.bench.loads import HIGH, LOW, push

TOKENS, ENDPOINTS = 600, 80
ID = re.compile(r"dlv_[0-9a-hjkmnp-tv-z]{26}")


async def test_endpoints_that_take_everything_come_few_at_a_time_and_none_is_left_out(
    database_url: str,
) -> None:
    settings = Settings.model_validate(
        {
            "database_url": database_url,
            "admin_key": "a" * 20,
            "encryption_keys": new_encryption_key(),
            "trusted_destinations": "127.0.0.1:9",
            "source": "none",
        }
    )
    async with open_services(settings) as services:
        store = services.store
        await push(services, TOKENS, day=0, score=LOW)
        for number in range(ENDPOINTS):
            # Every other one names a token, and so takes one event only.
            wish = Wish(tokens=None if number % 2 else [f"bench:{number}"])
            await create_webhook(
                HOUSE_APP, f"http://127.0.0.1:9/{number}", wish, desk=services.desk
            )
        await push(services, TOKENS, day=1, score=HIGH)

        chunks: list[Chunk] = []
        async with store.read() as tx:
            [cycle_id] = await cycles_to_fan_out(tx)
        while not chunks or not chunks[-1].is_last:
            async with store.write() as tx:
                record = await find_cycle(tx, cycle_id)
                assert record is not None
                chunk = await fan_out_chunk(tx, record)
                assert chunk is not None
                chunks.append(chunk)
        async with store.engine.connect() as connection:
            query = text("SELECT id, endpoint_id, due_at, expires_at FROM deliveries")
            rows = (await connection.execute(query)).all()

        everything = ENDPOINTS // 2
        due = everything * TOKENS + (ENDPOINTS - everything)
        assert sum(chunk.deliveries for chunk in chunks) == len(rows) == due
        assert sum(chunk.endpoints for chunk in chunks) == ENDPOINTS
        assert max(chunk.deliveries for chunk in chunks) <= FAN_OUT_ROWS + ENDPOINTS
        assert all(ID.fullmatch(row.id) for row in rows)
        assert len({row.id for row in rows}) == due
        assert len({row.id[-16:] for row in rows}) == due
        assert len({row.id[:14] for row in rows}) <= len(chunks)
        assert {round((row.expires_at - row.due_at) / 3.6e9) for row in rows} == {72}
