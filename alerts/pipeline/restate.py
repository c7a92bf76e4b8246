"""Restate: late grades go into the history, and correct what was told of them."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alerts.domain.events import BASELINES, CycleView, Draft, EventType
from alerts.domain.grades import Cycle, Grade, TokenId
from alerts.domain.payloads import TokenView, restated_event
from alerts.domain.ratings import BandPolicy
from alerts.domain.told import rating_told
from alerts.domain.verdicts import amended, verdict
from alerts.store.announced import Said, announced_at, confirmed_by
from alerts.store.cycles import CycleRecord, next_cycles_as_of
from alerts.store.engine import Transaction
from alerts.store.events import EventRecord
from alerts.store.ratings import (
    Observation,
    Value,
    history_at,
    insert_history,
)
from alerts.store.watermarks import Watermark

TokenPage = Callable[[TokenId, str, str], str | None]


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

    def token(
        self, token: TokenId, symbol: str, name: str, *, formerly: str | None = None
    ) -> TokenView:
        return TokenView(token, symbol, name, self.token_page(token, symbol, name), formerly)


async def restate(tx: Transaction, case: Case, late: Sequence[Grade]) -> list[Draft]:
    """Put late grades into the history; the corrections of what was told of them.

    Fan-out finds out whom to tell: by then all that is corrected has been fanned out itself.
    """
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
    following = await next_cycles_as_of(
        tx, cycle.source, cycle.kind, after=cycle.as_of, most=case.policy.most_readings
    )
    if following:
        # The history keeps changes only: what held before holds again from the next cycle on.
        restated = {grade.token for grade in fresh}
        again = [(token, 0, seen.value) for token, seen in known.items() if token in restated]
        as_of = following[0]
        await insert_history(tx, again, cycle_id=case.record.id, kind=cycle.kind, as_of=as_of)
    announced = await announced_at(tx, cycle) if fresh else {}
    confirmed: Said = {}
    if fresh and following:
        wanted = {grade.token for grade in fresh}
        confirmed = await confirmed_by(tx, cycle, wanted, until=following[-1])

    def decide() -> list[Draft]:
        found = []
        for grade, (_, revision, _value_now) in zip(fresh, lines, strict=True):
            for said in (announced.get(grade.token), confirmed.get(grade.token)):
                draft = _correction(case, grade, said, revision=revision) if said else None
                if draft is not None:
                    found.append(draft)
        return found

    return await asyncio.to_thread(decide) if announced or confirmed else []


def _correction(
    case: Case, grade: Grade, said: Sequence[EventRecord], *, revision: int
) -> Draft | None:
    """The event that corrects another, if it would have been a different one.

    said: of the token, in order: what was announced at this `as_of`, or is a change that this
    grade helped to confirm; then its corrections.
    """
    told = _told(said)
    payload = json.loads(told.body)
    if grade.score is None or payload["data"]["band_version"] != case.policy.version:
        # Told on another ladder: today's rules cannot say what they would have made of it.
        return None
    event_type, score, rank = _would_be(case, grade, told, score=grade.score)
    if said[-1].type is EventType.RESTATED:
        if rank == json.loads(said[-1].body)["data"]["to"]["band_rank"]:
            return None
    elif (event_type, rank) == (told.type, payload["data"]["to"]["band_rank"]):
        return None
    return restated_event(
        payload,
        token=case.token(grade.token, grade.symbol, grade.name),
        cycle=case.view,
        policy=case.policy,
        score=score,
        rank=rank,
        revision=revision,
    )


def _would_be(
    case: Case, grade: Grade, told: EventRecord, *, score: int
) -> tuple[EventType | None, int, int]:
    """What would have been told in the place of an event (None: nothing), its score and rank."""
    policy, as_of, payload = case.policy, case.cycle.as_of, json.loads(told.body)
    before = rating_told(grade.token, payload, policy)
    if told.type in BASELINES or before is None:
        return told.type, score, policy.rank_of(score)
    if told.at != as_of:
        before = amended(before, score, policy, as_of=as_of, components=grade.components)
        score = round(payload["data"]["to"]["score"] * 100)
    found = verdict(before, score, policy, as_of=told.at)
    return found.type, score, found.rank


def _told(said: Sequence[EventRecord]) -> EventRecord:
    return next(event for event in reversed(said) if event.type is not EventType.RESTATED)


def _is_known(seen: Observation | None, grade: Grade) -> bool:
    return seen is not None and seen.value == value(grade)


def _revision(seen: Observation | None, cycle: Cycle) -> int:
    return seen.revision + 1 if seen is not None and seen.as_of == cycle.as_of else 0


def value(grade: Grade) -> Value:
    """What a graded row says, for the history. Raises ValueError without a score."""
    if grade.score is None:
        raise ValueError("a grade without a score is no observation")
    return grade.score, grade.label, grade.components
