"""An endpoint that a chat is still to become, by opening a link."""

from typing import Literal, Self

from pydantic import ConfigDict, Field

from alerts.api.schemas.base import Answer, Time
from alerts.domain.deliveries import Channel
from alerts.pipeline.chats import Link


class AwaitedEndpoint(Answer):
    """A link. The endpoint is there, and listed, once somebody has opened it in Telegram."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "channel": "telegram",
                    "state": "awaiting",
                    "link": "https://t.me/gradebell_bot?start=app-Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4",
                    "expires_at": "2026-11-19T14:12:11Z",
                }
            ]
        }
    )

    channel: Literal[Channel.TELEGRAM]
    state: Literal["awaiting"]
    link: str = Field(description="For whoever is to be told. It works once.")
    expires_at: Time

    @classmethod
    def of(cls, link: Link) -> Self:
        """From the pipeline's."""
        return cls(
            channel=Channel.TELEGRAM, state="awaiting", link=link.url, expires_at=link.expires_at
        )
