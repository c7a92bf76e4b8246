"""Watermarks: how far each kind of a source has come, and who may move it on."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import BindParameter, String, bindparam, func, select, update
from sqlalchemy.sql.dml import ReturningInsert

from alerts.domain.grades import Cycle, Kind, SourceName, TokenId
from alerts.domain.ratings import graded_count
from alerts.store.cycle_rows import pack_tokens, unpack_tokens
from alerts.store.engine import Transaction, insert_on
from alerts.store.tables import cycles, watermarks


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far a source's kind has come.

    version: how often it was taken. as_of: of the newest
    accepted cycle; first_as_of: of the first. reference: graded tokens of the last accepted
    complete cycle. band_version: of the ladder its ratings stand on. asked: the tokens that were
    asked for last, None: all there are. news_at: when a grade was last new or other than before.
    """

    version: int
    as_of: datetime | None
    first_as_of: datetime | None
    reference: int | None
    band_version: int | None
    asked: frozenset[TokenId] | None = None
    news_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastAccepted:
    """The cycle of a source and kind that was accepted last. cycle_id: None before the first.

    newest_as_of, news_at, tokens: its watermark's `as_of`, `news_at` and `reference`.
    """

    source: SourceName
    kind: Kind
    cycle_id: str | None
    as_of: datetime | None
    accepted_at: datetime | None
    newest_as_of: datetime | None = None
    news_at: datetime | None = None
    tokens: int | None = None


async def list_last_accepted(tx: Transaction) -> list[LastAccepted]:
    """What was accepted last, of every source and kind that ever came in."""
    columns = watermarks.c
    mark = (columns.as_of, columns.news_at, columns.reference)
    last = (columns.cycle_id, cycles.c.as_of, columns.accepted_at)
    query = (
        select(columns.source, columns.kind, *last, *mark)
        .outerjoin_from(watermarks, cycles, cycles.c.id == columns.cycle_id)
        .order_by(columns.source, columns.kind)
    )
    rows = await tx.connection.execute(query)
    return [LastAccepted(row[0], Kind(row[1]), *row[2:]) for row in rows]


async def read_watermark(tx: Transaction, source: SourceName, kind: Kind) -> Watermark:
    """How far this source and kind have come."""
    query = select(*_MARK).where(watermarks.c.source == source, watermarks.c.kind == kind)
    row = (await tx.connection.execute(query)).one_or_none()
    return Watermark(0, None, None, None, None) if row is None else _mark(row)


async def take_watermark(tx: Transaction, source: SourceName, kind: Kind) -> Watermark:
    """How far this source and kind have come. Nobody else moves it from here on until the commit.

    The first of transaction 1. All kinds of a source wait for each other: they have their tokens
    in common, and who shares a commit has the event counter when its next part comes to those.
    """
    if tx.is_postgresql:
        await tx.connection.execute(_ALONE, {"source": source})
    taken = await tx.connection.execute(
        _take(is_postgresql=tx.is_postgresql), {"source": source, "kind": kind}
    )
    return _mark(taken.one())


async def write_watermark(tx: Transaction, cycle_id: str, cycle: Cycle, *, mark: Watermark) -> None:
    """Record an accepted cycle. mark: as it is to be; its version is not looked at.

    A part without a single score has brought nothing: the cycle accepted last is still the last.
    """
    statement = _WRITE
    values: dict[str, object] = {
        "of_source": cycle.source,
        "of_kind": cycle.kind,
        "to_as_of": mark.as_of,
        "to_first_as_of": mark.first_as_of,
        "to_reference": mark.reference,
        "to_band_version": mark.band_version,
        "to_asked": pack_tokens(mark.asked),
        "to_news_at": mark.news_at,
    }
    if cycle.complete or graded_count(cycle):
        statement = _WRITE_WITH_CYCLE
        values |= {"to_cycle_id": cycle_id, "to_accepted_at": await tx.now()}
    await tx.connection.execute(statement, values)


def _mark(row: Any) -> Watermark:  # noqa: ANN401 - a row of _MARK.
    version, as_of, first_as_of, reference, band_version, asked, news_at = row
    return Watermark(
        version, as_of, first_as_of, reference, band_version, unpack_tokens(asked), news_at
    )


_ALONE: Final = select(
    func.pg_advisory_xact_lock(func.hashtextextended(bindparam("source", type_=String), 0))
)
_MARK: Final = (
    watermarks.c.version,
    watermarks.c.as_of,
    watermarks.c.first_as_of,
    watermarks.c.reference,
    watermarks.c.band_version,
    watermarks.c.asked,
    watermarks.c.news_at,
)


def _to(*names: str) -> dict[str, BindParameter[Any]]:
    return {name: bindparam(f"to_{name}", type_=watermarks.c[name].type) for name in names}


_WRITE: Final = (
    update(watermarks)
    .where(watermarks.c.source == bindparam("of_source"), watermarks.c.kind == bindparam("of_kind"))
    .values(_to("as_of", "first_as_of", "reference", "band_version", "asked", "news_at"))
)
_WRITE_WITH_CYCLE: Final = _WRITE.values(_to("cycle_id", "accepted_at"))


@cache
def _take(*, is_postgresql: bool) -> ReturningInsert[Any]:
    statement = insert_on(watermarks, is_postgresql=is_postgresql).values(
        source=bindparam("source"), kind=bindparam("kind"), version=1
    )
    return statement.on_conflict_do_update(
        index_elements=["source", "kind"], set_={"version": watermarks.c.version + 1}
    ).returning(*_MARK)
