"""An app that goes while something is made for it: one of the two wins, nothing is left over."""

import asyncio
import os
from collections.abc import Callable, Coroutine

import pytest
from sqlalchemy import Table, func, select

from alerts.bootstrap import Services
from alerts.domain.ids import HOUSE_APP
from alerts.errors import NotFound
from alerts.pipeline.access import create_app, create_key, remove_app
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.store.answers import Keep
from alerts.store.apps import delete_app, find_app
from alerts.store.engine import Transaction
from alerts.store.tables import apps, endpoint_secrets, endpoints, keys, lanes, subscriptions
from tests.pipeline.conftest import WAIT_SECONDS, OpenServices, finished, somebody_waits

Make = Callable[[Services, str, Keep[object]], Coroutine[object, object, object]]


async def make_endpoint(services: Services, app_id: str, keep: Keep[object]) -> object:
    url = f"http://{services.settings.trusted_destinations}/hook"
    return await create_webhook(app_id, url, Wish(), desk=services.desk, keep=keep)


async def make_key(services: Services, app_id: str, keep: Keep[object]) -> object:
    return await create_key(
        app_id,
        scopes=["read"],
        sources=[],
        description="",
        store=services.store,
        fresh_secret=os.urandom,
        keep=keep,
    )


async def keep_nothing(_tx: Transaction, _made: object) -> None:
    return


async def left_over(services: Services) -> dict[str, int]:
    tables: tuple[Table, ...] = (endpoints, lanes, subscriptions, endpoint_secrets, keys)
    async with services.store.read() as tx:
        assert list((await tx.connection.execute(select(apps.c.id))).scalars()) == [HOUSE_APP]
        counts = {
            table.name: (
                await tx.connection.execute(select(func.count()).select_from(table))
            ).scalar_one()
            for table in tables
        }
    return {name: count for name, count in counts.items() if count}


@pytest.mark.parametrize("make", [make_endpoint, make_key])
async def test_what_was_made_just_before_goes_with_the_app(
    open_with: OpenServices, make: Make
) -> None:
    first, second = await open_with(), await open_with()
    app = await create_app("tenant", store=first.store)
    made, may_commit = asyncio.Event(), asyncio.Event()

    async def hesitate(_tx: Transaction, _made: object) -> None:
        made.set()
        await may_commit.wait()

    making = asyncio.create_task(make(first, app.id, hesitate))
    async with asyncio.timeout(WAIT_SECONDS):
        await made.wait()
    removing = asyncio.create_task(remove_app(app.id, store=second.store))
    try:
        await somebody_waits(first)
        may_commit.set()
        await making
        await removing
    finally:
        await finished(making, removing)

    assert await left_over(first) == {}


@pytest.mark.parametrize("make", [make_endpoint, make_key])
async def test_nothing_is_made_for_an_app_that_is_going(
    open_with: OpenServices, make: Make
) -> None:
    first, second = await open_with(), await open_with()
    app = await create_app("tenant", store=first.store)
    async with first.store.write() as tx:
        await find_app(tx, app.id, locked=True)
        await delete_app(tx, app.id)
        making = asyncio.create_task(make(second, app.id, keep_nothing))
        await somebody_waits(first)

    with pytest.raises(NotFound):
        await making

    assert await left_over(first) == {}
