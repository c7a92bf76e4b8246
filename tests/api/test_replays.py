"""A replay, and how far it has come."""

import asyncio
from typing import Any

from alerts.store.replays import PART
from tests.api.conftest import Api, problem
from tests.receiver import Reply
from workers.loops import Loops

WAIT_SECONDS = 60
EVERYTHING = {"since": "2020-01-01"}


async def missed(api: Api, count: int) -> str:
    """An endpoint that was paused when so much was told; its path."""
    made = await api.endpoint()
    path = f"/v1/endpoints/{made['id']}"
    await api.post(f"{path}/pause")
    await api.upgrade(*(f"t{number}" for number in range(count)))
    await api.post(f"{path}/enable")
    return path


async def ended(api: Api, path: str) -> dict[str, Any]:
    """A replay as it is when nothing of it waits any more."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            shown: dict[str, Any] = (await api.get(path)).json()
            if shown["state"] != "running":
                return shown
            await asyncio.sleep(0.02)


async def test_a_worker_works_a_replay_off_and_its_progress_is_shown(api: Api) -> None:
    path = await missed(api, PART + 5)

    asked = (await api.post(f"{path}/replay", json=EVERYTHING)).json()
    begun = (await api.get(f"{path}/replays/{asked['id']}")).json()
    loops = Loops(api.services)
    loops.start()
    done = await ended(api, f"{path}/replays/{asked['id']}")
    await loops.stop()

    assert asked["count"] == PART + 5
    assert (begun["state"], begun["waiting"], begun["delivered"]) == ("running", PART + 5, 0)
    assert (done["state"], done["waiting"], done["delivered"]) == ("done", 0, PART + 5)
    assert (done["failed"], done["skipped"], done["only"]) == (0, 0, None)
    assert len(api.receiver.requests) == PART + 5


async def test_what_fails_again_is_counted_and_can_be_sent_again(api: Api) -> None:
    path = await missed(api, 3)
    api.receiver.script("/hook", Reply(413), Reply())

    ids = []
    for count in (3, 1, 0):
        asked = (await api.post(f"{path}/replay", json=EVERYTHING)).json()
        assert asked["count"] == count
        ids.append(asked["id"])
        await api.deliver()

    listed = (await api.get(f"{path}/replays")).json()
    assert [one["id"] for one in listed["data"]] == ids[::-1]
    # What the second one took over is its own.
    counts = [(one["count"], one["delivered"], one["failed"]) for one in listed["data"]]
    assert counts == [(0, 0, 0), (1, 1, 0), (3, 2, 0)]
    page = (await api.get(f"{path}/replays?limit=1")).json()
    rest = (await api.get(f"{path}/replays?cursor={page['next']}")).json()
    assert [one["id"] for one in page["data"] + rest["data"]] == ids[::-1]


async def test_a_replay_that_comes_again_under_a_key_is_the_same(api: Api) -> None:
    path = await missed(api, 2)
    again = [
        await api.post(f"{path}/replay", json=EVERYTHING, headers={"idempotency-key": "one"})
        for _ in range(2)
    ]

    assert again[0].json() == again[1].json()
    assert len((await api.get(f"{path}/replays")).json()["data"]) == 1


async def test_somebody_elses_replay_is_not_there(api: Api) -> None:
    path = await missed(api, 1)
    asked = (await api.post(f"{path}/replay", json=EVERYTHING)).json()
    stranger = await api.member("stranger")
    own = await api.endpoint("/own", key=stranger)

    theirs = await api.get(f"{path}/replays/{asked['id']}", key=stranger)
    listed = await api.get(f"{path}/replays", key=stranger)
    borrowed = await api.get(f"/v1/endpoints/{own['id']}/replays/{asked['id']}", key=stranger)

    for answer in (theirs, listed, borrowed):
        problem(answer, 404, "not-found")
