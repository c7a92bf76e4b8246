"""Windows: of all scores that a cycle brought, those that went as far as somebody named."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from alerts.domain.changes import Change, Diff
from alerts.domain.grades import Cycle, TokenId
from alerts.domain.ratings import Rating
from alerts.domain.relived import Line, heard
from alerts.domain.windows import (
    LONGEST,
    Moved,
    Passage,
    Reading,
    Track,
    advanced,
    begun,
    passed,
)
from alerts.store.engine import CHUNK_ROWS, Transaction
from alerts.store.past_grades import back_since, lines_of_days
from alerts.store.windows import Kept, load_tracks, named_sizes, save_tracks

# The rating of a token before a reading and after it.
_Pair = tuple[Rating, Rating]


async def find_moves(
    tx: Transaction, cycle: Cycle, found: Diff, *, ratings: Mapping[TokenId, Rating], margin: int
) -> tuple[Change, ...]:
    """The moves past sizes that are named now, of the tokens that they are named for.

    ratings: as they were before what the diff found, which is in no history yet. margin: of the
    ladder, in hundredths. How far a token went is kept only while somebody names a size for it.
    """
    observed = {grade.token for grade in found.observed}
    named = await named_sizes(tx, cycle.kind, list(observed)) if observed else {}
    if not named:
        return ()
    pairs = {
        after.token: (ratings[after.token], after)
        for after in found.ratings
        if after.token in observed and after.token in ratings
    }
    wanted = list(pairs) if None in named else [token for token in pairs if token in named]
    if not wanted:
        return ()
    kept: dict[TokenId, Track] = {}
    moved: list[Moved] = []
    for start in range(0, len(wanted), CHUNK_ROWS):
        chunk = {token: pairs[token] for token in wanted[start : start + CHUNK_ROWS]}
        tracks = await _tracks(tx, cycle, chunk, margin=margin)
        for token, (before, after) in chunk.items():
            reading = Reading(after.as_of, after.revision, after.score)
            kept[token], passages = _advanced(tracks.get(token), reading, margin=margin)
            moved += [(before, after, passage) for passage in passages]
        await asyncio.sleep(0)
    await save_tracks(tx, cycle.kind, kept)
    return passed(moved, named, cycle)


async def _tracks(
    tx: Transaction, cycle: Cycle, pairs: Mapping[TokenId, _Pair], *, margin: int
) -> dict[TokenId, Track]:
    """How far these went until now: as it is kept, or made of the history since."""
    lasting = [token for token, (before, _) in pairs.items() if not before.withdrawn]
    kept = await load_tracks(tx, cycle.kind, lasting)
    tracks = {token: one.track for token, one in kept.items() if one.is_whole}
    missing = [token for token in lasting if token not in tracks]
    if missing:
        since = cycle.as_of - LONGEST
        lines = await lines_of_days(tx, cycle.kind, missing, since=since)
        back = await back_since(tx, cycle.kind, missing, since=since)
        tracks |= await asyncio.to_thread(_made_up, kept, lines, back, margin=margin)
    return tracks


def _made_up(
    kept: Mapping[TokenId, Kept],
    lines: Mapping[TokenId, Sequence[Line]],
    back: Mapping[TokenId, datetime],
    *,
    margin: int,
) -> dict[TokenId, Track]:
    """The tracks after these lines: what is kept goes on with those that came since.

    back: since when those are graded that were silent for a while; what was before counts no more.
    """
    made = {}
    for token, every in lines.items():
        readings = [Reading(line.as_of, line.revision, line.score) for line in heard(every)]
        track = kept[token].track if token in kept else None
        if token in back and any(reading.as_of >= back[token] for reading in readings):
            readings = [reading for reading in readings if reading.as_of >= back[token]]
            track = None if track is None or track.reading.as_of < back[token] else track
        for reading in readings:
            if track is None or reading[:2] > track.reading[:2]:
                track, _ = _advanced(track, reading, margin=margin)
        if track is not None:
            made[token] = track
    return made


def _advanced(track: Track | None, reading: Reading, *, margin: int) -> tuple[Track, list[Passage]]:
    """The next track; after a silence it begins, and nothing is told."""
    return (begun(reading), []) if track is None else advanced(track, reading, margin=margin)
