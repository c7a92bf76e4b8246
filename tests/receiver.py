"""A real HTTP receiver on a free loopback port, as somebody's application would run it.

    async with Receiver(secrets=["whsec_…"]) as receiver:
        receiver.script("/hook", Reply(503, {"retry-after": "7"}), Reply())
        …send to receiver.url("/hook")…
        await receiver.wait_for(2)
        assert receiver.requests[1].verified

Paths without a script answer by the script of `*`, or with 204. Signatures are verified by the
public `standardwebhooks` library.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.served import Served


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted answer. held: answered only once this event is set (a receiver that hangs)."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    held: asyncio.Event | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came. headers: names in lower case.

    arrived: monotonic seconds of the running loop (`time.monotonic` on both loops).
    verified: whether one of the receiver's secrets made the signature; None without secrets.
    connection: the sender's port, so equal numbers mean a connection used again.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    arrived: float
    verified: bool | None
    connection: int


class Receiver(Served):
    """Records what it is sent and answers by script.

    secrets: `whsec_…` values, any of which may have signed.
    check_time: refuse timestamps over five minutes off; false where a test turns the clock.
    tls: serve https with this context.
    """

    def __init__(
        self,
        *,
        secrets: Sequence[str] = (),
        check_time: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        server = web.Server(self._answer, access_log=None)
        super().__init__(web.ServerRunner(server, shutdown_timeout=0.01), tls=tls)
        self.requests: list[Received] = []
        self._webhooks = [Webhook(secret) for secret in secrets]
        self._check_time = check_time
        self._scripts: dict[str, list[Reply]] = {}
        self._arrived = asyncio.Condition()

    @property
    def destination(self) -> str:
        """`host:port`, as a list of trusted destinations wants it."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        """The address to send to."""
        return f"{'https' if self._tls else 'http'}://{self.destination}{path}"

    def script(self, path: str, *replies: Reply) -> None:
        """Answer requests to this path with these, in turn; the last one for ever."""
        self._scripts[path] = list(replies)

    def trust(self, secrets: Sequence[str]) -> None:
        """Verify what comes from now on by these secrets, too."""
        self._webhooks += [Webhook(secret) for secret in secrets]

    def at(self, path: str) -> list[Received]:
        """What came to this path, in order of arrival."""
        return [request for request in self.requests if request.path == path]

    async def wait_for(self, count: int, *, within_seconds: float = 10.0) -> None:
        """Return once `count` requests have come in all; raises TimeoutError if they do not."""
        async with asyncio.timeout(within_seconds), self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        await self._record(request)
        reply = self._next_reply(request.path)
        if reply.held is not None:
            await reply.held.wait()
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)

    async def _record(self, request: web.BaseRequest) -> None:
        arrived = asyncio.get_running_loop().time()
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        peer = request.transport.get_extra_info("peername") if request.transport else None
        received = Received(
            method=request.method,
            path=request.path,
            headers=headers,
            body=body,
            arrived=arrived,
            verified=self._verify(body, headers) if self._webhooks else None,
            connection=peer[1] if peer else 0,
        )
        async with self._arrived:
            self.requests.append(received)
            self._arrived.notify_all()

    def _next_reply(self, path: str) -> Reply:
        script = self._scripts.get(path) or self._scripts.get("*")
        if not script:
            return Reply()
        return script.pop(0) if len(script) > 1 else script[0]

    def _verify(self, body: bytes, headers: dict[str, str]) -> bool:
        accepts = _in_time if self._check_time else _at_any_time
        return any(accepts(webhook, body, headers) for webhook in self._webhooks)


def _in_time(webhook: Webhook, body: bytes, headers: dict[str, str]) -> bool:
    try:
        webhook.verify(body, headers, json_parse=False)
    except WebhookVerificationError:
        return False
    return True


def _at_any_time(webhook: Webhook, body: bytes, headers: dict[str, str]) -> bool:
    signed_at = datetime.fromtimestamp(int(headers.get("webhook-timestamp", "0")), UTC)
    expected = webhook.sign(headers.get("webhook-id", ""), signed_at, body.decode())
    return expected in headers.get("webhook-signature", "").split(" ")
