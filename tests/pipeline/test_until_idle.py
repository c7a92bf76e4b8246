"""Dispatching until idle: it ends when everything is done, and not before."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from alerts.bootstrap import SystemClock, open_services
from alerts.domain.grades import Kind, read_grade, source_name
from alerts.domain.ids import HOUSE_APP
from alerts.domain.readings import Reading
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.pipeline.fan_out import fan_out_events
from alerts.pipeline.receive import receive
from alerts.settings import Settings
from alerts.store.cipher import new_encryption_key
from alerts.store.cycles import Origin
from alerts.store.engine import Store, Transaction
from tests.receiver import Receiver

SOURCE = source_name("demo")
TOKENS = 30


class TardyStore(Store):
    """A database on a busy loop: whoever commits hears of it late, everybody else sees it."""

    @asynccontextmanager
    async def write(
        self, *, waits_for_disk: bool = True, queue: str | None = None
    ) -> AsyncIterator[Transaction]:
        async with super().write(waits_for_disk=waits_for_disk, queue=queue) as tx:
            yield tx
        await asyncio.sleep(0.1)


async def test_a_claim_that_is_still_coming_home_is_not_idleness(database_url: str) -> None:
    async with Receiver() as receiver:
        settings = Settings.model_validate(
            {
                "database_url": database_url,
                "admin_key": "a" * 20,
                "encryption_keys": new_encryption_key(),
                "trusted_destinations": receiver.destination,
                "source": "none",
            }
        )
        async with open_services(settings) as services:
            store = services.store
            await create_webhook(HOUSE_APP, receiver.url("/"), Wish(), desk=services.desk)
            for day, score in enumerate((50, 70)):
                grades = tuple(
                    read_grade(SOURCE, {"token_id": number, "score": score})
                    for number in range(TOKENS)
                )
                as_of = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
                async with store.write() as tx:
                    ids = await receive(
                        tx,
                        Reading({as_of: grades}),
                        source=SOURCE,
                        kind=Kind.TRADER,
                        complete=True,
                        origin=Origin.PUSH,
                    )
                for cycle_id in ids:
                    await diff_cycle(cycle_id, store=store, ladder=services.ladder)
            await fan_out_events(store=store, waker=services.waker)
            tardy = TardyStore(store.engine, clock=SystemClock(), cipher=store.cipher)

            await dataclasses.replace(services, store=tardy).dispatcher().run_until_idle()

            assert len(receiver.requests) == TOKENS
