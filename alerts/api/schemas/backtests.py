"""What an endpoint would have been sent, and an endpoint that is only thought of."""

import re
from dataclasses import replace
from datetime import time, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from alerts.api.schemas.base import EXAMPLE_EVENT, Answer, Body, Time
from alerts.api.schemas.endpoints import Cooldown, Lifetime, Rate
from alerts.api.schemas.filters import NewFilter, TimeZone
from alerts.domain.deliveries import Channel, DeferredReason, Order
from alerts.domain.grades import TokenId
from alerts.domain.quiet import QuietHours
from alerts.errors import InvalidInput
from alerts.pipeline.backtest import Supposed, supposed

_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def _minute(value: object) -> object:
    if not _CLOCK.fullmatch(str(value)):
        raise PydanticCustomError(
            "time", "{problem}", {"problem": "must be written HH:MM, such as 22:00"}
        )
    return time.fromisoformat(str(value))


Minute = Annotated[
    time, BeforeValidator(_minute), WithJsonSchema({"type": "string", "pattern": r"^\d\d:\d\d$"})
]


class NewQuietHours(Body):
    """From one time of the clock to another, over midnight where that is earlier; HH:MM."""

    starts: Minute
    ends: Minute


class NewBacktest(Body):
    """An endpoint that need not exist; what is left out is as its channel has it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "channel": "telegram",
                    "filter": {"types": ["grade.upgraded", "grade.downgraded"], "min_notches": 2},
                    "cooldown_seconds": 21600,
                    "time_zone": "Europe/Berlin",
                    "quiet_hours": {"starts": "22:00", "ends": "07:00"},
                }
            ]
        }
    )

    channel: Literal[Channel.WEBHOOK, Channel.DISCORD, Channel.TELEGRAM]
    filter: NewFilter = NewFilter()
    rate_limit: Rate | None = Field(default=None, description="Sends per second.")
    order: Order | None = None
    time_to_live_seconds: Lifetime | None = None
    cooldown_seconds: Cooldown | None = Field(default=None, description="null tells each change.")
    time_zone: TimeZone | None = Field(default=None, description="An IANA name.")
    quiet_hours: NewQuietHours | None = Field(
        default=None, description="On `telegram`, of a day in `time_zone`."
    )

    def supposed(self, tokens: tuple[TokenId, ...] | None) -> Supposed:
        """The endpoint that it would be. tokens: the filter's, resolved. Raises InvalidInput."""
        hours, life = self.quiet_hours, self.time_to_live_seconds
        if hours is not None and self.channel is not Channel.TELEGRAM:
            raise InvalidInput("quiet_hours", "are for telegram: elsewhere nobody is woken")
        if hours is not None and self.time_zone is None:
            raise InvalidInput("time_zone", "is required: quiet hours go by it")
        if hours is not None and hours.starts == hours.ends:
            raise InvalidInput("quiet_hours", "must end at another time than they begin")
        return supposed(
            self.channel,
            replace(self.filter.wanted(), tokens=tokens),
            order=self.order,
            rate_limit=self.rate_limit,
            time_to_live=None if life is None else timedelta(seconds=life),
            cooldown_seconds=self.cooldown_seconds,
            time_zone=self.time_zone,
            quiet_hours=None if hours is None else QuietHours(hours.starts, hours.ends),
        )


class BacktestMessage(Answer):
    """One message that would have been sent."""

    at: Time
    events: list[str] = Field(description="What it tells, by id; the oldest first.")
    deferred_reason: DeferredReason | None = Field(description="Why it would have waited.")
    message: dict[str, Any] = Field(
        description="The webhook's body, or what Discord or Telegram would be sent."
    )


class BacktestAnswer(Answer):
    """A page of what would have been sent, newest first, and what all of it comes to."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "since": "2026-08-24T14:00:00Z",
                    "until": "2026-11-22T14:00:00Z",
                    "events": 48211,
                    "matched": 14,
                    "messages": 11,
                    "ended": {"superseded": 2},
                    "waiting": 0,
                    "data": [
                        {
                            "at": "2026-11-20T06:00:00Z",
                            "events": [EXAMPLE_EVENT],
                            "deferred_reason": "quiet_hours",
                            "message": {"text": "<b>While you were away…</b>"},
                        }
                    ],
                    "next": None,
                }
            ]
        }
    )

    since: Time
    until: Time
    events: int = Field(description="That were recorded in this time.")
    matched: int = Field(description="Of them and of what rules tell, and corrections.")
    messages: int = Field(description="That would have been sent.")
    ended: dict[str, int] = Field(description="Matched and never told, by the reason.")
    waiting: int = Field(description="Matched, and would still wait.")
    data: list[BacktestMessage]
    next: str | None
