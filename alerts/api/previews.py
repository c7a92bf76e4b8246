"""What an endpoint's next digest would be, in the very words that it would be sent."""

from typing import Any, Final, Self

import msgspec
from pydantic import ConfigDict, Field

from alerts.api.schemas.base import EXAMPLE_EVENT, Answer, Time
from alerts.bootstrap import Services
from alerts.channels.telegram import compose
from alerts.channels.telegram_messages import render
from alerts.domain.deliveries import Channel, EndpointState
from alerts.domain.quotas import Quota
from alerts.errors import NotFound, RateLimited
from alerts.pipeline.digest import Week
from alerts.ports import Letter
from alerts.store.endpoints import find_endpoint

# Of one app: each reads the events of a week, and how all tokens stand.
PREVIEWS: Final = Quota(burst=10, per_second=0.2)


class Preview(Answer):
    """A digest before its time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "next_at": "2026-11-23T08:00:00Z",
                    "period": "2026-W48",
                    "is_sent": True,
                    "event": {"id": EXAMPLE_EVENT, "type": "digest.weekly"},
                    "message": {
                        "embeds": [{"title": "Weekly grades", "description": "12 upgrades…"}],
                        "allowed_mentions": {"parse": []},
                    },
                }
            ]
        }
    )

    next_at: Time = Field(description="When it is due; what happens until then is in it, too.")
    period: str = Field(description="The local ISO week that it is of.")
    is_sent: bool = Field(
        description="false for a week without changes, where `when_empty` is `skip`, and while "
        "the endpoint is paused or disabled."
    )
    event: dict[str, Any] = Field(description="The `digest.weekly`, as a webhook would be sent it.")
    message: dict[str, Any] | None = Field(
        description="The message that would be posted; null of a webhook."
    )

    @classmethod
    def of(
        cls, week: Week, body: bytes, message: dict[str, Any] | None, *, is_active: bool
    ) -> Self:
        """From what was summed up. body: of the event. is_active: whether its endpoint is."""
        return cls(
            next_at=week.window.ends_at,
            period=week.window.period,
            is_sent=week.is_told and is_active,
            event=msgspec.json.decode(body),
            message=message,
        )


async def preview(endpoint_id: str, *, app_id: str | None, services: Services) -> Preview:
    """The next digest of an endpoint as things stand. app_id: None for the operator.

    Raises NotFound, Conflict for an endpoint that has no digest, or RateLimited.
    """
    if app_id is not None:
        found = await services.limiter.ask(f"previews:{app_id}", PREVIEWS)
        if not found.is_allowed:
            problem = f"an app may ask for {PREVIEWS.burst} previews at once, and one in 5 seconds"
            raise RateLimited(problem, retry_after_seconds=found.retry_after_seconds)
    week, body = await services.digest_run().preview(endpoint_id, app_id=app_id)
    async with services.store.read() as tx:
        endpoint = await find_endpoint(tx, endpoint_id, app_id=app_id)
    if endpoint is None:
        raise NotFound("endpoint", endpoint_id)
    message = None
    if endpoint.channel is Channel.DISCORD:
        message = dict((await services.discord.compose([body], role=endpoint.role)).payload)
    elif endpoint.channel is Channel.TELEGRAM:
        message = compose(render([Letter("", "", body)]))
    is_active = endpoint.state is EndpointState.ACTIVE
    return Preview.of(week, body, message, is_active=is_active)
