"""The signing secrets of an endpoint that sign now: shown without their values, and ended early."""

from alerts.errors import Conflict, NotFound
from alerts.store.endpoints import find_endpoint
from alerts.store.engine import Store
from alerts.store.secrets import SecretRecord, end_secret, live_secrets


async def signing_now(endpoint_id: str, *, app_id: str | None, store: Store) -> list[SecretRecord]:
    """The secrets that sign what is sent from here on, the newest first. Raises NotFound."""
    async with store.read() as tx:
        if await find_endpoint(tx, endpoint_id, app_id=app_id) is None:
            raise NotFound("endpoint", endpoint_id)
        return await live_secrets(tx, [endpoint_id])


async def revoke(endpoint_id: str, secret_id: str, *, app_id: str | None, store: Store) -> None:
    """End an older secret before its overlap does; what is on its way is signed by it still.

    Raises NotFound, also for a secret that has ended, or Conflict for the newest one: an endpoint
    is never without, and a rotation without overlap replaces it at once.
    """
    async with store.write() as tx:
        if await find_endpoint(tx, endpoint_id, app_id=app_id, locked=True) is None:
            raise NotFound("endpoint", endpoint_id)
        live = {record.id: record for record in await live_secrets(tx, [endpoint_id])}
        if secret_id not in live:
            raise NotFound("secret", secret_id)
        if live[secret_id].expires_at is None:
            raise Conflict("this is the newest secret; rotate with overlap_seconds 0 instead")
        await end_secret(tx, secret_id)
