"""Tokens are found by a part of what they are called, alike on both databases."""

import pytest
from sqlalchemy import update

from alerts.domain.grades import read_grade, source_name
from alerts.store.engine import Store
from alerts.store.ratings import NAMED_TOKENS
from alerts.store.tables import tokens
from alerts.store.tokens import former_symbols, list_tokens, save_tokens

SOURCE = source_name("demo")
# By id: symbol and name.
CALLED = {
    "Upper1": ("BTC", "Bitcoin"),
    "two": ("ÄTH", "Ätherium"),
    "three": ("ΣΊΣ", "ΣΊΣΥΦΟΣ"),
    "four": ("STR", "Große Straße"),
    "five": ("İST", "100 %_sure"),
    "six": ("ЯЩЖ", "Монета"),
}


async def save(store: Store, called: dict[str, tuple[str, str]]) -> None:
    grades = [
        read_grade(SOURCE, {"token_id": token, "symbol": symbol, "name": name, "score": 1})
        for token, (symbol, name) in called.items()
    ]
    async with store.write() as tx:
        await save_tokens(tx, SOURCE, grades, is_news=True)


async def found(store: Store, text: str) -> list[str]:
    async with store.read() as tx:
        tokens = await list_tokens(tx, text=text, after=None, limit=50)
    return [token.id.partition(":")[2] for token in tokens]


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("bitCOIN", "Upper1"),
        ("$btc", "Upper1"),
        ("DEMO:uPPER", "Upper1"),
        ("ätherium", "two"),
        ("ÄTHERIUM", "two"),
        ("σίσυφος", "three"),
        ("σίσ", "three"),
        ("STRASSE", "four"),
        ("große", "four"),
        ("%_SURE", "five"),
        ("монета", "six"),
        ("ящж", "six"),
    ],
)
async def test_case_does_not_matter_in_any_alphabet(store: Store, text: str, token: str) -> None:
    await save(store, CALLED)

    assert await found(store, text) == [token]


async def test_a_token_is_found_by_its_new_name_alone(store: Store) -> None:
    await save(store, {"one": ("OLD", "Älteres")})
    await save(store, {"one": ("NEW", "Ändern")})

    assert await found(store, "ÄLTERES") == []
    assert await found(store, "ÄNDERN") == ["one"]


async def test_a_rename_is_remembered_and_a_name_that_stays_is_none(store: Store) -> None:
    await save(store, {"one": ("OLD", "Name"), "two": ("SAME", "Name")})
    await save(store, {"one": ("OLD", "Other name"), "two": ("SAME", "Name")})
    async with store.read() as tx:
        known = await list_tokens(tx, text=None, after=None, limit=9)

    await save(store, {"one": ("NEW", "Other name"), "two": ("SAME", "Name")})
    await save(store, {"one": ("NEW", "Other name")})

    async with store.read() as tx:
        one, two = await list_tokens(tx, text=None, after=None, limit=9)
        since = await former_symbols(tx, [one.id, two.id], since=one.first_seen_at)
    assert [token.former_symbol for token in known] == [None, None]
    assert (one.former_symbol, two.former_symbol, two.renamed_at) == ("OLD", None, None)
    assert one.renamed_at is not None
    assert since == {one.id: "OLD"}


async def test_of_many_tokens_those_are_written_whose_names_are_not_what_is_known(
    store: Store,
) -> None:
    many = {f"t{number}": (f"S{number}", f"Name {number}") for number in range(NAMED_TOKENS + 1)}
    await save(store, many)
    async with store.write() as tx:
        # As an older release, running on this schema, leaves it.
        await tx.connection.execute(
            update(tokens).where(tokens.c.id == "demo:t9").values(search_text="")
        )

    await save(store, many | {"t7": ("NEW", "Name 7"), "late": ("LATE", "Latecomer")})

    assert await found(store, "NEW") == ["t7"]
    assert await found(store, "Latecomer") == ["late"]
    assert await found(store, "demo:t9\ns9") == ["t9"]
    assert await found(store, "demo:t8\ns8") == ["t8"]
