"""What our bot on Telegram shows of tokens: as it did, and within the limits whatever they are."""

import dataclasses
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.bots.grades import Graded
from alerts.bots.meant import MOST_CHOICES, Meant
from alerts.bots.telegram_commands import Registry
from alerts.bots.telegram_follow import MOST_SHOWN
from alerts.bots.telegram_grades import (
    called,
    components_of,
    in_a_line,
    ratings_of,
    source_lines,
    table_lines,
)
from alerts.bots.telegram_list import PAGE, mute_lines
from alerts.bots.telegram_questions import MOST_QUESTIONS, posed
from alerts.bots.telegram_says import Asked, Said
from alerts.bots.telegram_subjects import Shows, in_rows, labels, token_button
from alerts.channels.telegram_address import TelegramChat
from alerts.channels.telegram_buttons import Rows, Verb, keyboard, read_data
from alerts.channels.telegram_markup import MOST_TEXT, Line, as_html, as_plain
from alerts.domain.grades import Kind, SourceName, TokenId
from alerts.domain.ratings import Confirm, Rating, Run, Swings, default_policies
from alerts.store.tokens import TokenRecord
from tests.api.conftest import Api, open_api
from tests.builders import FIRST_DAY, TRADER, rating
from tests.telegram.markup import read_keyboard, read_text

GOLDEN = Path(__file__).parent.parent / "golden" / "telegram"
HERE = TelegramChat(1_000_001)
NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
POLICIES = default_policies()
OURS = {"bold", "italic", "text_link", "date_time", "pre", "bot_command"}


class Noon:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
async def registry(sqlite_url: str) -> AsyncIterator[Registry]:
    """What can be typed, where four tokens are graded in both ways, and one twice."""
    given = {"token_page_url": "https://tokens.example/{slug}"}
    async with open_api(sqlite_url, **given) as api:
        await graded(api, 1, "fundamental", (78, 61, 30, 95))
        await graded(api, 1, "trader", (44, 71, 71, 12))
        await graded(api, 9, "fundamental", (83.1, 61.2, 30, 94))
        yield Registry.of(dataclasses.replace(api.services, clock=Noon()))


async def graded(api: Api, day: int, kind: str, scores: tuple[float, ...]) -> None:
    labels = (("3375", "BTC", "Bitcoin"), ("7", "ETH", "Ethereum"), ("9", "SOL", "Solana"))
    grades = [
        {
            "token_id": token,
            "symbol": symbol,
            "name": name,
            "score": score,
            "components": {"community_score": score - 5.5, "technology_score": 71},
        }
        for (token, symbol, name), score in zip(
            (*labels, ("900018", "BTC", "Wrapped Bitcoin")), scores, strict=True
        )
    ]
    body = {"source": "demo", "kind": kind, "as_of": f"2026-01-{day:02}T00:00:00Z"}
    answer = await api.post("/v1/cycles", json={**body, "complete": True, "grades": grades})
    assert answer.status_code == 201, answer.text


async def tell(registry: Registry, text: str) -> Said:
    """What is said to somebody who types this, or presses what has this data."""
    wanted = read_data(text)
    if wanted is not None:
        asked = Asked(chat=HERE, title="Ada", is_private=True, wanted=wanted)
        return await registry.presses[wanted.verb].tell(asked)
    name, *words = text.split()
    asked = Asked(chat=HERE, title="Ada", is_private=True, words=tuple(words))
    return await registry.commands[name.removeprefix("/")].tell(asked)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("subscribe", ["/subscribe btc eth SOLA"]),
        ("list", ["/subscribe demo:3375 eth sol", "/list"]),
        ("card", ["/subscribe demo:3375", "v1:card:c1.demo:3375"]),
        ("grade", ["/grade demo:3375"]),
        ("unsubscribe", ["/subscribe eth sol", "/unsubscribe SOL"]),
    ],
)
async def test_it_looks_as_it_did(registry: Registry, name: str, typed: list[str]) -> None:
    for text in typed:
        said = await tell(registry, text)

    shown = {"html": as_html(said.lines).split("\n"), "buttons": keyboard(said.buttons)}
    assert shown == json.loads((GOLDEN / f"{name}.json").read_text())
    assert_taken(said.lines, said.buttons)


def assert_taken(lines: Sequence[Line], buttons: Rows = ()) -> None:
    """Telegram takes it as it is meant, and nothing in it means anything that is not ours."""
    text, entities = read_text(as_html(lines), "HTML")
    assert text == as_plain(lines)
    assert {each["type"] for each in entities} <= OURS
    if buttons:
        read_keyboard(keyboard(buttons))
        pressed = [read_data(button.wanted.data) for row in buttons for button in row]
        assert pressed == [button.wanted for row in buttons for button in row]


def test_what_is_not_told_yet_is_said_to_wait_and_for_what() -> None:
    held = rating(3, 71)
    run = Run(50, FIRST_DAY, (), ((FIRST_DAY, 7100), (FIRST_DAY + timedelta(hours=1), 7100)))
    policy = dataclasses.replace(TRADER, confirm=Confirm(3))
    waits = held._replace(pending=run)
    swings = held._replace(swings=Swings(is_upward=True, flapping_since=FIRST_DAY))

    said = [
        as_plain(ratings_of(of(each), {**POLICIES, Kind.TRADER: policy}, NOW))
        for each in (held, waits, swings)
    ]

    assert "Now in" not in said[0]
    assert "Now in Buy: told after 3 readings in a row, 2 so far." in said[1]
    assert "goes to and fro" in said[2]


def of(held: Rating) -> Graded:
    token = TokenRecord(held.token, SourceName("demo"), "T1", "Token 1", FIRST_DAY)
    return Graded(token, {Kind.TRADER: held}, None)


NAMES = st.text(min_size=1, max_size=120) | st.sampled_from(
    ["@" * 120, "<b>&amp;" * 15, "月" * 120, "ع" * 120, "🟢" * 60, "x.com " * 20, "$" * 120]
)


@st.composite
def tokens(draw: st.DrawFn) -> Graded:
    """A token with any labels, and the longest of ids; graded in any ways."""
    number = draw(st.integers(0, 10**6))
    token = TokenRecord(
        TokenId(f"{'s' * 32}:{number:x>64}"),
        SourceName("s" * 32),
        draw(NAMES),
        draw(NAMES | st.just("")),
        FIRST_DAY,
    )
    parts = tuple((draw(NAMES), draw(st.none() | st.integers(0, 10_000))) for _ in range(2)) * 8
    ratings = {
        kind: Rating(
            token=token.id,
            rank=draw(st.integers(1, 5)),
            since=FIRST_DAY,
            score=10_000,
            as_of=FIRST_DAY,
            anchor=0,
            components=parts,
            withdrawn=draw(st.booleans()),
        )
        for kind in draw(st.sets(st.sampled_from(Kind)))
    }
    return Graded(token, ratings, draw(st.none() | st.just("https://a.example/x")))


@settings(max_examples=50)
@given(st.lists(tokens(), min_size=1, max_size=3), st.booleans(), NAMES)
def test_whatever_tokens_are_called_there_is_room(
    found: list[Graded], is_known: bool, word: str
) -> None:
    found = (found * MOST_CHOICES)[:MOST_CHOICES]
    records = [each.token for each in found]
    many = (found * MOST_SHOWN)[:MOST_SHOWN]
    meant = Meant(word, tuple(records), is_known=is_known)
    asked = [(meant, found)] * MOST_QUESTIONS
    questions = posed(asked, POLICIES, Verb.UNFOLLOW, shows=Shows.MORE)
    page: list[Line] = [
        *table_lines((found * PAGE)[:PAGE], Kind, POLICIES),
        *mute_lines(records, {token.id: FIRST_DAY for token in records} | {None: FIRST_DAY}),
    ]
    cards = [
        token_button(Verb.UNFOLLOW, says, token.id, shows=Shows.CARD, page=999)
        for token, says in zip(records, labels(records), strict=True)
    ]
    answer = [*table_lines(many, Kind, POLICIES), *questions.lines]

    assert_taken(answer, questions.buttons)
    assert len(as_plain(answer)) <= MOST_TEXT - 900
    assert_taken(page, in_rows(cards, wide=4))
    for each in found:
        grade = [
            called(each),
            *ratings_of(each, POLICIES, FIRST_DAY + timedelta(days=400)),
            *components_of(each),
            *source_lines(each),
        ]
        assert_taken(grade)
        assert_taken([in_a_line(each, POLICIES)])
