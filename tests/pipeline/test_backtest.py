"""A backtest finds what a live service told, message by message, whatever an endpoint is like."""

import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from alerts.bootstrap import Services
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.deliveries import Channel, Order
from alerts.domain.events import RULED, SUBSCRIBABLE, Window
from alerts.domain.grades import Kind
from alerts.domain.ids import HOUSE_APP
from alerts.domain.quiet import QuietHours
from alerts.domain.subscriptions import Condition, Filter, Reach, Threshold
from alerts.pipeline.backtest import CHUNK, backtest, existing, supposed
from alerts.pipeline.chats import create_chat
from alerts.pipeline.endpoints import Wish, create_discord
from alerts.pipeline.sparing import set_quiet_hours, set_time_zone
from alerts.store.tables import events
from tests.databases import turned_postgresql
from tests.pipeline.conftest import START, OpenServices, TurnedClock, day, feed, push, subscribe
from tests.pipeline.virtual import Live
from tests.receiver import Receiver

DAYS = 90
# What is another matter on PostgreSQL is seen within fewer.
FEWER = 50
HOUR = timedelta(hours=1)
NAMES = [f"t{number}" for number in range(7)]
ALL = frozenset(SUBSCRIBABLE)
# Once in 14 hours: most of what it is owed waits.
SELDOM = 0.00002
NIGHT = QuietHours(time(22), time(7))
BOTH_WAYS = (Reach(Kind.TRADER, Window.WEEK_POINTS, rise=1500, fall=1500),)
CHATS: list[tuple[QuietHours | None, dict[str, Any]]] = [
    (None, {}),
    (NIGHT, {"wanted": Filter(types=ALL)}),
    (NIGHT, {"wanted": Filter(types=ALL), "cooldown_seconds": 40 * 3600}),
    (NIGHT, {"tokens": ["demo:t1", "demo:t2"], "order": Order.NONE}),
    (NIGHT, {"wanted": Filter(windows=BOTH_WAYS)}),
    (QuietHours(time(1), time(21)), {"wanted": Filter(types=ALL), "order": Order.STRICT}),
]
RULES = Filter(
    types=frozenset(),
    thresholds=(Threshold(Kind.TRADER, above=6500, below=5000),),
    windows=(*BOTH_WAYS, Reach(Kind.FUNDAMENTAL, Window.DAY_PERCENT, rise=2000, fall=2000)),
)
HOOKS: list[dict[str, Any]] = [
    {"wanted": Filter(types=ALL)},
    {"wanted": Filter(kinds=frozenset({Kind.TRADER}), min_notches=2)},
    {"wanted": Filter(thresholds=(Threshold(Kind.TRADER, above=6500, below=5000),))},
    {"wanted": Filter(windows=BOTH_WAYS), "order": Order.LATEST},
    {"wanted": Filter(types=ALL, given=(Condition(Kind.FUNDAMENTAL, at_least=4000),))},
    {"wanted": Filter(types=ALL, min_delta=1500), "order": Order.LATEST},
    {"wanted": Filter(types=ALL), "order": Order.STRICT, "rate_limit": 0.001},
    {"wanted": Filter(types=ALL), "cooldown_seconds": 9 * 86400},
    {"order": Order.LATEST, "rate_limit": SELDOM},
    {
        "wanted": Filter(
            types=frozenset(), thresholds=(Threshold(Kind.TRADER, above=4000, below=6000),)
        ),
        "order": Order.LATEST,
        "rate_limit": SELDOM,
    },
    {"rate_limit": 0.001, "time_to_live": HOUR, "cooldown_seconds": 3600, "order": Order.NONE},
]


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database whose time is a clock of ours."""
    if request.param == "sqlite":
        yield str(request.getfixturevalue("sqlite_url"))
        return
    server = request.getfixturevalue("postgresql_server")
    template = request.getfixturevalue("postgresql_template")
    with turned_postgresql(server, template, START) as url:
        yield url


async def endpoints(services: Services, receiver: Receiver) -> list[str]:
    """Of every kind, by id. receiver: whose URLs they have; nothing is sent."""
    desk = services.desk
    made = [
        (await subscribe(services, receiver.url(f"/{number}"), **wish)).endpoint.id
        for number, wish in enumerate(HOOKS)
    ]
    wish = Wish(wanted=Filter(types=ALL), cooldown_seconds=20 * 3600)
    made.append((await create_discord(HOUSE_APP, "1/token", wish, desk=desk)).id)
    for number, (hours, told) in enumerate(CHATS):
        address = TelegramChat(1000 + number).kept
        chat = await create_chat(address, Wish(**told), most_rate=1, desk=desk)
        await set_time_zone(address, "Europe/Berlin", desk=desk)
        await set_quiet_hours(address, hours, desk=desk)
        made.append(chat.id)
    return made


async def live_through(services: Services, live: Live, *, days: int) -> None:
    """Days of grades that move, vanish, come back and are restated, at any hour."""
    dice = random.Random(90)
    scores = {kind: {name: dice.uniform(20, 80) for name in NAMES} for kind in Kind}
    for number in range(days):
        hours = sorted(dice.uniform(0, 23) for _ in range(2))
        for kind, hour in zip(Kind, hours, strict=True):
            if kind is Kind.FUNDAMENTAL and number % 3:
                continue
            held = scores[kind]
            for name in held:
                if dice.random() < 0.3:
                    held[name] = min(100, max(0, held[name] + dice.gauss(0, 20)))
            shown = {
                name: score for name, score in held.items() if name != "t5" or not 30 < number < 45
            }
            await live.turn_to(day(number) + hour * HOUR)
            await push(services, day(number), shown, kind=kind)
            await live.tell()
            if dice.random() < 0.1:
                # Soon after, while the messages of the last one are being sent: it is revised.
                await live.turn_to(day(number) + hour * HOUR + timedelta(seconds=1.5))
                some = {name: dice.uniform(0, 100) for name in dice.sample(NAMES, 3)}
                await push(services, day(number), some, kind=kind, complete=False)
                await live.tell()
                held |= some
            if number and dice.random() < 0.07:
                await live.turn_to(day(number) + (hour + 0.5) * HOUR)
                late = {name: dice.uniform(0, 100) for name in NAMES}
                await push(services, day(number - 1), late, kind=kind, complete=False)
                await live.tell()
    await live.turn_to(day(days))
    await live.tell()


async def test_ninety_days_live_are_what_a_backtest_finds(
    open_with: OpenServices, database_url: str, receiver: Receiver
) -> None:
    clock = TurnedClock(START)
    services = await open_with(clock=clock)
    live = Live(services, clock)
    made = await endpoints(services, receiver)

    await live_through(services, live, days=DAYS if "sqlite" in database_url else FEWER)

    reasons: set[str] = set()
    for endpoint_id in made:
        asked = await existing(endpoint_id, app_id=None, store=services.store)
        found = await backtest(
            asked,
            since=START,
            until=clock.now(),
            store=services.store,
            ladder=services.ladder,
        )
        assert list(found.messages) == live.told[endpoint_id]
        assert found.ended == await live.ended(endpoint_id)
        assert found.messages
        reasons |= found.ended.keys()
    assert reasons == {"superseded", "reversed", "expired", "untold"}


async def test_what_rules_tell_is_found_again_where_nobody_had_named_them(
    open_with: OpenServices, database_url: str, receiver: Receiver
) -> None:
    clock = TurnedClock(START)
    services = await open_with(clock=clock)
    live = Live(services, clock)
    both = replace(RULES, given=(Condition(Kind.FUNDAMENTAL, at_least=4000),))
    made = [
        (await subscribe(services, receiver.url(f"/{place}"), wanted=wanted)).endpoint.id
        for place, wanted in enumerate((RULES, both))
    ]
    await live_through(services, live, days=60 if "sqlite" in database_url else 20)
    bodies = {event.id: json.loads(event.body) for event in await feed(services)}
    async with services.store.write() as tx:
        await tx.connection.execute(delete(events).where(events.c.type.in_(RULED)))

    for wanted, endpoint_id in zip((RULES, both), made, strict=True):
        found = await backtest(
            supposed(Channel.WEBHOOK, wanted),
            since=START,
            until=clock.now(),
            store=services.store,
            ladder=services.ladder,
        )

        told = {(one.at, part.event_id) for one in found.messages for part in one.parts}
        lived = live.told[endpoint_id]
        assert told == {(one.at, part.event_id) for one in lived for part in one.parts}
        assert told
        for _, event_id in told:
            assert _said(json.loads(found.relived[event_id])) == _said(bodies[event_id])


async def test_what_is_back_after_a_silence_is_judged_as_it_was_live(
    open_with: OpenServices, receiver: Receiver
) -> None:
    clock = TurnedClock(START)
    services = await open_with(clock=clock)
    live = Live(services, clock)
    wanted = Filter(
        types=frozenset(),
        thresholds=(Threshold(Kind.TRADER, above=6500),),
        given=(Condition(Kind.FUNDAMENTAL, at_least=4000),),
    )
    made = (await subscribe(services, receiver.url("/rules"), wanted=wanted)).endpoint.id
    rest = {f"r{number}": 50.0 for number in range(9)}
    silent: list[dict[str, float]] = [{}] * 8
    # Revised on the day of its return; back as it was, within the margin of where it had been;
    # and with the other grade gone, and back as it was.
    paths: dict[Kind, list[dict[str, float]]] = {
        Kind.FUNDAMENTAL: [{"a": 70, "b": 70, "c": 70}, {}, *silent, {"c": 70}, {}],
        Kind.TRADER: [
            {"a": 60, "b": 66, "c": 50},
            {"b": 64},
            *silent,
            {"a": 63, "b": 64},
            {"a": 66, "b": 66, "c": 70},
        ],
    }
    for number, (other, own) in enumerate(zip(*paths.values(), strict=True)):
        await live.turn_to(day(number))
        kept = {"a": 70.0, "b": 70.0, **other}
        await push(services, day(number), rest | kept, kind=Kind.FUNDAMENTAL)
        await live.turn_to(day(number) + HOUR)
        if number == len(silent) + 3:
            await push(services, day(number - 1), {"a": 66}, complete=False)
            await live.tell()
            await live.turn_to(day(number) + 2 * HOUR)
        await push(services, day(number), rest | {"c": 50.0} | own)
        await live.tell()

    found = await backtest(
        supposed(Channel.WEBHOOK, wanted),
        since=START,
        until=clock.now(),
        store=services.store,
        ladder=services.ladder,
    )

    told = [part.event_id for one in live.told[made] for part in one.parts]
    assert len(told) == 3
    assert [part.event_id for one in found.messages for part in one.parts] == told


def _said(body: dict[str, Any]) -> list[object]:
    """What an event of a rule says, whether it was recorded or not."""
    data = body["data"]
    # It was held that long, whatever was written of it meanwhile.
    data.get("window", {"from": {}})["from"].pop("as_of", None)
    before = [data["from"][name] for name in ("score", "band", "since", "anchor")]
    return [body["type"], data["to"], before, data.get("crossed"), data.get("window")]


async def test_a_cycle_is_told_as_one_wherever_the_reading_of_events_pauses(
    open_with: OpenServices,
) -> None:
    clock = TurnedClock(START)
    services = await open_with(clock=clock)
    live = Live(services, clock)
    many = CHUNK * 3 // 5
    for number, score in enumerate((50, 95, 5)):
        await live.turn_to(day(number))
        await push(services, day(number), {f"t{token}": score for token in range(many)})
    shares: list[float] = []

    found = await backtest(
        supposed(Channel.TELEGRAM, Filter()),
        since=START,
        until=day(3),
        store=services.store,
        ladder=services.ladder,
        newest=1,
        progress=shares.append,
    )

    assert (found.events, found.matched, found.sent) == (2 * many, 2 * many, 2)
    (told,) = found.messages
    assert (told.at, len(told.parts)) == (day(2), many)
    assert shares == [CHUNK / (2 * many), 1.0]
