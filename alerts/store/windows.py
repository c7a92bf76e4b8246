"""Windows: which sizes of a move anybody asked to be told of, and how far scores went lately."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Final

import msgspec
from sqlalchemy import Insert, bindparam, or_, select

from alerts.domain.events import Window
from alerts.domain.grades import Kind, TokenId
from alerts.domain.windows import Reading, Sizes, Track
from alerts.store.among import among, ids_called
from alerts.store.engine import CHUNK_ROWS, Transaction, insert_on
from alerts.store.many import insert_many
from alerts.store.ratings import NAMED_TOKENS
from alerts.store.tables import grades, subscriptions, tokens, tracks


async def named_sizes(
    tx: Transaction, kind: Kind, wanted: Sequence[TokenId]
) -> dict[TokenId | None, Sizes]:
    """The sizes of a kind that are named for any of these tokens, or for all (None).

    Subscriptions without one are not looked at.
    """
    query = _NAMED
    given: dict[str, object] = {"kind": kind}
    if len(wanted) <= NAMED_TOKENS:
        query, given = _NAMED_FOR, given | {"tokens": list(wanted)}
    found: dict[TokenId | None, dict[tuple[Window, bool], set[int]]] = {}
    for row in await tx.connection.execute(query, given):
        sizes = found.setdefault(None if row.token is None else TokenId(row.token), {})
        for size, is_upward in ((row.rise, True), (row.fall, False)):
            if size is not None:
                sizes.setdefault((Window(row.within), is_upward), set()).add(size)
    return {
        token: {which: sorted(every) for which, every in sizes.items()}
        for token, sizes in found.items()
    }


async def load_tracks(
    tx: Transaction, kind: Kind, wanted: Sequence[TokenId]
) -> dict[TokenId, Track]:
    """The tracks of these tokens that go as far as the history does; of others nothing."""
    rows = await tx.connection.execute(_TRACKS, {"kind": kind, "tokens": list(wanted)})
    found = {}
    for row in rows:
        track = _DECODER.decode(row.state)
        if (track.reading.as_of, track.reading.revision) == (row.as_of, row.revision):
            found[TokenId(row.token)] = track
    return found


async def load_readings(
    tx: Transaction, kind: Kind, wanted: Sequence[TokenId], *, since: datetime
) -> dict[TokenId, list[Reading]]:
    """The history of these tokens, in order, from what was held at a time on."""
    given = {"kind": kind, "tokens": list(wanted), "since": since}
    held = await tx.connection.execute(_HELD_AT, given)
    found: dict[TokenId, list[Reading]] = {
        row.id: [Reading(row.as_of, 0, row.score)] for row in held if row.as_of is not None
    }
    for rows in (await tx.connection.execute(_LINES, given)).partitions(CHUNK_ROWS):
        for token, as_of, revision, score in rows:
            found.setdefault(token, []).append(Reading(as_of, revision, score))
        await asyncio.sleep(0)
    return found


async def save_tracks(tx: Transaction, kind: Kind, held: Mapping[TokenId, Track]) -> None:
    """Keep these tracks from now on."""
    rows = (
        {"token": token, "kind": kind, "state": _ENCODER.encode(track)}
        for token, track in held.items()
    )
    await insert_many(tx, _save(is_postgresql=tx.is_postgresql), rows)


_DECODER: Final = msgspec.msgpack.Decoder(Track)
_ENCODER: Final = msgspec.msgpack.Encoder()
_TOKEN: Final = subscriptions.c.token
# In the words of its index.
_NAMED: Final = (
    select(_TOKEN, subscriptions.c.within, subscriptions.c.rise, subscriptions.c.fall)
    .where(subscriptions.c.kind == bindparam("kind"), subscriptions.c.within.is_not(None))
    .distinct()
)
_NAMED_FOR: Final = _NAMED.where(or_(_TOKEN.is_(None), among(_TOKEN, ids_called("tokens"))))
_SINCE: Final = bindparam("since", type_=grades.c.as_of.type)
_NEWEST: Final = (
    select(grades.c.as_of, grades.c.revision)
    .where(grades.c.token == tracks.c.token, grades.c.kind == tracks.c.kind)
    .order_by(grades.c.as_of.desc(), grades.c.revision.desc())
    .limit(1)
    .correlate(tracks)
)
_TRACKS: Final = select(
    tracks.c.token,
    tracks.c.state,
    _NEWEST.with_only_columns(grades.c.as_of).scalar_subquery().label("as_of"),
    _NEWEST.with_only_columns(grades.c.revision).scalar_subquery().label("revision"),
).where(tracks.c.kind == bindparam("kind"), among(tracks.c.token, ids_called("tokens")))
_LINES: Final = (
    select(grades.c.token, grades.c.as_of, grades.c.revision, grades.c.score)
    .where(
        grades.c.kind == bindparam("kind"),
        among(grades.c.token, ids_called("tokens")),
        grades.c.as_of > _SINCE,
    )
    .order_by(grades.c.token, grades.c.as_of, grades.c.revision)
)
# By themselves, one look into the key for each token: in a join PostgreSQL may read all lines.
_LAST_BEFORE: Final = (
    select(grades.c.as_of)
    .where(
        grades.c.token == tokens.c.id,
        grades.c.kind == bindparam("kind"),
        grades.c.as_of <= _SINCE,
    )
    .order_by(grades.c.as_of.desc(), grades.c.revision.desc())
    .limit(1)
    .correlate(tokens)
)
_HELD_AT: Final = select(
    tokens.c.id,
    _LAST_BEFORE.scalar_subquery().label("as_of"),
    _LAST_BEFORE.with_only_columns(grades.c.score).scalar_subquery().label("score"),
).where(among(tokens.c.id, ids_called("tokens")))


@cache
def _save(*, is_postgresql: bool) -> Insert:
    statement = insert_on(tracks, is_postgresql=is_postgresql)
    return statement.on_conflict_do_update(
        index_elements=["token", "kind"], set_={"state": statement.excluded.state}
    )
