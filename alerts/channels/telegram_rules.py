"""Why a chat is told: the rule that matched, in words."""

from collections.abc import Iterable
from typing import Final

from alerts.channels.wording import condition_words, counted, reach_words, threshold_words
from alerts.domain.events import WINDOWED, EventType
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Condition, Reach, Subscription, Threshold

_FOLLOWED: Final = {
    EventType.UPGRADED: "you follow upgrades",
    EventType.DOWNGRADED: "you follow downgrades",
    EventType.MOVED: "you follow moves within a band",
    EventType.CROSSED: "a score that you named was crossed",
    EventType.ROSE: "it rose as far as you named",
    EventType.FELL: "it fell as far as you named",
    EventType.INITIATED: "you follow first grades",
    EventType.WITHDRAWN: "you follow grades that end",
    EventType.REINSTATED: "you follow grades that come back",
    EventType.RESTATED: "you were told otherwise before",
}
_OF_BAND: Final = frozenset({EventType.UPGRADED, EventType.DOWNGRADED})
# What a rule's sizes are held against, as people call it.
_SIZED: Final = dict.fromkeys(_OF_BAND, "changes") | {EventType.MOVED: "moves"}


def because(event_type: EventType, rule: Subscription | None, symbol: str) -> str:
    """Why one event is told, such as "you follow SOL: changes of 2 bands or more".

    rule: None where what matched is not known any more, or nothing had to. symbol: as it is shown.
    """
    if rule is None:
        return _FOLLOWED[event_type]
    return f"you follow {symbol if rule.token else 'all tokens'}{_sizes(event_type, rule)}"


def because_of_all(told: Iterable[tuple[EventType, Subscription | None, str]]) -> str | None:
    """Why several are told, as for `because`; None where that is not the same for all."""
    reasons, symbols = set(), set()
    for event_type, rule, symbol in told:
        if rule is None:
            return None
        symbols.add(symbol)
        reasons.add((rule.token is None, _sizes(event_type, rule)))
    if len(reasons) != 1:
        return None
    ((is_any, sizes),) = reasons
    followed = "all tokens" if is_any else "these tokens" if len(symbols) > 1 else symbols.pop()
    return f"you follow {followed}{sizes}"


def _sizes(event_type: EventType, rule: Subscription) -> str:
    """What the rule asks of its size, if anything."""
    if event_type is EventType.CROSSED:
        return f": {threshold_words(Threshold(rule.kind, rule.above, rule.below))}{_while(rule)}"
    if event_type in WINDOWED and rule.window is not None:
        reach = Reach(rule.kind, rule.window, rule.rise, rule.fall)
        return f": {reach_words(reach)}{_while(rule)}"
    if event_type not in _SIZED:
        return _while(rule)
    asked = []
    if event_type in _OF_BAND and rule.min_notches > 1:
        asked.append(counted(rule.min_notches, "band"))
    if rule.min_delta:
        size = f"{rule.min_delta / 100:g}"
        asked.append(f"{size} point" if size == "1" else f"{size} points")
    sizes = f": {_SIZED[event_type]} of {' and '.join(asked)} or more" if asked else ""
    return f"{sizes}{_while(rule)}"


def _while(rule: Subscription) -> str:
    """What the rule asks of the other grade, if anything."""
    if rule.other_at_least is None and rule.other_below is None:
        return ""
    (other,) = (kind for kind in Kind if kind is not rule.kind)
    asked = Condition(other, rule.other_at_least, rule.other_below)
    return f" while {condition_words(asked)}"
