"""Give way: what waits ends behind something newer, and with it what then leads back."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from alerts.domain.deliveries import Channel, Order
from alerts.domain.events import EventType
from alerts.domain.reversals import last_steps, leads_back
from alerts.domain.subscriptions import Miss
from alerts.pipeline.consent import Wishes
from alerts.store.endpoints import Recipient
from alerts.store.engine import Transaction
from alerts.store.outbox import News, read_news
from alerts.store.skips import Superseded, end_reversed, supersede
from alerts.store.subscriptions import subscriptions_for
from alerts.store.untold import untold_lines


class Step(NamedTuple):
    """Something that waits, where it is the last of several that were never told.

    first: the news that the first of them was.
    """

    delivery_id: str
    endpoint_id: str
    first: News
    last: News


def tells_newest_alone(endpoint: Recipient) -> bool:
    """Whether what waits gives way to something newer about the same token and kind."""
    return endpoint.order is Order.LATEST or endpoint.cooldown_seconds is not None


async def give_way(
    tx: Transaction, endpoints: Iterable[Recipient], *, repeatable: Collection[Channel]
) -> None:
    """End what is not told because something newer is, or because of that.

    Of lanes that are ours. repeatable: channels where what was tried and failed may have arrived.
    """
    asked = {each.id: each for each in endpoints if tells_newest_alone(each)}
    gone = await supersede(tx, list(asked))
    if not gone:
        return
    doubtful = [each.id for each in asked.values() if each.channel in repeatable]
    steps = await _last_steps(tx, gone, doubtful=doubtful)
    crossings = [step for step in steps if step.last.facts.type is EventType.CROSSED]
    wishes = Wishes.of({})
    if crossings:
        ids = {step.endpoint_id for step in crossings}
        tokens = {step.last.facts.token for step in crossings}
        wishes = Wishes.of(await subscriptions_for(tx, ids, tokens))
    ended = await asyncio.to_thread(find_reversed, steps, wishes)
    if ended:
        await end_reversed(tx, ended)


def find_reversed(steps: Iterable[Step], wishes: Wishes) -> list[str]:
    """Which of these deliveries lead back to where the first of theirs began. Pure."""
    found = []
    for step in steps:
        rule = wishes.rule(step.endpoint_id, step.last.facts)
        named = None if isinstance(rule, Miss) else rule
        if leads_back(step.first.body, step.last.body, named):
            found.append(step.delivery_id)
    return found


async def _last_steps(
    tx: Transaction, gone: Sequence[Superseded], *, doubtful: Sequence[str]
) -> list[Step]:
    """What waits now right behind what gave way."""
    lines = await untold_lines(
        tx,
        endpoint_ids={one.endpoint_id for one in gone},
        tokens={one.token for one in gone},
        doubtful=doubtful,
    )
    ids = {one.id for one in gone}
    found = [
        (endpoint_id, before[0], last)
        for endpoint_id, line in lines
        for before, last in last_steps(line, attrgetter("is_waiting"))
        if not ids.isdisjoint(one.id for one in before)
    ]
    news = await read_news(tx, {one.event_id for _, *ends in found for one in ends})
    return [
        Step(last.id, endpoint_id, news[first.event_id], news[last.event_id])
        for endpoint_id, first, last in found
        if first.event_id in news and last.event_id in news
    ]
