"""Signing secrets, as far as they are shown."""

from typing import Any, Final, Self

from pydantic import ConfigDict, Field

from alerts.api.schemas.base import Answer, Time
from alerts.store.secrets import SecretRecord

_NEWEST: Final[dict[str, Any]] = {
    "id": "sec_01kahfzv5p0q2w4e6r8t1y3u5a",
    "created_at": "2026-11-20T00:04:07.260000Z",
    "expires_at": None,
}
_OLDER: Final[dict[str, Any]] = {
    "id": "sec_01k9vt2m8h3n5p7r9t1w3y5a7c",
    "created_at": "2026-11-11T08:15:00.120000Z",
    "expires_at": "2026-11-21T00:04:07.260000Z",
}


class Secret(Answer):
    """A secret that signs now. Its value was shown when it was made."""

    model_config = ConfigDict(json_schema_extra={"examples": [_NEWEST]})

    id: str = Field(description="As the `secret_ids` of an attempt name it.")
    created_at: Time
    expires_at: Time | None = Field(description="When it stops signing; null is the newest one.")

    @classmethod
    def of(cls, record: SecretRecord) -> Self:
        """From the store's."""
        return cls(id=record.id, created_at=record.created_at, expires_at=record.expires_at)


class Secrets(Answer):
    """All secrets that sign now, newest first; there is no second page."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"data": [_NEWEST, _OLDER], "next": None}]}
    )

    data: list[Secret]
    next: None = None
