"""What there is to fan out, and who is owed it."""

from alerts.bootstrap import Services
from tests.pipeline.conftest import (
    day,
    dispatch,
    fan_out,
    log_of,
    push,
)


async def upgrade(services: Services, *names: str, since: int = 0) -> str:
    """An upgrade of each token, diffed and not fanned out; the cycle's id."""
    await push(services, day(since), dict.fromkeys(names, 50.0))
    return (await push(services, day(since + 1), dict.fromkeys(names, 95.0))).id


async def pairs(services: Services) -> list[tuple[int, str]]:
    return [(delivery.sequence, delivery.endpoint_id) for delivery in await log_of(services)]


async def announced(services: Services) -> None:
    """`a` was upgraded on day 1, told, and stands where it stood on day 2."""
    await push(services, day(0), {"a": 50})
    await push(services, day(1), {"a": 70})
    await push(services, day(2), {"a": 70})
    await fan_out(services)
    await dispatch(services)
