"""The signing secrets of endpoints."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import (
    bindparam,
    insert,
    or_,
    select,
    update,
)

from alerts.domain.ids import SECRET
from alerts.ports import SigningSecret
from alerts.store.among import among, ids_called
from alerts.store.cipher import Cipher
from alerts.store.engine import Transaction
from alerts.store.tables import (
    endpoint_secrets,
)


@dataclass(frozen=True, slots=True)
class SecretRecord:
    """A signing secret. expires_at: None while it is the newest."""

    id: str
    endpoint_id: str
    secret: bytes
    created_at: datetime
    expires_at: datetime | None


async def add_secret(
    tx: Transaction, endpoint_id: str, secret: bytes, *, older_expire_at: datetime | None
) -> str:
    """Give an endpoint a new signing secret (ciphertext); older ones end at `older_expire_at`.

    Returns the new secret's id.
    """
    if older_expire_at is not None:
        columns = endpoint_secrets.c
        await tx.connection.execute(
            update(endpoint_secrets)
            .where(
                columns.endpoint_id == endpoint_id,
                or_(columns.expires_at.is_(None), columns.expires_at > older_expire_at),
            )
            .values(expires_at=older_expire_at)
        )
    secret_id = await tx.new_id(SECRET)
    row = {
        "id": secret_id,
        "endpoint_id": endpoint_id,
        "secret": secret,
        "created_at": await tx.now(),
    }
    await tx.connection.execute(insert(endpoint_secrets), [row])
    return secret_id


async def end_secret(tx: Transaction, secret_id: str) -> None:
    """Let a secret sign nothing from now on."""
    await tx.connection.execute(
        update(endpoint_secrets)
        .where(endpoint_secrets.c.id == secret_id)
        .values(expires_at=await tx.now())
    )


async def live_secrets(tx: Transaction, endpoint_ids: Sequence[str]) -> list[SecretRecord]:
    """The secrets that sign now, newest first within an endpoint."""
    given = {"endpoints": endpoint_ids, "now": await tx.now()}
    return [SecretRecord(*row) for row in await tx.connection.execute(_LIVE, given)]


_LIVE: Final = (
    select(endpoint_secrets)
    .where(
        among(endpoint_secrets.c.endpoint_id, ids_called("endpoints")),
        or_(
            endpoint_secrets.c.expires_at.is_(None),
            endpoint_secrets.c.expires_at
            > bindparam("now", type_=endpoint_secrets.c.expires_at.type),
        ),
    )
    .order_by(endpoint_secrets.c.endpoint_id, endpoint_secrets.c.id.desc())
)


def signing_secrets(cipher: Cipher, records: Iterable[SecretRecord]) -> tuple[SigningSecret, ...]:
    """Secrets ready to sign with."""
    return tuple(SigningSecret(record.id, cipher.decrypt(record.secret)) for record in records)
