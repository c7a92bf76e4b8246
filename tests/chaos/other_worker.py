"""A worker made of the same parts as any, but for one of them.

python -m tests.chaos.other_worker poisoned DELIVERY    is killed dead when it sends this delivery
python -m tests.chaos.other_worker skewed SECONDS       has a clock that is off by so much
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from alerts import telemetry
from alerts.bootstrap import SystemClock, open_services
from alerts.cli.frame import stopped_by_signals
from alerts.domain.deliveries import Answer, Channel
from alerts.ports import Destination, Letter, Sender
from alerts.settings import load_settings
from workers.inline import run_clock
from workers.worker import work


class SkewedClock(SystemClock):
    """A clock that somebody set wrong."""

    def __init__(self, off: timedelta) -> None:
        self._off = off

    def now(self) -> datetime:
        return super().now() + self._off


class PoisonedSender:
    """A sender that one delivery kills, worker and all, in the midst of sending."""

    def __init__(self, sender: Sender, poison: str) -> None:
        self._sender = sender
        self._poison = poison

    @property
    def repeatable(self) -> bool:
        return self._sender.repeatable

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        if self._poison in {letter.delivery_id for letter in parcel}:
            os.kill(os.getpid(), signal.SIGKILL)
        return await self._sender.send(destination, parcel)


async def main(how: str, word: str) -> None:
    settings = load_settings()
    telemetry.configure(settings.log_format, settings.log_level)
    clock = SkewedClock(timedelta(seconds=int(word))) if how == "skewed" else None
    async with open_services(settings, clock=clock) as plain:
        services = plain
        if how == "poisoned":
            webhook = PoisonedSender(plain.senders[Channel.WEBHOOK], word)
            services = replace(plain, senders={Channel.WEBHOOK: webhook})
        await work(services, stopped_by_signals(), run_clock)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
