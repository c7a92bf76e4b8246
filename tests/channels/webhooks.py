"""What the tests of the webhook channel share."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

from alerts.channels.guard import Lookup, system_lookup
from alerts.channels.networks import Trusted
from alerts.channels.webhook import WebhookSender, open_webhook_sender
from alerts.domain.deliveries import (
    Answer,
    Channel,
)
from alerts.ports import Destination, Letter, SigningSecret

OLD = SigningSecret("sec_old", b"o" * 32)


NEW = SigningSecret("sec_new", b"n" * 32)


LETTER = Letter("dlv_1", "evt_1", '{"type": "grade.upgraded", "name": "Bücher"}'.encode())


class FixedClock:
    """Real time, moved by `ahead`."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def open_sender(
    *,
    trusted: str = "127.0.0.0/8:1",
    clock: FixedClock | None = None,
    deadline_seconds: float = 5.0,
    connect_seconds: float = 5.0,
    lookup: Lookup = system_lookup,
    authorities: str | None = None,
    https_only: bool = False,
) -> AbstractAsyncContextManager[WebhookSender]:
    return open_webhook_sender(
        clock=clock or FixedClock(),
        https_only=https_only,
        trusted=Trusted.parse(trusted),
        deadline_seconds=deadline_seconds,
        connect_seconds=connect_seconds,
        lookup=lookup,
        authorities=authorities,
    )


def to(
    url: str,
    *,
    headers: tuple[tuple[str, str], ...] = (),
    secrets: tuple[SigningSecret, ...] = (NEW,),
) -> Destination:
    return Destination("ep_1", Channel.WEBHOOK, url, headers, secrets)


async def send_raw(
    port: int, *, deadline_seconds: float = 5.0, connect_seconds: float = 5.0, scheme: str = "http"
) -> Answer:
    async with open_sender(
        trusted=f"127.0.0.1:{port}",
        deadline_seconds=deadline_seconds,
        connect_seconds=connect_seconds,
    ) as sender:
        return await sender.send(to(f"{scheme}://127.0.0.1:{port}/hook/k3y"), [LETTER])
