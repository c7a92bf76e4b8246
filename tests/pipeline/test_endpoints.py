"""Endpoints: made, changed, rotated, paused, deleted, each on behalf of its app."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Table, event, func, select

from alerts.bootstrap import Services
from alerts.domain.deliveries import DisableReason, EndpointState, State
from alerts.domain.ids import HOUSE_APP
from alerts.domain.subscriptions import Filter
from alerts.errors import Conflict, InvalidInput, NotFound
from alerts.pipeline import retain
from alerts.pipeline.access import create_app
from alerts.pipeline.endpoints import (
    change_endpoint,
    enable,
    pause,
    remove,
)
from alerts.pipeline.replay import send_test
from alerts.pipeline.retain import drop_old
from alerts.pipeline.secrets import rotate_secret
from alerts.store.deliveries import find_delivery
from alerts.store.endpoints import EndpointRecord, disable_endpoint, find_endpoint
from alerts.store.health import lock_held
from alerts.store.removal import clear_removed, remove_endpoints
from alerts.store.secrets import live_secrets
from alerts.store.subscriptions import subscriptions_for
from alerts.store.tables import (
    attempts,
    deliveries,
    endpoint_secrets,
    endpoints,
    events,
    lanes,
    removed_endpoints,
    subscriptions,
)
from tests.pipeline.conftest import (
    day,
    dispatch,
    fan_out,
    log_of,
    push,
    somebody_waits,
    subscribe,
    token,
    upgrade_tokens,
)
from tests.receiver import Receiver, Reply

NOBODYS = "app_" + "9" * 26


async def now_of(services: Services, endpoint_id: str) -> EndpointRecord:
    async with services.store.read() as tx:
        found = await find_endpoint(tx, endpoint_id, app_id=None)
    assert found is not None
    return found


async def count(services: Services, table: Table) -> int:
    async with services.store.read() as tx:
        return (await tx.connection.execute(select(func.count()).select_from(table))).scalar_one()


async def test_an_address_and_a_secret_are_not_readable_in_the_database(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url("/private"), headers={"x-key": "open-sesame"})

    async with services.store.read() as tx:
        row = (await tx.connection.execute(select(endpoints))).one()
        secret = (await tx.connection.execute(select(endpoint_secrets.c.secret))).scalar_one()
    stored = repr(tuple(row)).encode() + secret
    assert b"private" not in stored
    assert b"open-sesame" not in stored
    assert made.secret not in stored
    assert len(made.secret) == 32


async def test_an_app_may_not_register_one_url_twice_and_another_may(
    services: Services, receiver: Receiver
) -> None:
    app = await create_app("tenant", store=services.store)
    await subscribe(services, receiver.url("/x"))

    with pytest.raises(Conflict) as refused:
        await subscribe(services, receiver.url("/x"))
    await subscribe(services, receiver.url("/x"), app_id=app.id)

    assert refused.value.field == "url"
    assert await count(services, endpoints) == await count(services, lanes) == 2


async def test_a_url_that_must_not_be_sent_to_is_refused(services: Services) -> None:
    with pytest.raises(InvalidInput) as refused:
        await subscribe(services, "http://169.254.169.254/latest")

    assert refused.value.field == "url"


class TestStates:
    async def test_pausing_and_enabling_are_seen_with_their_time(
        self, services: Services, receiver: Receiver
    ) -> None:
        made = await subscribe(services, receiver.url())

        paused = await pause(made.endpoint.id, app_id=HOUSE_APP, desk=services.desk)
        again = await enable(made.endpoint.id, app_id=HOUSE_APP, desk=services.desk)

        assert paused.state is EndpointState.PAUSED
        assert again.state is EndpointState.ACTIVE
        assert made.endpoint.state_since <= paused.state_since <= again.state_since
        assert await now_of(services, made.endpoint.id) == again

    async def test_what_we_disabled_is_enabled_not_paused(
        self, services: Services, receiver: Receiver
    ) -> None:
        receiver.script("/", Reply(410), Reply())
        made = await subscribe(services, receiver.url("/"))
        await upgrade_tokens(services, ["a"])
        await dispatch(services)
        assert (await now_of(services, made.endpoint.id)).disabled_reason is DisableReason.GONE
        with pytest.raises(Conflict):
            await pause(made.endpoint.id, app_id=None, desk=services.desk)

        enabled = await enable(made.endpoint.id, app_id=None, desk=services.desk)
        await upgrade_tokens(services, ["b"], since=2)
        await dispatch(services)

        assert (enabled.state, enabled.disabled_reason) == (EndpointState.ACTIVE, None)
        assert (await log_of(services))[-1].state is State.DELIVERED

    async def test_a_change_of_filter_resolves_its_tokens(
        self, services: Services, receiver: Receiver
    ) -> None:
        await push(services, day(0), {"a": 50})
        made = await subscribe(services, receiver.url())

        changed = await change_endpoint(
            made.endpoint.id,
            lambda old: replace(old, description="news", filter=Filter(min_notches=2)),
            app_id=None,
            desk=services.desk,
            tokens=["A"],
        )

        assert changed.filter == Filter(tokens=(token("a"),), min_notches=2)
        assert await now_of(services, made.endpoint.id) == changed
        async with services.store.read() as tx:
            rows = (await subscriptions_for(tx, [made.endpoint.id], [None]))[made.endpoint.id]
        assert {(row.token, row.min_notches) for row in rows} == {(token("a"), 2)}

    async def test_what_is_somebody_elses_is_not_there(
        self, services: Services, receiver: Receiver
    ) -> None:
        made = await subscribe(services, receiver.url())
        identity, desk = made.endpoint.id, services.desk

        with pytest.raises(NotFound):
            await pause(identity, app_id=NOBODYS, desk=desk)
        with pytest.raises(NotFound):
            await rotate_secret(identity, timedelta(0), app_id=NOBODYS, desk=desk)
        with pytest.raises(NotFound):
            await remove(identity, app_id=NOBODYS, desk=desk)


class TestSecrets:
    async def test_an_old_secret_ends_with_the_overlap(
        self, services: Services, receiver: Receiver
    ) -> None:
        made = await subscribe(services, receiver.url())

        fresh = await rotate_secret(made.endpoint.id, timedelta(0), app_id=None, desk=services.desk)

        async with services.store.read() as tx:
            (live,) = await live_secrets(tx, [made.endpoint.id])
        assert services.store.cipher.decrypt(live.secret) == fresh
        assert fresh != made.secret

    async def test_rotating_again_does_not_lengthen_a_shorter_overlap(
        self, services: Services, receiver: Receiver
    ) -> None:
        made = await subscribe(services, receiver.url())
        for overlap in (timedelta(hours=1), timedelta(days=7)):
            await rotate_secret(made.endpoint.id, overlap, app_id=None, desk=services.desk)

        async with services.store.read() as tx:
            newest, second, oldest = await live_secrets(tx, [made.endpoint.id])
        assert newest.expires_at is None
        assert oldest.expires_at is not None
        assert second.expires_at is not None
        assert second.expires_at - oldest.expires_at > timedelta(days=6)

    async def test_an_overlap_has_its_bounds(self, services: Services, receiver: Receiver) -> None:
        made = await subscribe(services, receiver.url())

        for overlap in (timedelta(seconds=-1), timedelta(days=8)):
            with pytest.raises(InvalidInput) as refused:
                await rotate_secret(made.endpoint.id, overlap, app_id=None, desk=services.desk)

            assert refused.value.field == "overlap_seconds"


class TestDeletion:
    async def test_deleting_removes_all_that_was_its_own_and_nothing_else(
        self, services: Services, receiver: Receiver
    ) -> None:
        kept = await subscribe(services, receiver.url("/kept"))
        gone = await subscribe(services, receiver.url("/gone"))
        await upgrade_tokens(services, ["a"])
        await send_test(gone.endpoint.id, app_id=None, store=services.store, waker=services.waker)
        await dispatch(services)

        await remove(gone.endpoint.id, app_id=None, desk=services.desk)

        assert {one.endpoint_id for one in await log_of(services)} == {kept.endpoint.id}
        tables = (endpoints, lanes, endpoint_secrets, deliveries, attempts, events)
        assert [await count(services, table) for table in tables] == [1] * len(tables)
        assert await count(services, subscriptions) == 2

    async def test_it_is_gone_at_once_and_its_rows_go_in_batches_by_whoever_comes(
        self, services: Services, receiver: Receiver
    ) -> None:
        kept = await subscribe(services, receiver.url("/kept"))
        gone = await subscribe(services, receiver.url("/gone"))
        await upgrade_tokens(services, ["a", "b", "c"])
        await send_test(gone.endpoint.id, app_id=None, store=services.store, waker=services.waker)
        await dispatch(services)
        log = await log_of(services, gone.endpoint.id)

        # Whoever began it was killed after its first transaction, and then again in between.
        async with services.store.write() as tx:
            await remove_endpoints(tx, [gone.endpoint.id])
        async with services.store.write() as tx:
            assert await clear_removed(tx, 3)
        await push(services, day(2), {"a": 5.0}, complete=False)
        await fan_out(services)
        await dispatch(services)

        assert await count(services, deliveries) == 3 + 1 + len(log) - 3
        assert {one.endpoint_id for one in await log_of(services)} == {kept.endpoint.id}
        assert len(receiver.at("/gone")) == len(log)
        async with services.store.read() as tx:
            shown = [await find_delivery(tx, one.id, app_id=None) for one in log]
        assert shown == [None] * len(log)

        await drop_old(services.settings.kept, store=services.store)

        tables = (deliveries, attempts, events)
        assert [await count(services, table) for table in tables] == [4] * len(tables)
        assert await count(services, subscriptions) == 2
        assert await count(services, removed_endpoints) == 0

    async def test_deleting_holds_the_writer_for_no_more_than_a_batch(
        self, services: Services, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retain, "BATCH", 2)
        made = await subscribe(services, receiver.url())
        await upgrade_tokens(services, [f"t{number}" for number in range(7)])
        await dispatch(services)
        most: list[int] = []

        def note(*given: Any) -> None:  # noqa: ANN401 - as SQLAlchemy hands it on
            cursor, statement = given[1], given[2]
            if statement.startswith(("DELETE FROM deliveries", "DELETE FROM attempts")):
                most.append(cursor.rowcount)

        event.listen(services.store.engine.sync_engine, "after_cursor_execute", note)
        await remove(made.endpoint.id, app_id=None, desk=services.desk)

        assert (max(most), sum(most)) == (2, 14)

    async def test_deleting_while_it_is_being_closed_waits_its_turn(
        self, services: Services, receiver: Receiver
    ) -> None:
        made = await subscribe(services, receiver.url())
        async with services.store.write() as tx:
            await lock_held(tx, [made.endpoint.id])
            removing = asyncio.create_task(
                remove(made.endpoint.id, app_id=None, desk=services.desk)
            )
            await somebody_waits(services)
            await disable_endpoint(tx, made.endpoint.id, DisableReason.GONE)

        await removing

        assert await count(services, endpoints) == 0
