"""When a key was last used is written down, and nobody waits for it."""

import asyncio

from tests.api.conftest import Api


async def test_a_key_is_answered_while_somebody_writes_and_its_use_is_written_after(
    api: Api,
) -> None:
    key = await api.member("tenant")

    # Whoever writes on SQLite keeps all others from writing.
    async with api.services.store.write():
        async with asyncio.timeout(5):
            answers = [await api.get("/v1/events", key=key) for _ in range(3)]
    await api.services.uses.written()

    assert [answer.status_code for answer in answers] == [200] * 3
    shown = (await api.get("/v1/keys")).json()["data"]
    assert [one["last_used_at"] is not None for one in shown] == [True]
