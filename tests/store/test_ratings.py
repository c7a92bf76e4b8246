"""Ratings are read back as they were held, alike on both databases."""

from datetime import timedelta

from alerts.domain.grades import Kind, TokenId
from alerts.domain.ratings import Rating, Run, Swings
from alerts.store.engine import Store
from alerts.store.ratings import load_ratings, ratings_of, save_ratings
from tests.builders import FIRST_DAY, SOURCE, rating

LATER = FIRST_DAY + timedelta(hours=1, microseconds=1)
PLAIN = rating(3, 62, components={"quant": 61.5, "ta": None}, number=1)
WAITS = rating(3, 62, number=2)._replace(
    label="Käufe",
    revision=2,
    event_id="evt_1",
    pending=Run(
        6200, FIRST_DAY, (("quant", 6150), ("ta", None)), ((FIRST_DAY, 8400), (LATER, 8500))
    ),
    swings=Swings(True, (FIRST_DAY, LATER), flapping_since=LATER, steady=1),  # noqa: FBT003
    slack_up=3,
    slack_down=4,
)
GONE = rating(3, 62, number=3)._replace(
    absent_cycles=7, absent_since=FIRST_DAY, absent_as_of=LATER, withdrawn=True
)
ALL = (PLAIN, WAITS, GONE)


async def held(store: Store, *ratings: Rating) -> dict[TokenId, Rating]:
    async with store.write() as tx:
        await save_ratings(tx, ratings, source=SOURCE, kind=Kind.TRADER)
    async with store.read() as tx:
        return await load_ratings(tx, SOURCE, Kind.TRADER, wanted=None)


async def test_a_rating_is_read_as_it_was_held_whatever_waits_or_swings(store: Store) -> None:
    assert await held(store, *ALL) == {each.token: each for each in ALL}
    async with store.read() as tx:
        assert await load_ratings(tx, SOURCE, Kind.TRADER, wanted=[WAITS.token]) == {
            WAITS.token: WAITS
        }
        assert await ratings_of(tx, [each.token for each in ALL]) == {
            each.token: {Kind.TRADER: each} for each in ALL
        }


async def test_what_waited_and_swung_is_gone_from_a_rating_that_is_held_without(
    store: Store,
) -> None:
    await held(store, WAITS)
    plain = WAITS._replace(pending=None, swings=None)

    assert await held(store, plain) == {WAITS.token: plain}
