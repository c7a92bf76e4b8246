"""`gradebell app …` and `gradebell key …`: tenants, and the keys they call the API with."""

from dataclasses import asdict
from typing import Annotated, Final

import typer

from alerts.bootstrap import Services
from alerts.cli.frame import (
    HOUSE,
    AppOption,
    BeforeOption,
    JsonOption,
    LimitOption,
    app_id_of,
    command,
    group,
    run,
)
from alerts.cli.show import rows, said
from alerts.pipeline.access import Scope, create_app, create_key, end_key, remove_app
from alerts.store.apps import list_apps, list_keys

apps: Final = group("Tenants: each has keys and endpoints of its own.")
keys: Final = group("Keys of the API: what an app calls it with.")


@command(apps, "create", example="gradebell app create 'Price watchers'")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME")], *, as_json: JsonOption = False
) -> None:
    """Make an app."""

    async def work(services: Services) -> None:
        record = await create_app(name, store=services.store)
        said(f"{record.id} is the app {record.name!r}.", asdict(record), as_json=as_json)

    run(work)


@command(apps, "list", example="gradebell app list --json")
def list_(
    *, before: BeforeOption = None, limit: LimitOption = 50, as_json: JsonOption = False
) -> None:
    """List apps; `house`, the operator's own, is one of them."""

    async def work(services: Services) -> None:
        async with services.store.read() as tx:
            found = await list_apps(tx, before=before, limit=limit)
        shown = [asdict(record) for record in found]
        if not as_json:
            shown = [{**app, "created_at": app["created_at"] or "built in"} for app in shown]
        columns = ("id", "name", "created_at")
        rows(shown, as_json=as_json, columns=columns, empty="There is no app.")

    run(work)


@command(apps, "delete", example="gradebell app delete app_01kahfye2r4t6y8w0q1s3d5f7g")
def delete(
    app: Annotated[str, typer.Argument(metavar="ID")], *, as_json: JsonOption = False
) -> None:
    """Delete an app with its keys and endpoints, and their log."""

    async def work(services: Services) -> None:
        await remove_app(await app_id_of(services, app), store=services.store)
        said(f"{app} is deleted.", {"id": app, "deleted": True}, as_json=as_json)

    run(work)


@command(keys, "create", example="gradebell key create --scope read --description dashboard")
def create_one(
    *,
    scope: Annotated[list[Scope], typer.Option(help="What it may do; give several.")],
    source: Annotated[
        list[str] | None, typer.Option(help="What a key with `ingest` may push to.")
    ] = None,
    description: Annotated[str, typer.Option(help="Whose it is, for you to read.")] = "",
    app: AppOption = HOUSE,
    as_json: JsonOption = False,
) -> None:
    """Make a key of an app; it is shown this once."""

    async def work(services: Services) -> None:
        record, text = await create_key(
            await app_id_of(services, app),
            scopes=scope,
            sources=source or [],
            description=description,
            store=services.store,
            fresh_secret=services.desk.fresh_secret,
        )
        line = f"{record.id} is made. The key, shown this once:\n{text}"
        said(line, asdict(record) | {"key": text}, as_json=as_json)

    run(work)


@command(keys, "list", example="gradebell key list --app house")
def list_some(
    *,
    app: AppOption = HOUSE,
    before: BeforeOption = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
) -> None:
    """List an app's keys by their last characters, revoked ones too."""

    async def work(services: Services) -> None:
        app_id = await app_id_of(services, app)
        async with services.store.read() as tx:
            found = await list_keys(tx, app_id=app_id, before=before, limit=limit)
        rows(
            [asdict(record) for record in found],
            as_json=as_json,
            columns=("id", "hint", "scopes", "sources", "last_used_at", "revoked_at"),
            empty="There is no key.",
        )

    run(work)


@command(keys, "revoke", example="gradebell key revoke key_01kahfye2r4t6y8w0q1s3d5f7g")
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID")], *, as_json: JsonOption = False
) -> None:
    """End a key, at once and for good."""

    async def work(services: Services) -> None:
        await end_key(key, store=services.store)
        said(f"{key} is revoked.", {"id": key, "revoked": True}, as_json=as_json)

    run(work)
