"""The doors to the outside: sources, senders, the clock, the limiter and the wake-up call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from alerts.domain.deliveries import Answer, Channel, DeferredReason
from alerts.domain.grades import Kind, SourceName
from alerts.domain.quotas import Quota, Standing
from alerts.domain.readings import Reading
from alerts.domain.subscriptions import Subscription


class SourceState(StrEnum):
    """How a source's kind stands, as `/v1/sources` shows it."""

    OK = "ok"
    WAITING = "waiting"
    STALE = "stale"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    QUOTA = "quota"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Aside:
    """What an answer says beside its rows, for the operator; nothing is decided by it.

    request_id: the source's own name for the request, to be quoted to it; one printable line.
    clock_skew: how far the source's clock is ahead of ours; None where it says no time.
    """

    request_id: str | None = None
    clock_skew: timedelta | None = None


NOTHING_SAID: Final = Aside()


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """One page as it came. rows: how many it holds; is_last: no page follows it."""

    body: bytes
    rows: int
    is_last: bool
    aside: Aside = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a page did not come: a value, for it is an ordinary day upstream.

    state: waiting (a pace was exceeded), gone, forbidden, quota or failing.
    retry_after: how long upstream asked us to wait, if it did.
    detail: one line for the operator: status and request id; never the key.
    """

    state: SourceState
    detail: str
    retry_after: timedelta | None = None
    aside: Aside = NOTHING_SAID


class GradeSource(Protocol):
    """A source that is polled, page by page. Each `fetch` is one request and costs budget."""

    @property
    def name(self) -> SourceName: ...

    async def fetch(self, kind: Kind, page: int) -> FetchedPage | Trouble:
        """Page `page` (1-based) of the newest grades of this kind. Raises nothing."""
        ...

    def read(self, kind: Kind, pages: Sequence[bytes], *, undated: datetime) -> Reading:
        """Grades of all pages of one sweep, by date; pure.

        undated: the `as_of` of rows that carry none.
        A row that can't be read is rejected by its number over all pages (1-based).
        """
        ...


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """One live secret. key: 24–64 raw bytes."""

    id: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Destination:
    """An endpoint as a sender needs it. address: the URL, chat or channel, decrypted.

    role: of a Discord server, which the weekly digest mentions.
    quiet_hours: of a chat, such as 22:00–07:00; empty for none.
    """

    endpoint_id: str
    channel: Channel
    address: str
    headers: tuple[tuple[str, str], ...] = ()
    secrets: tuple[SigningSecret, ...] = ()
    role: str | None = None
    quiet_hours: str = ""


class Letter(NamedTuple):
    """One delivery to be sent. body: the event's bytes, made once and the same every time.

    rule: the subscription that it is sent by, where there is one and it was asked.
    deferred_reason: why it waited, where somebody wanted that.
    """

    delivery_id: str
    event_id: str
    body: bytes
    rule: Subscription | None = None
    deferred_reason: DeferredReason | None = None


class Sender(Protocol):
    """One channel. A failed send is a value: `send` raises nothing but cancellation.

    repeatable: whether sending twice does no harm, because receivers can tell by the id.
    """

    @property
    def repeatable(self) -> bool: ...

    async def send(self, destination: Destination, parcel: Sequence[Letter]) -> Answer:
        """Hand over one parcel (one or more letters, one message) within the total deadline."""
        ...


class Call(StrEnum):
    """What there is to do: cycles to fan out, or lanes with something to send."""

    CYCLES = "cycles"
    LANES = "lanes"


class Waker(Protocol):
    """A hint after a commit that there is something to do. It may be lost."""

    async def wake(self, call: Call) -> None: ...

    async def wait(self, call: Call, timeout_seconds: float) -> None:
        """Return at the next such call, or after the timeout."""
        ...


class Limiter(Protocol):
    """Counts how often somebody asks. What it forgets was allowed once more, no worse."""

    async def ask(self, bucket: str, quota: Quota, *, is_spent: bool = True) -> Standing:
        """Whether one more is within the quota. is_spent: count it if it is; else only look."""
        ...


class Clock(Protocol):
    """Time. `now` is aware UTC; `monotonic` is seconds of a clock that never jumps."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...
