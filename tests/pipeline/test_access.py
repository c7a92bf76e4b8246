"""Who may do what: apps, keys, scopes, and what goes with an app."""

import os

import pytest
from sqlalchemy import func, select

from alerts.bootstrap import Services
from alerts.domain.ids import HOUSE_APP
from alerts.errors import Conflict, Denied, InvalidInput, NotFound
from alerts.pipeline.access import (
    Principal,
    Scope,
    authenticate,
    create_app,
    create_key,
    end_key,
    hash_key,
    remove_app,
)
from alerts.store.apps import KeyRecord, find_key, list_keys
from alerts.store.tables import apps, endpoints, events, keys
from tests.pipeline.conftest import dispatch, feed, log_of, subscribe, upgrade_tokens
from tests.receiver import Receiver, Reply

ADMIN = "admin-key-of-a-test"


async def key_of(
    services: Services, *scopes: str, app_id: str = HOUSE_APP, sources: tuple[str, ...] = ()
) -> tuple[KeyRecord, str]:
    return await create_key(
        app_id,
        scopes=scopes,
        sources=sources,
        description="a test's",
        store=services.store,
        fresh_secret=os.urandom,
    )


async def enter(services: Services, text: str) -> Principal:
    return await authenticate(text, admin_key=ADMIN, store=services.store, uses=services.uses)


async def test_the_operators_key_may_do_everything(services: Services) -> None:
    principal = await enter(services, ADMIN)

    for scope in Scope:
        principal.require(scope)
    principal.require_source("anything")
    assert (principal.app_id, principal.reach) == (HOUSE_APP, None)


async def test_an_unknown_key_is_nobody(services: Services) -> None:
    for text in ("", "gb_unknown", ADMIN + "x", ADMIN.upper()):
        with pytest.raises(Denied) as refused:
            await enter(services, text)

        assert refused.value.authenticated is False


async def test_a_key_has_its_scopes_and_no_others(services: Services) -> None:
    app = await create_app("tenant", store=services.store)
    _, text = await key_of(services, "read", app_id=app.id)

    principal = await enter(services, text)

    principal.require(Scope.READ)
    assert (principal.app_id, principal.reach) == (app.id, app.id)
    for scope in (Scope.WRITE, Scope.INGEST, Scope.ADMIN):
        with pytest.raises(Denied) as refused:
            principal.require(scope)
        assert refused.value.authenticated is True


async def test_an_ingest_key_is_bound_to_its_sources(services: Services) -> None:
    _, text = await key_of(services, "ingest", sources=("mine",))

    principal = await enter(services, text)

    principal.require_source("mine")
    with pytest.raises(Denied):
        principal.require_source("other")


async def test_a_key_that_makes_no_sense_is_refused(services: Services) -> None:
    mistakes: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
        ((), (), "scopes"),
        (("fly",), (), "scopes"),
        (("ingest",), (), "sources"),
        (("read",), ("mine",), "sources"),
        (("ingest",), ("Not A Source",), "source"),
    )
    for scopes, sources, field in mistakes:
        with pytest.raises(InvalidInput) as refused:
            await key_of(services, *scopes, sources=sources)

        assert refused.value.field == field


async def test_a_keys_text_is_shown_once_and_stored_as_a_hash(services: Services) -> None:
    record, text = await key_of(services, "read")

    async with services.store.read() as tx:
        row = (await tx.connection.execute(select(keys))).one()
    assert text not in repr(tuple(row))
    assert row.hash == hash_key(text)
    assert (record.hint, len(text)) == (text[-4:], 51)


async def test_the_use_of_a_key_is_noted(services: Services) -> None:
    record, text = await key_of(services, "read")

    await enter(services, text)
    await services.uses.written()

    async with services.store.read() as tx:
        found = await find_key(tx, record.id)
    assert found is not None
    assert found.last_used_at is not None


async def test_a_revoked_key_opens_nothing_and_stays_listed(services: Services) -> None:
    record, text = await key_of(services, "read")

    await end_key(record.id, store=services.store)

    with pytest.raises(Denied):
        await enter(services, text)
    with pytest.raises(Conflict):
        await end_key(record.id, store=services.store)
    async with services.store.read() as tx:
        (listed,) = await list_keys(tx, app_id=HOUSE_APP, before=None, limit=10)
    assert listed.revoked_at is not None


async def test_an_apps_name_can_be_printed(services: Services) -> None:
    for name in ("", " ", "a\nb", "x" * 121):
        with pytest.raises(InvalidInput):
            await create_app(name, store=services.store)


async def test_an_apps_name_is_its_own(services: Services) -> None:
    await create_app("tenant", store=services.store)

    with pytest.raises(Conflict):
        await create_app(" tenant ", store=services.store)


async def test_a_key_belongs_to_an_app_that_is_there(services: Services) -> None:
    with pytest.raises(NotFound):
        await key_of(services, "read", app_id="app_none")


async def test_an_app_goes_with_all_that_was_its_own_and_nothing_else(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/gone", Reply(410))
    app = await create_app("tenant", store=services.store)
    _, text = await key_of(services, "read", app_id=app.id)
    await subscribe(services, receiver.url("/gone"), app_id=app.id)
    for number in range(3):
        await subscribe(services, receiver.url(f"/{number}"), app_id=app.id)
    kept = await subscribe(services, receiver.url("/house"))
    await upgrade_tokens(services, ["a"])
    await dispatch(services)
    assert len(await feed(services)) == 2

    await remove_app(app.id, store=services.store)

    with pytest.raises(Denied):
        await enter(services, text)
    assert {one.endpoint_id for one in await log_of(services)} == {kept.endpoint.id}
    async with services.store.read() as tx:
        left = [
            (await tx.connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (apps, keys, endpoints, events)
        ]
    assert left == [1, 0, 1, 1]


async def test_the_house_stays(services: Services) -> None:
    with pytest.raises(Conflict):
        await remove_app(HOUSE_APP, store=services.store)
    with pytest.raises(NotFound):
        await remove_app("app_none", store=services.store)
