"""Apps and their keys: the operator's."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from alerts.api.bodies import json_body, takes
from alerts.api.deps import Admin, Bell, Paging
from alerts.api.docs import refuses
from alerts.api.idempotency import Onced
from alerts.api.schemas.access import App, Apps, Key, Keys, MadeKey, NewApp, NewKey
from alerts.errors import NotFound
from alerts.pipeline import access
from alerts.store.apps import find_app, find_key, list_apps, list_keys

router = APIRouter(prefix="/v1", tags=["Access"])


class KeyQuery(Paging):
    """Whose keys."""

    app_id: str | None = Field(default=None, max_length=64)


@router.post(
    "/apps", status_code=201, openapi_extra=takes(NewApp), responses=refuses(400, 409, 413, 422)
)
async def create_app(
    *,
    _principal: Admin,
    services: Bell,
    once: Onced,
    body: Annotated[NewApp, Depends(json_body(NewApp))],
) -> App:
    """Create an app: a tenant with endpoints and keys of its own."""
    keep = once.keep(App.of, 201)
    return App.of(await access.create_app(body.name, store=services.store, keep=keep))


@router.get("/apps", response_model=Apps, responses=refuses(422))
async def show_apps(
    _principal: Admin, services: Bell, query: Annotated[Paging, Query()]
) -> dict[str, Any]:
    """List apps."""
    async with services.store.read() as tx:
        records = await list_apps(tx, before=query.before_id, limit=query.and_one)
    return query.page(records, App.of, lambda record: [record.id])


@router.get("/apps/{app_id}", responses=refuses(404))
async def show_app(app_id: str, _principal: Admin, services: Bell) -> App:
    """Show one app."""
    async with services.store.read() as tx:
        record = await find_app(tx, app_id)
    if record is None:
        raise NotFound("app", app_id)
    return App.of(record)


@router.delete("/apps/{app_id}", status_code=204, responses=refuses(404, 409))
async def delete_app(app_id: str, _principal: Admin, services: Bell) -> None:
    """Delete an app with its keys, its endpoints and their log."""
    await access.remove_app(app_id, store=services.store)


@router.post(
    "/keys", status_code=201, openapi_extra=takes(NewKey), responses=refuses(400, 404, 413, 422)
)
async def create_key(
    *,
    _principal: Admin,
    services: Bell,
    once: Onced,
    body: Annotated[NewKey, Depends(json_body(NewKey))],
) -> MadeKey:
    """Create a key; the answer holds its text, this once."""
    made = await access.create_key(
        body.app_id,
        scopes=body.scopes,
        sources=body.sources,
        description=body.description,
        store=services.store,
        fresh_secret=services.desk.fresh_secret,
        keep=once.keep(MadeKey.of_made, 201),
    )
    return MadeKey.of_made(made)


@router.get("/keys", response_model=Keys, responses=refuses(422))
async def show_keys(
    _principal: Admin, services: Bell, query: Annotated[KeyQuery, Query()]
) -> dict[str, Any]:
    """List keys, without their text."""
    async with services.store.read() as tx:
        records = await list_keys(
            tx, app_id=query.app_id, before=query.before_id, limit=query.and_one
        )
    return query.page(records, Key.of, lambda record: [record.id])


@router.get("/keys/{key_id}", responses=refuses(404))
async def show_key(key_id: str, _principal: Admin, services: Bell) -> Key:
    """Show one key, without its text."""
    async with services.store.read() as tx:
        record = await find_key(tx, key_id)
    if record is None:
        raise NotFound("key", key_id)
    return Key.of(record)


@router.delete("/keys/{key_id}", status_code=204, responses=refuses(404, 409))
async def revoke_key(key_id: str, _principal: Admin, services: Bell) -> None:
    """Revoke a key, from now on."""
    await access.end_key(key_id, store=services.store)
