"""Tokens are named by identity or symbol, and whoever names none or several is told so."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import event

from alerts.bootstrap import Services
from alerts.domain.grades import source_name
from alerts.errors import InvalidInput, NotFound
from alerts.pipeline.endpoints import change_endpoint
from alerts.pipeline.naming import known_token, resolve_tokens
from tests.pipeline.conftest import SOURCE, day, push, subscribe, token
from tests.receiver import Receiver


async def resolve(services: Services, names: Sequence[str] | None) -> object:
    async with services.store.read() as tx:
        return await resolve_tokens(tx, names)


async def test_identities_and_symbols_are_resolved_each_once(services: Services) -> None:
    await push(services, day(0), {"a": 50, "b": 50})

    assert await resolve(services, ["B", "$a", "demo:a", "demo:unseen"]) == (
        token("a"),
        token("b"),
        token("unseen"),
    )
    assert await resolve(services, None) is None


async def test_a_symbol_of_several_tokens_is_refused_with_its_candidates(
    services: Services,
) -> None:
    await push(services, day(0), {"btc": 50})
    await push(services, day(0), {"btc": 50}, source=source_name("other"))

    with pytest.raises(InvalidInput) as refused:
        await resolve(services, ["demo:a", "BTC"])

    assert refused.value.field == "filter.tokens[1]"
    assert refused.value.candidates == ("demo:btc (btc)", "other:btc (btc)")


async def test_an_unknown_symbol_is_refused_with_the_nearest(services: Services) -> None:
    await push(services, day(0), {"bitcoin": 50, "litecoin": 50, "zzz": 50})

    with pytest.raises(InvalidInput) as refused:
        await resolve(services, ["bitcoyn"])

    assert refused.value.candidates[0] == "BITCOIN"
    assert "ZZZ" not in refused.value.candidates


async def test_many_symbols_are_looked_up_together(services: Services) -> None:
    names = [f"t{number}" for number in range(500)]
    await push(services, day(0), dict.fromkeys(names, 50.0))
    looks: list[str] = []

    def note(*of: Any) -> None:  # noqa: ANN401 - as SQLAlchemy hands it on
        if "FROM tokens" in of[2]:
            looks.append(of[2])

    engine = services.store.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    found = await resolve(services, [name.upper() for name in names])
    event.remove(engine, "before_cursor_execute", note)

    assert found == tuple(sorted(map(token, names)))
    assert len(looks) == 1


async def test_names_are_resolved_while_somebody_else_writes(
    services: Services, receiver: Receiver
) -> None:
    made = await subscribe(services, receiver.url())

    async with services.store.write(), asyncio.timeout(5):
        with pytest.raises(InvalidInput, match="NOBODYS"):
            await subscribe(services, receiver.url("/new"), tokens=["NOBODYS"])
        with pytest.raises(InvalidInput, match="NOBODYS"):
            await change_endpoint(
                made.endpoint.id,
                lambda old: old,
                app_id=None,
                desk=services.desk,
                tokens=["NOBODYS"],
            )


async def test_no_tokens_at_all_is_a_mistake(services: Services) -> None:
    with pytest.raises(InvalidInput):
        await resolve(services, [])


async def test_a_token_to_be_shown_must_have_been_seen(services: Services) -> None:
    await push(services, day(0), {"a": 50})

    async with services.store.read() as tx:
        assert await known_token(tx, "A") == token("a")
        with pytest.raises(NotFound):
            await known_token(tx, f"{SOURCE}:unseen")
