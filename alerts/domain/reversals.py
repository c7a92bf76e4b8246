"""Reversals: what gave way untold and came to nothing, so that its last step is not told either.

A change of band that says it was from Buy to Neutral is no news to whoever was never told of Buy,
and knows of Neutral.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from alerts.domain.cooldowns import Band, band_of
from alerts.domain.events import BAND_CHANGES, Crossing, EventType
from alerts.domain.subscriptions import Subscription

T = TypeVar("T")


def last_steps(line: Iterable[T], waits: Callable[[T], bool]) -> Iterator[tuple[list[T], T]]:
    """What waits, each with those right before it that ended untold, where there are any.

    line: about one token and kind, the oldest first, none of them told.
    """
    untold: list[T] = []
    for one in line:
        if not waits(one):
            untold.append(one)
            continue
        if untold:
            yield untold, one
        untold = []


def leads_back(first: bytes, last: bytes, rule: Subscription | None) -> bool:
    """Whether the last of several events leads back to where the first of them began.

    first, last: their payloads, both crossings or neither. rule: what wants the last one; a
    crossing is of the threshold that it names.
    """
    began, ended = json.loads(first), json.loads(last)
    if ended["type"] == EventType.CROSSED:
        return rule is not None and _is_across(began, ended, rule)
    if not {began["type"], ended["type"]} <= BAND_CHANGES:
        return False
    before = _band_before(began)
    return before is not None and before == band_of(ended)


def is_crossed_still(rule: Subscription, crossed: Crossing, newer: Crossing) -> bool:
    """Whether the threshold that was crossed is so still, after a newer crossing of the other."""
    if crossed.is_upward is newer.is_upward:
        return False
    if crossed.is_upward:
        return rule.above is not None and newer.end >= rule.above
    return rule.below is not None and newer.end < rule.below


def _band_before(payload: Mapping[str, Any]) -> Band | None:
    before = payload["data"].get("from")
    return None if before is None else (payload["data"]["band_version"], before["band_rank"])


def _is_across(began: Mapping[str, Any], ended: Mapping[str, Any], rule: Subscription) -> bool:
    """Whether a score was on that side of the threshold before, to which it went in the end."""
    before, crossed = began["data"].get("from"), ended["data"].get("crossed")
    if before is None or crossed is None:
        return False
    score = round(before["score"] * 100)
    if crossed["direction"] == "up":
        return rule.above is not None and score >= rule.above
    return rule.below is not None and score < rule.below
