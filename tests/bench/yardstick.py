"""The design most teams would write, as something to be compared with.

One arq job for each delivery, a shared httpx client, SQLAlchemy's ORM for the delivery and its
attempt, PostgreSQL, Redis. Written as its authors recommend: sessions are short and none is open
while a request is on the wire, jobs run 50 at once, and it has our event loop and our settings of
the garbage collector. `python -m tests.bench.yardstick …`, in the words of sides.py.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast

import httpx
from arq import create_pool
from arq.connections import ArqRedis, RedisSettings
from arq.worker import Worker
from arq.worker import func as function
from sqlalchemy import ForeignKey, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from alerts.cli.frame import run_loop
from tests.bench.loads import Load, Result
from tests.bench.sides import measured

DELIVER = "deliver"
JOBS_AT_ONCE = 50
POLL_SECONDS = 0.05
TIMEOUT_SECONDS = 15.0
BODY = {"type": "grade.upgraded", "data": {"from": {"score": 50.0}, "to": {"score": 70.0}}}
# As long as a body of ours.
FILLING = "x" * 900


class Base(DeclarativeBase):
    pass


class Endpoint(Base):
    __tablename__ = "team_endpoints"
    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str]
    secret: Mapped[str]


class Delivery(Base):
    __tablename__ = "team_deliveries"
    id: Mapped[int] = mapped_column(primary_key=True)
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("team_endpoints.id"), index=True)
    payload: Mapped[str]
    state: Mapped[str] = mapped_column(default="pending", index=True)
    endpoint: Mapped[Endpoint] = relationship(lazy="joined")


class Attempt(Base):
    __tablename__ = "team_attempts"
    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("team_deliveries.id"), index=True)
    status_code: Mapped[int]
    response: Mapped[str]
    took_ms: Mapped[float]


Sessions = async_sessionmaker[AsyncSession]


async def deliver(context: dict[Any, Any], delivery_id: int) -> None:
    """One job: read the delivery, post it, write what came of it."""
    sessions: Sessions = context["sessions"]
    client: httpx.AsyncClient = context["client"]
    async with sessions() as session:
        delivery = await session.get_one(Delivery, delivery_id)
    second = str(int(datetime.now(UTC).timestamp()))
    signed = f"{delivery_id}.{second}.{delivery.payload}".encode()
    digest = hmac.new(delivery.endpoint.secret.encode(), signed, hashlib.sha256).digest()
    headers = {
        "content-type": "application/json",
        "webhook-id": str(delivery_id),
        "webhook-timestamp": second,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    started = time.perf_counter()
    answer = await client.post(delivery.endpoint.url, content=delivery.payload, headers=headers)
    took_ms = (time.perf_counter() - started) * 1000
    async with sessions.begin() as session:
        attempt = Attempt(
            delivery_id=delivery_id,
            status_code=answer.status_code,
            response=answer.text,
            took_ms=took_ms,
        )
        session.add(attempt)
        delivery.state = "delivered" if answer.is_success else "failed"
        await session.merge(delivery)


async def measure(load: Load, database_url: str, redis_url: str) -> Result:
    """Deliveries written, put in the queue, and worked off."""
    engine = create_async_engine(database_url, pool_size=JOBS_AT_ONCE)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    redis = await create_pool(RedisSettings.from_dsn(redis_url))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions.begin() as session:
        session.add_all(
            Endpoint(id=number, url=f"{load.receiver}/{number}", secret=os.urandom(16).hex())
            for number in range(1, load.endpoints + 1)
        )
    async with (
        httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client,
        measured("yardstick", load.deliveries) as result,
    ):
        began = time.perf_counter()
        await _enqueue(load, sessions, redis)
        enqueued = time.perf_counter()
        worker = Worker(
            # Its own protocol for functions takes none whose arguments have types.
            functions=[function(cast("Any", deliver), name=DELIVER)],
            redis_pool=redis,
            ctx={"sessions": sessions, "client": client},
            burst=True,
            max_jobs=JOBS_AT_ONCE,
            poll_delay=POLL_SECONDS,
            keep_result=0,
            handle_signals=False,
        )
        await worker.async_run()
        ended = time.perf_counter()
    result.steps = {"enqueue": enqueued - began, "work": ended - enqueued}
    await _check(sessions, load.deliveries)
    await redis.aclose()
    await engine.dispose()
    return result


async def _enqueue(load: Load, sessions: Sessions, redis: ArqRedis) -> None:
    for token in range(load.tokens):
        payload = json.dumps({**BODY, "token": token, "filling": FILLING})
        async with sessions.begin() as session:
            made = [
                Delivery(endpoint_id=number, payload=payload)
                for number in range(1, load.endpoints + 1)
            ]
            session.add_all(made)
        await asyncio.gather(*(redis.enqueue_job(DELIVER, each.id) for each in made))


async def _check(sessions: Sessions, deliveries: int) -> None:
    """Raise unless all came."""
    query = select(func.count()).select_from(Delivery).where(Delivery.state == "delivered")
    async with sessions() as session:
        came = (await session.execute(query)).scalar_one()
        tried = (await session.execute(select(func.count()).select_from(Attempt))).scalar_one()
    if (came, tried) != (deliveries, deliveries):
        raise RuntimeError(f"{deliveries} were due, {came} came, {tried} attempts")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--redis-url", required=True)
    parser.add_argument("--encryption-key")
    parser.add_argument("--receiver", required=True)
    for name in ("--endpoints", "--tokens", "--day", "--processor"):
        parser.add_argument(name, type=int)
    arguments = parser.parse_args()
    if arguments.processor is not None:
        os.sched_setaffinity(0, {arguments.processor})
    load = Load(arguments.receiver, arguments.endpoints, arguments.tokens)
    results: list[Result] = []

    async def run() -> None:
        results.append(await measure(load, arguments.database_url, arguments.redis_url))

    run_loop(run())
    sys.stdout.write(f"{json.dumps(asdict(results[0]))}\n")


if __name__ == "__main__":
    main()
