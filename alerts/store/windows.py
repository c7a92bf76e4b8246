"""Windows: which sizes of a move anybody asked to be told of, and how far scores went lately."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Insert, bindparam, or_, select

from alerts.domain.events import Window
from alerts.domain.grades import Kind, TokenId
from alerts.domain.windows import Sizes, Track
from alerts.store.among import among, ids_called
from alerts.store.engine import Transaction, insert_on
from alerts.store.many import insert_many
from alerts.store.ratings import NAMED_TOKENS
from alerts.store.tables import grades, subscriptions, tracks


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


class Kept(NamedTuple):
    """A track as it was kept. is_whole: the history has no line that is newer."""

    track: Track
    is_whole: bool


async def load_tracks(
    tx: Transaction, kind: Kind, wanted: Sequence[TokenId]
) -> dict[TokenId, Kept]:
    """The tracks that are kept of these tokens."""
    rows = await tx.connection.execute(_TRACKS, {"kind": kind, "tokens": list(wanted)})
    found = {}
    for row in rows:
        track = _DECODER.decode(row.state)
        newest = (row.as_of, row.revision)
        found[TokenId(row.token)] = Kept(
            track, (track.reading.as_of, track.reading.revision) == newest
        )
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


@cache
def _save(*, is_postgresql: bool) -> Insert:
    statement = insert_on(tracks, is_postgresql=is_postgresql)
    return statement.on_conflict_do_update(
        index_elements=["token", "kind"], set_={"state": statement.excluded.state}
    )
