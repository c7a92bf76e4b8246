"""Alive, and ready."""

from typing import Literal

from pydantic import ConfigDict, Field

from alerts.api.schemas.base import Answer


class Health(Answer):
    """This process answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok"]


class Readiness(Answer):
    """What this process needs is there."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"database": "ok", "redis": None}]})

    database: Literal["ok"]
    redis: Literal["ok"] | None = Field(description="null where none is set.")
