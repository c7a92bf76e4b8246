"""Restate: late grades go into the history, and correct what was told of them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alerts.domain import changes
from alerts.domain.events import CycleView, Draft
from alerts.domain.grades import Cycle, Grade, TokenId
from alerts.domain.payloads import TokenView, rating_told, restated_event
from alerts.domain.ratings import BandPolicy
from alerts.store.cycles import CycleRecord, next_cycle_as_of
from alerts.store.deliveries import delivered_endpoints
from alerts.store.engine import Transaction
from alerts.store.events import EventRecord, announced_at
from alerts.store.ratings import (
    Observation,
    Value,
    history_at,
    insert_history,
)
from alerts.store.watermarks import Watermark

TokenPage = Callable[[TokenId, str, str], str | None]


Letters = list[tuple[Draft, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Case:
    """One cycle before its judges. is_history: released too late to move any rating."""

    record: CycleRecord
    cycle: Cycle
    view: CycleView
    mark: Watermark
    policy: BandPolicy
    token_page: TokenPage
    is_history: bool

    def token(self, token: TokenId, symbol: str, name: str) -> TokenView:
        return TokenView(token, symbol, name, self.token_page(token, symbol, name))


async def restate(tx: Transaction, case: Case, late: Sequence[Grade]) -> Letters:
    """Put late grades into the history; correct what was told, to those it was told to."""
    if not late:
        return []
    cycle = case.cycle
    tokens = [grade.token for grade in late]
    known = await history_at(tx, cycle, tokens)
    fresh = [grade for grade in late if not _is_known(known.get(grade.token), grade)]
    lines = [
        (grade.token, _revision(known.get(grade.token), cycle), value(grade)) for grade in fresh
    ]
    await insert_history(tx, lines, cycle_id=case.record.id, kind=cycle.kind, as_of=cycle.as_of)
    following = await next_cycle_as_of(tx, cycle.source, cycle.kind, after=cycle.as_of)
    if following is not None:
        # The history keeps changes only: what held before holds again from the next cycle on.
        restated = {grade.token for grade in fresh}
        again = [(token, 0, seen.value) for token, seen in known.items() if token in restated]
        await insert_history(tx, again, cycle_id=case.record.id, kind=cycle.kind, as_of=following)
    announced = await announced_at(tx, cycle) if fresh else {}
    letters: Letters = []
    for grade, (_, revision, _value_now) in zip(fresh, lines, strict=True):
        told = announced.get(grade.token)
        draft = None if told is None else _correction(case, grade, told, revision=revision)
        if told is not None and draft is not None:
            letters.append((draft, await delivered_endpoints(tx, told.id)))
    return letters


def _correction(case: Case, grade: Grade, told: EventRecord, *, revision: int) -> Draft | None:
    """The event that corrects another, if it would have been a different one."""
    payload = json.loads(told.body)
    before = rating_told(grade.token, payload)
    if before is None or grade.score is None:
        return None
    event_type, rank = changes.verdict(before, grade.score, case.policy)
    if (event_type, rank) == (told.type, payload["data"]["to"]["band_rank"]):
        return None
    return restated_event(
        payload,
        token=case.token(grade.token, grade.symbol, grade.name),
        cycle=case.view,
        policy=case.policy,
        score=grade.score,
        rank=rank,
        revision=revision,
    )


def _is_known(seen: Observation | None, grade: Grade) -> bool:
    return seen is not None and seen.value == value(grade)


def _revision(seen: Observation | None, cycle: Cycle) -> int:
    return seen.revision + 1 if seen is not None and seen.as_of == cycle.as_of else 0


def value(grade: Grade) -> Value:
    """What a graded row says, for the history. Raises ValueError without a score."""
    if grade.score is None:
        raise ValueError("a grade without a score is no observation")
    return grade.score, grade.label, grade.components
