"""The signing secrets of an endpoint: which sign now, and an end to one that must not."""

from fastapi import APIRouter

from alerts.api.deps import Bell, Reader, Writer
from alerts.api.docs import refuses
from alerts.api.schemas.secrets import Secret, Secrets
from alerts.pipeline import secrets

router = APIRouter(prefix="/v1/endpoints/{endpoint_id}/secrets", tags=["Endpoints"])


@router.get("", responses=refuses(404))
async def show_secrets(endpoint_id: str, principal: Reader, services: Bell) -> Secrets:
    """List the secrets that sign now, without their values.

    An attempt's `secret_ids` say which of them signed it.
    """
    live = await secrets.signing_now(endpoint_id, app_id=principal.reach, store=services.store)
    return Secrets(data=[Secret.of(record) for record in live])


@router.delete("/{secret_id}", status_code=204, responses=refuses(404, 409))
async def revoke_secret(
    endpoint_id: str, secret_id: str, *, principal: Writer, services: Bell
) -> None:
    """Revoke an older secret now, before its overlap ends.

    The newest one is replaced, not revoked: `POST …/rotate-secret` with `overlap_seconds` 0.
    """
    await secrets.revoke(endpoint_id, secret_id, app_id=principal.reach, store=services.store)
