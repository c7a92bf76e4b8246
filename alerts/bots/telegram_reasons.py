"""In a chat's words: what became of what was to be told there, and why."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from alerts.bots.why import Fate
from alerts.channels.telegram_markup import Line, moment, say
from alerts.domain.deliveries import DeferredReason, EndReason, Reason, SkipReason, State
from alerts.domain.subscriptions import Miss
from alerts.store.deliveries import DeliveryRecord
from alerts.store.endpoints import EndpointRecord

TOLD, COMING, PERHAPS, UNTOLD = "✅", "⏳", "❓", "🚫"
SKIPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        SkipReason.MUTED: "it was muted then",
        SkipReason.PAUSED: "this chat was paused then",
        SkipReason.DISABLED: "I could not write here then",
        SkipReason.UNSUBSCRIBED: "something else was chosen here before it went out",
        SkipReason.EXPIRED: "it was old news by the time that it could go out",
        SkipReason.SUPERSEDED: "something newer about the same token came first",
        SkipReason.UNTOLD: "it corrects something that was not told here",
        SkipReason.REVERSED: "the grade was back at what was known here",
    }
)
_UNREACHED: Final = "Telegram could not be reached"
_REFUSED: Final = "Telegram did not take it; that is for us to mend"
ENDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(Reason, _REFUSED),
        **dict.fromkeys((Reason.DNS, Reason.CONNECTION, Reason.TLS), _UNREACHED),
        Reason.TIMEOUT: "Telegram did not answer",
        Reason.SERVER_ERROR: "Telegram was in trouble",
        Reason.RATE_LIMITED: "Telegram asked us to be slower",
        Reason.AUTH: "Telegram did not let me write here",
        Reason.GONE: "Telegram did not find this chat, or me in it",
        Reason.INTERRUPTED: "we were cut off while it was sent",
        EndReason.EXPIRED: "Telegram did not take it in time",
        EndReason.POISON: "something broke on our side while it was sent",
    }
)
# As if whoever asks had the filter before them: what was chosen, not what failed.
MISSES: Final = {
    Miss.TOKEN: "this token is not followed here",
    Miss.KIND: "the other kind of grades was chosen here",
    Miss.TYPE: "changes in this direction were not chosen here",
    Miss.MIN_NOTCHES: "larger changes were chosen here",
    Miss.MIN_DELTA: "larger changes were chosen here",
    Miss.THRESHOLD: "it crossed no score that was chosen here",
    Miss.WINDOW: "such a move, or one so small, was not chosen here",
    Miss.OTHER_GRADE: "its other grade was not what was chosen here",
    Miss.OTHER_UNKNOWN: "its other grade was not known",
    Miss.BEFORE_SUBSCRIPTION: "it came before that was chosen here, or while this chat was paused",
}


def mark(fate: Fate) -> str:
    """What became of it, as one sign."""
    if fate.delivery is None:
        return COMING if fate.miss is None else UNTOLD
    match fate.delivery.state:
        case State.DELIVERED:
            return TOLD
        case State.PENDING | State.SENDING:
            return COMING
        case State.UNKNOWN:
            return PERHAPS
        case State.DEAD | State.SKIPPED:
            return UNTOLD
        case _:
            assert_never(fate.delivery.state)


def became(fate: Fate, endpoint: EndpointRecord) -> Line:
    """What became of an event in a chat: half a sentence, without a full stop."""
    because = why(fate, endpoint)
    return [say("not told: "), *because] if mark(fate) == UNTOLD else because


def why(fate: Fate, endpoint: EndpointRecord) -> Line:
    """The same beside its mark, which says whether it was told."""
    delivery = fate.delivery
    if delivery is None:
        return [say("on its way" if fate.miss is None else MISSES[fate.miss])]
    match delivery.state:
        case State.DELIVERED:
            at = delivery.ended_at or delivery.recorded_at
            return [say("told here, "), moment(at)]
        case State.PENDING | State.SENDING:
            return [say(_waits(delivery, endpoint))]
        case State.UNKNOWN:
            return [say(f"perhaps told: look whether it is here; {_reason(delivery)}")]
        case State.DEAD | State.SKIPPED:
            return [say(_reason(delivery))]
        case _:
            assert_never(delivery.state)


def is_quiet(fate: Fate) -> bool:
    """Whether it waits for quiet hours to end."""
    delivery = fate.delivery
    is_held = delivery is not None and delivery.deferred_reason == DeferredReason.QUIET_HOURS
    return is_held and mark(fate) == COMING


def _waits(delivery: DeliveryRecord, endpoint: EndpointRecord) -> str:
    if delivery.deferred_reason == DeferredReason.QUIET_HOURS:
        ends = delivery.due_at.astimezone(ZoneInfo(endpoint.time_zone or "UTC"))
        return f"quiet hours: it comes at {ends:%H:%M}"
    if delivery.deferred_reason == DeferredReason.COOLDOWN:
        return "it was told here lately: it comes once its cooldown is over, if it still holds"
    if delivery.reason is not None:
        return f"on its way: {ENDS.get(delivery.reason, _REFUSED)}, so it is tried again"
    return "on its way"


def _reason(delivery: DeliveryRecord) -> str:
    words = SKIPS if delivery.state is State.SKIPPED else ENDS
    return words.get(delivery.reason or "", _REFUSED)
