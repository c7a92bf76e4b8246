"""Nothing that is done costs more for all that was delivered before."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from alerts.domain.deliveries import Channel
from alerts.pipeline.recover import reap
from alerts.pipeline.retain import drop_old
from alerts.store.engine import Store
from tests.api.conftest import Api
from tests.receiver import Reply

ALIASES = re.compile(r"\b(?:deliveries|attempts) AS (\w+)")
# What waits is counted, over indexes that hold nothing else.
WAITING = {"ix_deliveries_fresh", "ix_deliveries_later"}


@contextmanager
def _noted(store: Store) -> Iterator[dict[str, Any]]:
    """The statements of a block, each with the parameters it was first executed with."""
    statements: dict[str, Any] = {}

    def note(*of: Any) -> None:  # noqa: ANN401 - as SQLAlchemy hands it on.
        if re.search(r"\b(deliveries|attempts)\b", of[2]):
            statements.setdefault(of[2], of[3][0] if of[5] else of[3])

    engine = store.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def _live(api: Api) -> None:
    """Whatever happens to deliveries, by whoever may do it."""
    app = await api.app("one")
    key = await api.key(app, "read", "write")
    for path, reply in (("/a", Reply()), ("/b", Reply(500)), ("/c", Reply(410))):
        api.receiver.script(path, reply)
    made = [await api.endpoint("/a", order="strict", key=key)]
    made += [
        await api.endpoint(path, order=order) for path, order in (("/b", "latest"), ("/c", "none"))
    ]
    await api.upgrade("btc", "eth")
    await api.upgrade("btc", "eth", day=3)
    for one in made[:2]:
        path = f"/v1/endpoints/{one['id']}"
        for action in ("test", "pause", "enable"):
            await api.post(f"{path}/{action}")
        await api.post(f"{path}/replay", json={"since": "2026-01-01"})
        await api.deliver()
        listed = (await api.get(f"/v1/deliveries?endpoint={one['id']}")).json()["data"]
        await api.get(f"/v1/deliveries/{listed[-1]['id']}")
        await api.post(f"/v1/deliveries/{listed[-1]['id']}/resend")
        await api.get(f"{path}/explain?event={listed[-1]['event_id']}")
    await api.get("/metrics")
    services = api.services
    await reap(store=services.store, repeatable=frozenset({Channel.WEBHOOK}), worker="w")
    await drop_old(services.settings.kept, store=services.store)
    await api.call("DELETE", f"/v1/endpoints/{made[1]['id']}")
    await api.call("DELETE", f"/v1/apps/{app}")


async def test_no_statement_reads_all_deliveries_or_attempts(lone_api: Api) -> None:
    store = lone_api.services.store
    with _noted(store) as statements:
        await _live(lone_api)

    assert len(statements) > 40
    whole = []
    async with store.read() as tx:
        for statement, given in statements.items():
            told = await tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
            names = {"deliveries", "attempts", *ALIASES.findall(statement)}
            whole += [(row[-1], statement) for row in told if _is_whole(row[-1], names)]
    assert not whole


def _is_whole(step: str, names: set[str]) -> bool:
    """Whether a step of a plan reads a table that is not small, all of it."""
    words = step.split()
    is_scan = words[0] == "SCAN" and words[1] in names
    return (is_scan and words[-1] not in WAITING) or "AUTOMATIC" in words
