"""Apps and their keys."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from alerts.api.schemas.base import EXAMPLE_APP, Answer, Body, Line, Time
from alerts.domain.grades import source_name
from alerts.errors import InvalidInput
from alerts.pipeline.access import Scope
from alerts.store.apps import AppRecord, KeyRecord

_KEY: dict[str, Any] = {
    "id": "key_01kahfyg7s9d1f3g5h7j9k2m4n",
    "app_id": EXAMPLE_APP,
    "hint": "c41f",
    "description": "ci",
    "scopes": ["read", "write"],
    "sources": [],
    "created_at": "2026-11-19T14:00:00Z",
    "last_used_at": "2026-11-20T00:04:00Z",
    "revoked_at": None,
}


def _source(name: str) -> str:
    try:
        return source_name(name)
    except InvalidInput as error:
        raise PydanticCustomError("source", "{problem}", {"problem": error.problem}) from None


SourceText = Annotated[str, AfterValidator(_source)]


class NewApp(Body):
    """A tenant."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "portfolio"}]})

    name: Line = Field(min_length=1, max_length=120, description="Unique.")


class App(Answer):
    """A tenant: it owns keys and endpoints."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id": EXAMPLE_APP, "name": "portfolio", "created_at": "2026-11-19T13:59:12Z"}
            ]
        }
    )

    id: str
    name: str
    created_at: Time | None = Field(description="null of `house`, which is built in.")

    @classmethod
    def of(cls, record: AppRecord) -> Self:
        """From the store's."""
        return cls(id=record.id, name=record.name, created_at=record.created_at)


class Apps(Answer):
    """A page of apps, newest first."""

    data: list[App]
    next: str | None


class NewKey(Body):
    """A key for an app."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"app_id": EXAMPLE_APP, "scopes": ["read", "write"], "description": "ci"}]
        }
    )

    app_id: Line = Field(max_length=64)
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)]
    sources: Annotated[list[SourceText], Field(max_length=50)] = Field(
        default_factory=list, description="What an `ingest` key may push to; of one only."
    )
    description: Line = Field(default="", max_length=200)


class Key(Answer):
    """A key as it is listed: without its text."""

    model_config = ConfigDict(json_schema_extra={"examples": [_KEY]})

    id: str
    app_id: str
    hint: str = Field(description="Its last characters.")
    description: str
    scopes: list[Scope]
    sources: list[str]
    created_at: Time
    last_used_at: Time | None = Field(description="To the minute.")
    revoked_at: Time | None

    @classmethod
    def of(cls, record: KeyRecord) -> Self:
        """From the store's."""
        return cls(
            id=record.id,
            app_id=record.app_id,
            hint=record.hint,
            description=record.description,
            scopes=[Scope(scope) for scope in record.scopes],
            sources=list(record.sources),
            created_at=record.created_at,
            last_used_at=record.last_used_at,
            revoked_at=record.revoked_at,
        )


class MadeKey(Key):
    """A new key with its text, which is not shown again."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _KEY
                | {
                    "last_used_at": None,
                    "key": "gb_5b0f1f0a9c3d4e7f8a1b2c3d4e5f60718293a4b5c6d7c41f",
                }
            ]
        }
    )

    key: str = Field(default="", description="Present it as `Authorization: Bearer`.")

    @classmethod
    def of_made(cls, made: tuple[KeyRecord, str]) -> Self:
        """From a new key and its text."""
        record, text = made
        return cls(**Key.of(record).model_dump(), key=text)


class Keys(Answer):
    """A page of keys, newest first, revoked ones too."""

    data: list[Key]
    next: str | None
