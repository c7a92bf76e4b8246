"""The signing secrets of an endpoint: made anew, shown without their values, and ended early."""

from datetime import timedelta
from typing import Final

from alerts.domain.deliveries import Channel
from alerts.errors import Conflict, InvalidInput, NotFound
from alerts.pipeline.endpoints import SECRET_BYTES, Desk
from alerts.store.answers import Keep, keep_nothing
from alerts.store.endpoints import find_endpoint
from alerts.store.engine import Store
from alerts.store.secrets import SecretRecord, add_secret, end_secret, live_secrets

LONGEST_OVERLAP: Final = timedelta(days=7)
# Each one's signature is 47 bytes of a header, and servers take 8 KiB of them.
MOST_SECRETS: Final = 10


async def rotate_secret(
    endpoint_id: str,
    overlap: timedelta,
    *,
    app_id: str | None,
    desk: Desk,
    keep: Keep[bytes] = keep_nothing,
) -> bytes:
    """A new signing secret; the old ones go on signing beside it for `overlap` (0 to 7 days).

    Raises NotFound, InvalidInput, or Conflict where MOST_SECRETS would go on signing.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise InvalidInput("overlap_seconds", "must be from 0 to 604800 (7 days)")
    secret = desk.fresh_secret(SECRET_BYTES)
    async with desk.store.write() as tx:
        endpoint = await find_endpoint(tx, endpoint_id, app_id=app_id, locked=True)
        if endpoint is None:
            raise NotFound("endpoint", endpoint_id)
        if endpoint.channel is not Channel.WEBHOOK:
            raise Conflict("only webhook endpoints have a signing secret")
        if overlap and len(await live_secrets(tx, [endpoint_id])) >= MOST_SECRETS:
            problem = f"{MOST_SECRETS} secrets sign here; revoke one, or rotate without overlap"
            raise Conflict(problem, field="overlap_seconds")
        sealed = desk.store.cipher.encrypt(secret)
        await add_secret(tx, endpoint_id, sealed, older_expire_at=await tx.now() + overlap)
        await keep(tx, secret)
    return secret


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
