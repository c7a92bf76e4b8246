"""The rows of a cycle, from when it is received until it is diffed or discarded."""

import asyncio
import zlib
from collections.abc import Iterable
from itertools import chain
from typing import Final

import msgspec
from sqlalchemy import delete, select

from alerts.domain.grades import Cycle, Grade, TokenId
from alerts.store.cycles import CycleRecord
from alerts.store.engine import Transaction, insert_into
from alerts.store.tables import cycle_rows

# Rows decoded in one go, a thread's or not, while nothing else runs: some 10 ms.
PART_ROWS: Final = 5000


async def keep_rows(tx: Transaction, cycle_id: str, cycle: Cycle) -> None:
    """Keep a cycle's rows until it is diffed; those that are kept already stay."""
    packed = {
        "cycle_id": cycle_id,
        "rows": await asyncio.to_thread(_pack, cycle.grades),
        "unread": pack_tokens(cycle.unread or None),
        "asked": pack_tokens(cycle.asked),
        "lacks": cycle.lacks,
    }
    await tx.connection.execute(insert_into(tx, cycle_rows).on_conflict_do_nothing(), [packed])


async def load_cycle(tx: Transaction, record: CycleRecord) -> Cycle | None:
    """The cycle with its rows, decoded; None once it is diffed, for then they are gone."""
    columns = cycle_rows.c
    query = select(columns.rows, columns.unread, columns.asked, columns.lacks)
    found = await tx.connection.execute(query.where(columns.cycle_id == record.id))
    packed = found.one_or_none()
    if packed is None:
        return None
    return Cycle(
        record.source,
        record.kind,
        record.as_of,
        record.complete,
        await asyncio.to_thread(_unpack, packed.rows),
        unread=unpack_tokens(packed.unread) or frozenset(),
        asked=unpack_tokens(packed.asked),
        lacks=packed.lacks,
    )


async def drop_rows(tx: Transaction, cycle_id: str) -> None:
    """Forget a cycle's rows: diffed or discarded, they are not needed again."""
    await tx.connection.execute(delete(cycle_rows).where(cycle_rows.c.cycle_id == cycle_id))


def pack_tokens(tokens: Iterable[TokenId] | None) -> bytes | None:
    """Tokens as a column keeps them."""
    return None if tokens is None else msgspec.msgpack.encode(sorted(tokens))


def unpack_tokens(packed: bytes | None) -> frozenset[TokenId] | None:
    """Tokens as they were packed."""
    return None if packed is None else msgspec.msgpack.decode(packed, type=frozenset[TokenId])


def _pack(grades: tuple[Grade, ...]) -> bytes:
    parts = [
        msgspec.msgpack.encode(grades[start : start + PART_ROWS])
        for start in range(0, len(grades), PART_ROWS)
    ]
    return zlib.compress(msgspec.msgpack.encode(parts), level=1)


def _unpack(rows: bytes) -> tuple[Grade, ...]:
    parts = msgspec.msgpack.decode(zlib.decompress(rows), type=list[bytes])
    decoder = msgspec.msgpack.Decoder(tuple[Grade, ...])
    return tuple(chain.from_iterable(decoder.decode(part) for part in parts))
