"""The webhook channel: one signed POST a delivery."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from urllib.parse import urlsplit

from alerts import __version__
from alerts.channels import signing
from alerts.channels.addresses import LONGEST_NAME, vet_url
from alerts.channels.guard import Lookup, system_lookup
from alerts.channels.http import Exchange, HttpClient, open_http
from alerts.channels.networks import Trusted
from alerts.domain.deliveries import Answer, Deferred, Reason, Rejected, Trace
from alerts.domain.http_answers import REDIRECTION, outcome_of, outcome_without_answer
from alerts.domain.retries import read_retry_after
from alerts.errors import InvalidInput
from alerts.ports import Clock, Destination, Letter

# Verdicts kept, for judging a URL costs more than signing its letter.
URLS_REMEMBERED = 4096

USER_AGENT = f"Gradebell/{__version__}"


class WebhookSender:
    """Sends events to URLs, signed by every live secret. Made by `open_webhook_sender`.

    Repeatable, because the receiver can tell by `webhook-id`. A parcel is one letter.
    """

    def __init__(
        self, http: HttpClient, *, clock: Clock, https_only: bool, trusted: Trusted
    ) -> None:
        self._http = http
        self._clock = clock
        self._vet_url = lru_cache(URLS_REMEMBERED)(
            partial(vet_url, https_only=https_only, trusted=trusted)
        )

    @property
    def repeatable(self) -> bool:
        """Always."""
        return True

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        """POST the letter's bytes as they are. Raises nothing but cancellation.

        The URL is judged again at every attempt: rules and trust may have changed since it came.
        """
        if len(parcel) != 1 or not destination.secrets:
            return _unsent("a webhook is one letter" if destination.secrets else "nothing to sign")
        try:
            url = self._vet_url(destination.address)
        except InvalidInput as refusal:
            detail = f"the URL {refusal.problem}"
            return Answer(Rejected(Reason.INVALID_URL), trace=Trace(detail=detail))
        letter = parcel[0]
        exchange = await self._http.post(url, self._headers(destination, letter), letter.body)
        return self._answer(exchange, tuple([secret.id for secret in destination.secrets]))

    def _headers(self, destination: Destination, letter: Letter) -> dict[str, str]:
        second = int(self._clock.now().timestamp())
        signatures = signing.signature_header(
            [secret.key for secret in destination.secrets],
            message_id=letter.event_id,
            timestamp=second,
            body=letter.body,
        )
        # Ours come last, so that no header of the endpoint's can take their place.
        return {
            **{name.lower(): value for name, value in destination.headers},
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            signing.ID_HEADER: letter.event_id,
            signing.TIMESTAMP_HEADER: str(second),
            signing.SIGNATURE_HEADER: signatures,
            "gradebell-endpoint": destination.endpoint_id,
            "gradebell-delivery": letter.delivery_id,
        }

    def _answer(self, exchange: Exchange, secret_ids: tuple[str, ...]) -> Answer:
        trace = Trace(
            status_code=exchange.status,
            response_body=exchange.body,
            truncated=exchange.truncated,
            remote_address=exchange.remote_address,
            timings_ms=exchange.timings_ms,
            secret_ids=secret_ids,
            detail=_detail(exchange),
        )
        if exchange.failure is not None or exchange.status is None:
            reason = exchange.failure.reason if exchange.failure else Reason.OTHER
            return Answer(outcome_without_answer(reason), trace=trace)
        asked = exchange.retry_after
        wait = None if asked is None else read_retry_after(asked, self._clock.now())
        outcome, effect = outcome_of(exchange.status, wait)
        return Answer(outcome, effect, trace)


@asynccontextmanager
async def open_webhook_sender(
    *,
    clock: Clock,
    https_only: bool = True,
    trusted: Trusted = Trusted(),  # noqa: B008  frozen, and trusts nobody
    deadline_seconds: float = 15.0,
    connect_seconds: float = 5.0,
    lookup: Lookup = system_lookup,
    authorities: str | None = None,
) -> AsyncIterator[WebhookSender]:
    """A sender whose connections end with the block; see `http.open_http` for the limits."""
    async with open_http(
        deadline_seconds=deadline_seconds,
        connect_seconds=connect_seconds,
        trusted=trusted,
        lookup=lookup,
        authorities=authorities,
    ) as http:
        yield WebhookSender(http, clock=clock, https_only=https_only, trusted=trusted)


def _unsent(detail: str) -> Answer:
    return Answer(Deferred(Reason.OTHER), trace=Trace(detail=detail))


def _detail(exchange: Exchange) -> str | None:
    if exchange.failure is not None:
        return exchange.failure.detail
    if exchange.location is not None and exchange.status in REDIRECTION:
        return f"redirects to {_masked(exchange.location)}"
    return None


def _masked(location: str) -> str:
    """Scheme and host of a redirect; the rest of it may be somebody's key."""
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
    except ValueError:
        return "something unreadable"
    if not parts.scheme and not host:
        return "the same host"
    if not host.isascii() or not host.isprintable() or not 0 < len(host) <= LONGEST_NAME:
        return "something unreadable"
    return f"{parts.scheme or 'https'}://{host}"
