"""Our bot on Telegram: what is typed is answered, and comes once."""

from collections.abc import AsyncIterator

import pytest

from tests.bots.talks import Talk, open_talk


@pytest.fixture
async def talk(sqlite_url: str) -> AsyncIterator[Talk]:
    async with open_talk(sqlite_url) as opened:
        yield opened


async def test_what_is_typed_is_answered(talk: Talk) -> None:
    ada, _ = talk.somebody()

    (answer,) = await talk.type(ada, "/help")

    assert "crypto tokens" in answer["text"]
    assert answer["link_preview_options"]["is_disabled"]
