"""Stored answers: what was said to a request that may come again, under the key it came with.

A row is claimed in a transaction of its own before the request is begun, and leased as a lane is:
who was lost while running loses the claim when the lease runs out, and not before.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, delete, select, update

from alerts.domain.ids import LEASE
from alerts.store.engine import Transaction, insert_into
from alerts.store.tables import stored_answers

Result = TypeVar("Result")

# Called with what a change came to, in the change's own transaction and last in it: what is kept
# here is kept if and only if the change is.
Keep = Callable[[Transaction, Result], Awaitable[None]]


async def keep_nothing(_tx: Transaction, _result: object) -> None:
    """The `Keep` of whoever asks for none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may come again.

    id: 64 hexadecimal digits, of whoever asks, what is asked for and the key. fingerprint: of what
    was sent, likewise.
    """

    id: str
    app_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Claim:
    """This request is ours to answer. lease_id: new with every claim."""

    id: str
    lease_id: str


@dataclass(frozen=True, slots=True)
class Stored:
    """It was answered before. answer: as `keep_answer` was given it."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class Running:
    """Somebody is at it; `wait` is how long a lost one would still be waited for."""

    wait: timedelta


@dataclass(frozen=True, slots=True)
class Other:
    """The key was used for something else."""


async def claim_answer(
    tx: Transaction, asked: Asked, *, lease: timedelta, kept: timedelta
) -> Claim | Stored | Running | Other:
    """Claim a request, or say why not. kept: an answer older than this was never given."""
    now = await tx.now()
    ours = Claim(asked.id, await tx.new_id(LEASE))
    values = {
        "app_id": asked.app_id,
        "fingerprint": asked.fingerprint,
        "lease_id": ours.lease_id,
        "lease_until": now + lease,
        "answer": None,
        "created_at": now,
    }
    fresh = insert_into(tx, stored_answers).values(id=asked.id, **values)
    if (await tx.connection.execute(fresh.on_conflict_do_nothing())).rowcount == 1:
        return ours
    found = select(stored_answers).where(stored_answers.c.id == asked.id).with_for_update()
    row = (await tx.connection.execute(found)).one_or_none()
    if row is not None and row.created_at > now - kept:
        if row.fingerprint != asked.fingerprint:
            return Other()
        if row.answer is not None:
            return Stored(row.answer)
        if row.lease_until > now:
            return Running(row.lease_until - now)
    if row is None:  # whoever had it has given it up since the statement before
        return Running(timedelta(0))
    await tx.connection.execute(
        update(stored_answers).where(stored_answers.c.id == asked.id).values(values)
    )
    return ours


async def keep_answer(tx: Transaction, claim: Claim, answer: bytes) -> bool:
    """Store the answer; False if the claim is somebody else's by now. answer: ciphertext."""
    kept = await tx.connection.execute(
        update(stored_answers).where(_held(claim)).values(answer=answer)
    )
    return kept.rowcount == 1


async def drop_claim(tx: Transaction, claim: Claim) -> None:
    """Give a claim up, so that the next try may begin at once. What is answered stays."""
    unanswered = stored_answers.c.answer.is_(None)
    await tx.connection.execute(delete(stored_answers).where(_held(claim), unanswered))


async def drop_answers(tx: Transaction, before: datetime, batch: int) -> int:
    """Delete up to `batch` answers to requests from before a time; how many."""
    old = select(stored_answers.c.id).where(stored_answers.c.created_at < before).limit(batch)
    gone = await tx.connection.execute(delete(stored_answers).where(stored_answers.c.id.in_(old)))
    return gone.rowcount


def _held(claim: Claim) -> ColumnElement[bool]:
    return (stored_answers.c.id == claim.id) & (stored_answers.c.lease_id == claim.lease_id)
