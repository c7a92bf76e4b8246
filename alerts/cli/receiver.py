"""A sample receiver of webhooks: what an application of yours would do, as short as it is."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from alerts.channels.signing import ID_HEADER, verify
from alerts.errors import InvalidInput
from alerts.ports import Clock

LOOPBACK: Final = "127.0.0.1"
PATH: Final = "/hook"
DELIVERY_HEADER: Final = "gradebell-delivery"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One webhook as it came. payload: None where the body is no JSON object.

    problem: why it is not believed; None when one of the secrets signed it, or none is known.
    """

    at: datetime
    message_id: str
    delivery_id: str
    payload: dict[str, Any] | None
    verified: bool
    problem: str | None


class Receiver:
    """Listens on loopback while its `async with` lasts. secrets: keys; any may have signed."""

    def __init__(
        self, secrets: Sequence[bytes], *, clock: Clock, tell: Callable[[Receipt], None]
    ) -> None:
        self.secrets = list(secrets)
        self.port = 0
        self._clock = clock
        self._tell = tell

    @property
    def url(self) -> str:
        """Where to send webhooks."""
        return f"http://{self.destination}{PATH}"

    @property
    def destination(self) -> str:
        """`host:port`, as GRADEBELL_TRUSTED_DESTINATIONS wants it."""
        return f"{LOOPBACK}:{self.port}"

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """204 for what is believed, 400 with the reason for what is not."""
        receipt = self._examine(request, await request.read())
        self._tell(receipt)
        if receipt.problem is None:
            return web.Response(status=204)
        return web.Response(status=400, text=receipt.problem)

    def _examine(self, request: web.BaseRequest, body: bytes) -> Receipt:
        now = self._clock.now()
        payload, problem = None, None
        try:
            if self.secrets:
                verify(request.headers, body, self.secrets, now=now)
            payload = _read(body)
        except InvalidInput as error:
            problem = str(error)
        return Receipt(
            at=now,
            message_id=request.headers.get(ID_HEADER, ""),
            delivery_id=request.headers.get(DELIVERY_HEADER, ""),
            payload=payload,
            verified=bool(self.secrets) and problem is None,
            problem=problem,
        )


@asynccontextmanager
async def open_receiver(
    secrets: Sequence[bytes], *, port: int, clock: Clock, tell: Callable[[Receipt], None]
) -> AsyncIterator[Receiver]:
    """A receiver that takes webhooks. port: 0 takes a free one. Raises InvalidInput (`port`)."""
    receiver = Receiver(secrets, clock=clock, tell=tell)
    server = web.Server(receiver.answer, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, LOOPBACK, port).start()
        except OSError as error:
            problem = f"cannot listen on {LOOPBACK}:{port}: {error.strerror or error}"
            raise InvalidInput("port", problem) from None
        receiver.port = runner.addresses[0][1]
        yield receiver
    finally:
        await runner.cleanup()


def _read(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except ValueError:
        raise InvalidInput("body", "is no JSON") from None
    if not isinstance(payload, dict) or not isinstance(payload.get("data"), dict):
        raise InvalidInput("body", "is no event")
    return {"type": "", **payload}
