"""A log of any length, made by the database itself: for the tests of its plans and its speed."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from alerts.store.engine import Store

DAY: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Length:
    """How much of what. Each event is told to `told` of the endpoints, and each app has as many.

    The operator's own app has one endpoint with three deliveries, whatever the others have.
    """

    events: int
    told: int
    endpoints: int
    apps: int
    tokens: int

    @property
    def deliveries(self) -> int:
        """In all."""
        return self.events * self.told + 3


def endpoint_id(number: int) -> str:
    """The id of an endpoint, from 1 on; number 0 is the lone one."""
    return f"ep_{number:026}"


def app_id(number: int) -> str:
    """The id of an app, from 1 on; number 0 is the operator's, with the lone endpoint."""
    return f"app_{number:026}"


async def fill(store: Store, length: Length) -> None:
    """Write events over ninety days, the endpoints, and what they were told.

    Of a hundred deliveries 94 were delivered, 3 are dead, 2 skipped and 1 unknown; of the newest
    hundredth of events half wait, four in five of these for a first attempt.
    """
    async with store.write() as tx:
        for words in _statements(length, is_postgresql=tx.is_postgresql):
            await tx.connection.execute(text(words))
    if tx.is_postgresql:
        async with store.engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("VACUUM ANALYZE"))


def _statements(length: Length, *, is_postgresql: bool) -> list[str]:
    empty = "''::bytea" if is_postgresql else "x''"
    at = f"CAST(event AS BIGINT) * {90 * DAY // length.events}"
    newest = length.events - max(1, length.events // 100)

    def numbers(count: int) -> str:
        if is_postgresql:
            return f"WITH n(i) AS (SELECT generate_series(1, {count}))"
        counting = f"SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}"
        return f"WITH RECURSIVE n(i) AS ({counting})"

    def padded(prefix: str, number: str) -> str:
        zeros = f"'{'0' * 26}' || ({number})"
        return f"'{prefix}' || " + (
            f"right({zeros}, 26)" if is_postgresql else f"substr({zeros}, -26)"
        )

    # ruff: noqa: S608 - put together from these words, and from nothing else.
    app = padded("app_", f"CASE WHEN endpoint = 0 THEN 0 ELSE endpoint % {length.apps} + 1 END")
    kind = "CASE WHEN event % 2 = 0 THEN 'trader' ELSE 'fundamental' END"
    token = f"'demo:' || (event % {length.tokens})"
    state = (
        f"CASE WHEN event > {newest} AND i % 2 = 0 THEN 'pending' WHEN i % 100 < 94 THEN"
        " 'delivered' WHEN i % 100 < 97 THEN 'dead' WHEN i % 100 < 99 THEN 'skipped'"
        " ELSE 'unknown' END"
    )
    deliveries = (
        "INSERT INTO deliveries (id, event_id, endpoint_id, app_id, sequence, token, kind, state,"
        " reason, status_code, position, due_at, expires_at, created_at, ended_at, attempts,"
        f' interruptions, "trigger") {{0}} SELECT {padded("dlv_", "i")}, {padded("evt_", "event")},'
        f" {padded('ep_', 'endpoint')}, {app}, event, {token}, {kind}, state,"
        " CASE WHEN state = 'skipped' THEN 'paused' WHEN state = 'unknown' THEN 'interrupted'"
        " WHEN state = 'dead' AND i % 3 = 0 THEN 'timeout' WHEN state = 'dead' AND i % 3 = 1"
        " THEN 'gone' WHEN state = 'dead' OR state = 'pending' AND i % 10 = 0 THEN 'server_error'"
        " END, CASE WHEN state = 'delivered' THEN CASE WHEN i % 5 = 0 THEN 200 ELSE 204 END"
        " WHEN state = 'dead' AND i % 3 = 1 THEN 410 WHEN state = 'dead' AND i % 3 = 2 THEN 500"
        " WHEN state = 'pending' AND i % 10 = 0 THEN 503 END,"
        " CASE WHEN state = 'pending' AND i % 10 = 0 THEN 1 ELSE 0 END,"
        f" {at}, {at}, {at}, CASE WHEN state <> 'pending' THEN {at} END, 1, 0, 'schedule' FROM d"
    )
    # Each event begins at another endpoint, and goes on to its neighbours.
    endpoint = f"(event * 37 + i) % {length.endpoints} + 1"
    told = (
        f"{numbers(length.events * length.told)},"
        f" e(i, event) AS (SELECT i, (i - 1) / {length.told} + 1 FROM n),"
        f" d(i, event, endpoint, state) AS (SELECT i, event, {endpoint}, {state} FROM e)"
    )
    lone = (
        f"{numbers(3)}, d(i, event, endpoint, state) AS"
        " (SELECT 9000000000 + i, i, 0, 'delivered' FROM n)"
    )
    return [
        (
            f"INSERT INTO apps (id, name, created_at) {numbers(length.apps)}"
            f" SELECT {padded('app_', 'i')}, 'app ' || i, 0 FROM n"
        ),
        (
            "INSERT INTO endpoints (id, app_id, channel, address, address_hash, description, state,"
            ' state_since, filter, "order", time_to_live_seconds, created_at)'
            f" {numbers(length.endpoints + 1)}, e(endpoint) AS (SELECT i - 1 FROM n)"
            f" SELECT {padded('ep_', 'endpoint')}, {app}, 'webhook', {empty},"
            f" {padded('h', 'endpoint')}, '', 'active', 0, '{{}}', 'none', 259200, 0 FROM e"
        ),
        (
            "INSERT INTO events (id, sequence, type, type_bit, audience, source, kind, token, at,"
            f" recorded_at, body) {numbers(length.events)}, e(event) AS (SELECT i FROM n)"
            f" SELECT {padded('evt_', 'event')}, event, 'grade.upgraded', 1, 'everyone', 'demo',"
            f" {kind}, {token}, {at}, {at}, {empty} FROM e"
        ),
        deliveries.format(told),
        deliveries.format(lone),
    ]
