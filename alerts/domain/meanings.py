"""What the reasons of deliveries, endpoints and cycles mean, and what mends them: a table an enum.

Written for whoever owns the endpoint, those of cycles for the operator. Backticks mark what is
typed or sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from alerts.domain.deliveries import (
    DeferredReason,
    DisableReason,
    EndReason,
    Reason,
    SkipReason,
    State,
)
from alerts.domain.ratings import GATE_SHARE_PERCENT, HoldReason


@dataclass(frozen=True, slots=True)
class Meaning:
    """One reason, for a person. mends: what to do, or that nothing need be done."""

    means: str
    mends: str


_REASONS: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        Reason.CLIENT_ERROR: Meaning(
            "The receiver answered with a 4xx that has no reason of its own here, such as 400, "
            "404 or 422.",
            "Look at `status_code` and `response_body` of the attempt: mostly the path is wrong, "
            "or the receiver is strict about something it need not be. It is tried again by the "
            "schedule.",
        ),
        Reason.SERVER_ERROR: Meaning(
            "The receiver answered with a 5xx: it is broken or overloaded.",
            "Mend the receiver. It is tried again by the schedule; 502, 503 and 504 hold the "
            "whole endpoint for as long as `Retry-After` asks.",
        ),
        Reason.REDIRECT: Meaning(
            "The receiver answered with a 3xx. Redirects are not followed: they could lead "
            "anywhere.",
            "Set the endpoint's `url` to where it redirects; the attempt's `detail` shows the "
            "host.",
        ),
        Reason.AUTH: Meaning(
            "The receiver, or what stands before it, answered 401, 403 or 407.",
            "Let our calls through: they are signed, so that the receiver need ask for nothing "
            "else. If it must, send what it wants in the endpoint's `headers`. On Discord and "
            "Telegram, see what `detail` says.",
        ),
        Reason.RATE_LIMITED: Meaning(
            "The receiver answered 429.",
            "Nothing, if that is meant: the endpoint waits for as long as `Retry-After` asks. A "
            "`rate_limit` on the endpoint keeps below its limit from the start.",
        ),
        Reason.TIMEOUT: Meaning(
            "No whole answer came within the deadline (15 seconds unless the operator chose "
            "another).",
            "Answer 2xx as soon as the webhook is stored, and do the work afterwards.",
        ),
        Reason.DNS: Meaning(
            "The host name of the URL has no address.",
            "Mend the name's DNS, or the `url`.",
        ),
        Reason.CONNECTION: Meaning(
            "No connection was made, or it broke off before the whole answer was there.",
            "See that the receiver is up and its firewall lets us in; `detail` says what the "
            "network said.",
        ),
        Reason.TLS: Meaning(
            "The TLS handshake failed: an expired or self-signed certificate, one for another "
            "name, or a chain that lacks a part.",
            "Serve a valid certificate with its whole chain; `detail` says what is wrong with it.",
        ),
        Reason.BLOCKED_ADDRESS: Meaning(
            "The host name leads to an address that is not public: private, loopback, a cloud's "
            "own service. Nothing is sent there, and it is not tried again.",
            "Let the name lead to public addresses only. Whoever runs this service may exempt a "
            "destination of their own with `GRADEBELL_TRUSTED_DESTINATIONS`.",
        ),
        Reason.INVALID_URL: Meaning(
            "The URL cannot be called any more: the rules it must follow were made stricter after "
            "it was registered.",
            "Set another `url`; the refusal says what would do. Then resend.",
        ),
        Reason.GONE: Meaning(
            "The receiver answered 410: it wants no more. On Discord: the webhook, its channel or "
            "its thread was deleted. On Telegram: the chat is gone, or our bot was removed. The "
            "endpoint is disabled.",
            "If that was a mistake, mend the receiver, then `POST …/enable` and replay what is "
            "missing.",
        ),
        Reason.TOO_LARGE: Meaning(
            "The receiver answered 413: the body is larger than it takes. It is not tried again, "
            "for it will not be smaller.",
            "Let the receiver take larger bodies, then resend.",
        ),
        Reason.INTERRUPTED: Meaning(
            "Our worker was lost while this was on the wire, so that nobody knows whether it "
            "arrived.",
            "Nothing for a webhook: it is sent again with the same `webhook-id`. On channels that "
            "cannot tell repeats it ends `unknown`; look, and resend it if it is not there.",
        ),
        Reason.OTHER: Meaning(
            "Something came back that is no HTTP answer, or one with a status that does not exist.",
            "`detail` says what; see that the URL's port speaks HTTP.",
        ),
    }
)
_ENDS: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        EndReason.EXPIRED: Meaning(
            "It was tried, and the next try would have come after its time to live: what it says "
            "is old news by then.",
            "Mend what the attempts met, then resend it or replay the endpoint. A longer "
            "`time_to_live_seconds` keeps later ones alive longer.",
        ),
        EndReason.POISON: Meaning(
            "Three times in a row our worker was lost while sending just this: it is set aside, "
            "so that the rest goes on.",
            "Tell the operator, with the delivery's id; that is a fault of ours. Resend it once "
            "it is mended.",
        ),
    }
)
_SKIPS: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        SkipReason.MUTED: Meaning(
            "Its owner had muted this token or all news when it was due.",
            "Nothing, if that was meant; else unmute, and replay what is `missing`.",
        ),
        SkipReason.PAUSED: Meaning(
            "Its owner had paused the endpoint when it was due.",
            "`POST …/enable`, and replay what is `missing`.",
        ),
        SkipReason.DISABLED: Meaning(
            "We had disabled the endpoint when it was due.",
            "Mend the receiver, `POST …/enable`, and replay what is `missing`.",
        ),
        SkipReason.UNSUBSCRIBED: Meaning(
            "It was wanted when it happened, and no longer when it was due: the filter had "
            "changed.",
            "Nothing, if that was meant; else widen the filter, and replay what is `missing`.",
        ),
        SkipReason.EXPIRED: Meaning(
            "Its time to live ran out before it was tried once: the endpoint was held back, or it "
            "has more to take than its `rate_limit` lets through.",
            "Raise `rate_limit` or `time_to_live_seconds`, or narrow the filter; then replay what "
            "is `missing`.",
        ),
        SkipReason.SUPERSEDED: Meaning(
            "Something newer about the same token and kind came before it was sent, and the "
            "endpoint's `order` is `latest`, or it has a `cooldown_seconds`.",
            "Nothing: that is what they mean. With `order` `none` or `strict`, and no cooldown, "
            "all are sent.",
        ),
        SkipReason.UNTOLD: Meaning(
            "It corrects an event that this endpoint was never told.",
            "Nothing: there is nothing to correct. It goes along when what it corrects is resent.",
        ),
        SkipReason.REVERSED: Meaning(
            "It led back to what the endpoint knew: what had led away from it was superseded "
            "before it was told, or the endpoint's `cooldown_seconds` held this one.",
            "Nothing: what it was told holds. With `order` `none` or `strict`, and no cooldown, "
            "each change is told.",
        ),
    }
)
_WAITS: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        DeferredReason.QUIET_HOURS: Meaning(
            "It came within the chat's quiet hours, and is told when they end.",
            "Nothing: it is told with all else that came meanwhile.",
        ),
        DeferredReason.COOLDOWN: Meaning(
            "The endpoint was told of the same token and kind within its `cooldown_seconds`.",
            "Nothing: what holds when they are over is told then. A PATCH of `cooldown_seconds` "
            "lets go of it.",
        ),
    }
)
_DISABLED: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        DisableReason.GONE: Meaning(
            "The receiver answered 410: it wants no more. On Discord: the webhook, its channel or "
            "its thread was deleted. On Telegram: the account, the group or its topic was.",
            "If that was a mistake, mend the receiver, then `POST …/enable` and replay what is "
            "`missing`. A webhook deleted in Discord does not come back: make a new one there, "
            "and an endpoint for it.",
        ),
        DisableReason.UNAUTHORIZED: Meaning(
            "Discord does not take the webhook's token any more.",
            "Copy the webhook's URL from Discord again, and make an endpoint for it.",
        ),
        DisableReason.NO_PERMISSION: Meaning(
            "Our bot may not see the Discord channel, or not post in it; or the Telegram group, or "
            "its topic, lets it write nothing.",
            "In Discord, open Edit Channel, Permissions, and give the bot View Channel, Send "
            "Messages, Embed Links and Attach Files (in a thread Send Messages in Threads); then "
            "`POST …/enable`, or `/digest resume` in that channel. In Telegram, let the bot send "
            "messages, or open the topic again, and send `/start` there.",
        ),
        DisableReason.REMOVED: Meaning(
            "Our bot was removed from the Discord server, or from the Telegram group.",
            "Invite it again: what was set up there is kept, on Discord for 30 days, and goes on. "
            "On Telegram, send `/start` there.",
        ),
        DisableReason.BLOCKED: Meaning(
            "On Telegram, they have blocked our bot, or never started it.",
            "Open the chat with the bot and send `/start`: what was set up there is kept, and goes "
            "on.",
        ),
        DisableReason.FAILING: Meaning(
            "For 72 hours, and 20 attempts at least, it took less than 5 % of them. An "
            "`endpoint.failing` told the app's other webhooks half-way.",
            "Look at its failed deliveries, mend the receiver, send a test, then `POST …/enable` "
            "and replay.",
        ),
    }
)
_DECIDE: Final = (
    "`gradebell cycle show` has the rows that were left out. `gradebell cycle release` believes it "
    "after all, `gradebell cycle discard` drops it; the next one is judged by itself."
)
_HELD: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        HoldReason.EMPTY: Meaning(
            "The cycle is `complete`, and holds no token that could be read.",
            f"Nothing, if the source merely failed: all ratings stay. {_DECIDE}",
        ),
        HoldReason.NO_SCORES: Meaning(
            "It has tokens, and not one of them has a score.",
            f"Nothing, if the source merely failed: all ratings stay. {_DECIDE}",
        ),
        HoldReason.TOO_FEW_TOKENS: Meaning(
            f"The cycle is `complete`, and grades less than {GATE_SHARE_PERCENT} % of the tokens "
            "that the last one of its source and kind did.",
            f'Push some of the tokens with `"complete": false`. {_DECIDE}',
        ),
        HoldReason.FIELD_GONE: Meaning(
            "Not one of its rows has the field of the grade: upstream has renamed or dropped it.",
            f"Look at what upstream says, and at `GRADEBELL_TOKEN_METRICS_PROFILE`. {_DECIDE}",
        ),
    }
)
# Every reason there is, in the order of the page that lists them.
MEANINGS: Final[Mapping[type[StrEnum], Mapping[str, Meaning]]] = MappingProxyType(
    {
        Reason: _REASONS,
        DeferredReason: _WAITS,
        EndReason: _ENDS,
        SkipReason: _SKIPS,
        DisableReason: _DISABLED,
        HoldReason: _HELD,
    }
)


def meaning_of(state: State, reason: str) -> Meaning | None:
    """What a delivery's reason means in the state it is in; None for a word that is none of "
    "ours."""
    if state is State.SKIPPED:
        return _SKIPS.get(reason)
    return _REASONS.get(reason) or _WAITS.get(reason) or _ENDS.get(reason)
