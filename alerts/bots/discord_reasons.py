"""In Discord's words: what became of what was to be posted, and why nothing is."""

from typing import Final, assert_never

from alerts.bots.why import Fate
from alerts.domain.deliveries import EndpointState, State
from alerts.domain.meanings import MEANINGS, Meaning, meaning_of
from alerts.domain.subscriptions import Miss
from alerts.store.deliveries import DeliveryRecord
from alerts.store.endpoints import EndpointRecord

QUIET_WEEK: Final = "nothing changed, so nothing was posted"
# What stands before that part of a meaning which is Discord's own.
_HERE: Final = "On Discord: "
_ELSEWHERE: Final = " On Telegram"
_COMING: Final = "on its way"
# In the words of whoever set a channel up, not of the filter that it became.
MISSES: Final = {
    Miss.TOKEN: "not posted: this server watches other tokens",
    Miss.KIND: "not posted: the other kind of grades was asked for here",
    Miss.TYPE: "not posted at once: that was not asked for here; the digest tells it",
    Miss.MIN_NOTCHES: "not posted: larger changes were asked for here",
    Miss.MIN_DELTA: "not posted: larger changes were asked for here",
    Miss.THRESHOLD: "not posted: it crossed no score that was asked for here",
    Miss.WINDOW: "not posted: such a move, or one so small, was not asked for here",
    Miss.OTHER_GRADE: "not posted: its other grade was not what was asked for here",
    Miss.OTHER_UNKNOWN: "not posted: its other grade was not known",
    Miss.BEFORE_SUBSCRIPTION: "not posted: it came before it was asked for here, or while "
    "nothing was to be posted",
}


def became(fate: Fate) -> str:
    """What became of an event for a channel, without a full stop."""
    if fate.delivery is None:
        return _COMING if fate.miss is None else MISSES[fate.miss]
    match fate.delivery.state:
        case State.DELIVERED:
            return "posted"
        case State.PENDING | State.SENDING:
            return _with(_COMING, fate.delivery, fate.detail)
        case State.UNKNOWN:
            return _with("perhaps posted: look", fate.delivery, fate.detail)
        case State.DEAD | State.SKIPPED:
            return _with("not posted", fate.delivery, fate.detail)
        case _:
            assert_never(fate.delivery.state)


def standing(endpoint: EndpointRecord) -> str | None:
    """Why nothing is posted at all; None for an endpoint in service."""
    match endpoint.state:
        case EndpointState.ACTIVE:
            return None
        case EndpointState.PAUSED:
            return "paused; `/digest resume` goes on"
        case EndpointState.DISABLED:
            reason = endpoint.disabled_reason
            why = None if reason is None else MEANINGS[type(reason)][reason]
            return _because("out of service", why)
        case _:
            assert_never(endpoint.state)


def _with(said: str, record: DeliveryRecord, detail: str) -> str:
    """What the last answer said of itself, or else what the reason means."""
    if detail:
        return f"{said}. {detail[:1].upper()}{detail[1:]}"
    reason = record.reason or record.deferred_reason
    return _because(said, None if reason is None else meaning_of(record.state, reason))


def _because(said: str, meaning: Meaning | None) -> str:
    """What a reason means on Discord, which is the receiver here."""
    if meaning is None:
        return said
    here, _, _ = meaning.means.partition(_ELSEWHERE)
    means = here.partition(_HERE)[2] or here.replace("The receiver", "Discord")
    return f"{said}. {means[:1].upper()}{means[1:]}".removesuffix(".")
