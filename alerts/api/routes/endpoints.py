"""Endpoints: made, shown, changed and deleted."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from alerts.api.bodies import json_body, takes
from alerts.api.changes import Merge, wish_of, with_digest_tokens
from alerts.api.deps import Bell, Paging, Reader, Writer
from alerts.api.docs import refuses
from alerts.api.idempotency import Onced
from alerts.api.schemas.awaited import AwaitedEndpoint
from alerts.api.schemas.endpoints import (
    Endpoint,
    EndpointChange,
    Endpoints,
    MadeEndpoint,
    NewEndpoint,
)
from alerts.api.views import json_page, view_endpoint, view_endpoints, view_new
from alerts.channels.signing import format_secret
from alerts.domain.deliveries import Channel
from alerts.errors import InvalidInput, NotFound
from alerts.pipeline import endpoints as desk
from alerts.pipeline.chats import ask_for_chat
from alerts.pipeline.endpoints import Made
from alerts.store.endpoints import EndpointRecord, find_endpoint, list_endpoints

router = APIRouter(prefix="/v1/endpoints", tags=["Endpoints"])


@router.post(
    "",
    status_code=201,
    openapi_extra=takes(NewEndpoint),
    responses=refuses(400, 404, 409, 413, 422),
)
async def create_endpoint(
    *,
    principal: Writer,
    services: Bell,
    once: Onced,
    body: Annotated[NewEndpoint, Depends(json_body(NewEndpoint))],
) -> MadeEndpoint | AwaitedEndpoint:
    """Create an endpoint; of a webhook the answer holds its signing secret, this once.

    It is told of changes from now on. A token may be named before it was ever seen, by its id. A
    symbol that several tokens bear is refused with those it could mean. On `telegram` the answer is
    a link, and the chat that opens it becomes the endpoint.
    """
    wish = await wish_of(body, services.store)
    app_id = principal.app_id
    if body.channel is Channel.TELEGRAM:
        if body.url is not None:
            raise InvalidInput("url", "is not for telegram: whoever opens the link is told")
        link = await ask_for_chat(
            app_id, wish, desk=services.desk, keep=once.keep(AwaitedEndpoint.of, 201)
        )
        return AwaitedEndpoint.of(link)
    if body.url is None:
        raise InvalidInput("url", f"is required for a {body.channel.value} endpoint")
    if body.channel is Channel.DISCORD:

        def view_silent(made: EndpointRecord) -> MadeEndpoint:
            return MadeEndpoint(**view_new(services, made).model_dump())

        address = await services.desk.vet_discord(body.url)
        return view_silent(
            await desk.create_discord(
                app_id, address, wish, desk=services.desk, keep=once.keep(view_silent, 201)
            )
        )

    def view(made: Made) -> MadeEndpoint:
        plain = view_new(services, made.endpoint).model_dump()
        return MadeEndpoint(**plain, secret=format_secret(made.secret))

    return view(
        await desk.create_webhook(
            app_id, body.url, wish, desk=services.desk, keep=once.keep(view, 201)
        )
    )


@router.get("", response_model=Endpoints, responses=refuses(422))
async def show_endpoints(
    principal: Reader, services: Bell, query: Annotated[Paging, Query()]
) -> Response:
    """List your app's endpoints."""
    async with services.store.read() as tx:
        records = await list_endpoints(
            tx, app_id=principal.reach, before=query.before_id, limit=query.and_one
        )
    views = {view.id: view for view in await view_endpoints(services, records)}
    page = query.page(records, lambda record: views[record.id], lambda record: [record.id])
    return await json_page(page["data"], page["next"])


@router.get("/{endpoint_id}", responses=refuses(404))
async def show_endpoint(endpoint_id: str, principal: Reader, services: Bell) -> Endpoint:
    """Show one endpoint."""
    async with services.store.read() as tx:
        record = await find_endpoint(tx, endpoint_id, app_id=principal.reach)
    if record is None:
        raise NotFound("endpoint", endpoint_id)
    return await view_endpoint(services, record)


@router.patch(
    "/{endpoint_id}",
    openapi_extra=takes(EndpointChange),
    responses=refuses(400, 404, 409, 413, 422),
)
async def change_endpoint(
    endpoint_id: str,
    *,
    principal: Writer,
    services: Bell,
    body: Annotated[EndpointChange, Depends(json_body(EndpointChange))],
) -> Endpoint:
    """Change an endpoint; what is left out stays, in `filter`, `digest` and `headers` too.

    What a filter newly asks for starts at the present event. A new URL is sent to at once, however
    long the old one asked to be left alone.
    """
    change = await with_digest_tokens(body, services.store)
    merge = Merge(change, services.desk, services.rules.vault)
    record = await desk.change_endpoint(
        endpoint_id,
        merge,
        app_id=principal.reach,
        desk=services.desk,
        tokens=merge.tokens,
        url=body.url if "url" in body.model_fields_set else None,
    )
    return await view_endpoint(services, record)


@router.delete("/{endpoint_id}", status_code=204, responses=refuses(404))
async def delete_endpoint(endpoint_id: str, principal: Writer, services: Bell) -> None:
    """Delete an endpoint, its deliveries and their log."""
    await desk.remove(endpoint_id, app_id=principal.reach, desk=services.desk)
