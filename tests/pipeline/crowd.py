"""Many chats at once: one that is made as the bot makes it, and the others its likes."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Table, insert, select

from alerts.bootstrap import Services
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.ids import ENDPOINT
from alerts.pipeline.chats import create_chat
from alerts.pipeline.endpoints import Wish
from alerts.store.tables import endpoints, lanes, subscriptions

CHUNK = 5000
KEYS = {endpoints: "id", lanes: "endpoint_id", subscriptions: "endpoint_id"}
# By the database.
GIVEN = {"id", "wakes_at"}


async def gather_chats(services: Services, places: Sequence[TelegramChat], *tokens: str) -> None:
    """Each of these places becomes an endpoint of the house. tokens: what they follow, or all."""
    first, *others = places
    wish, desk = Wish(tokens=tokens or None), services.desk
    made = await create_chat(first.kept, wish, most_rate=first.most_rate, desk=desk)
    for start in range(0, len(others), CHUNK):
        await _add_likes(services, made.id, others[start : start + CHUNK])


async def _add_likes(services: Services, like: str, places: Iterable[TelegramChat]) -> None:
    async with services.store.write() as tx:
        named = [(await tx.new_id(ENDPOINT), place) for place in places]
        for table, key in KEYS.items():
            columns = [each for each in table.c if each.name not in GIVEN or each.name == key]
            own = select(*columns).where(table.c[key] == like)
            for row in (await tx.connection.execute(own)).mappings().all():
                rows = [{**row, key: name, **_own(services, table, place)} for name, place in named]
                await tx.connection.execute(insert(table), rows)


def _own(services: Services, table: Table, place: TelegramChat) -> dict[str, object]:
    """What no other has."""
    if table is not endpoints:
        return {}
    address, hashed = services.desk.seal_address(place.kept)
    return {"address": address, "address_hash": hashed, "rate_limit": place.most_rate}
