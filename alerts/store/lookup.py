"""The key that addresses are hashed with, so that one can be found without being read."""

from typing import Final

from sqlalchemy import select

from alerts.store.cipher import Cipher
from alerts.store.engine import Transaction, insert_into
from alerts.store.tables import keyring

_LOOKUP_KEY: Final = "address_lookup"


async def ensure_lookup_key(tx: Transaction, cipher: Cipher, fresh: bytes) -> bytes:
    """The key that addresses are hashed with; `fresh` becomes it when there is none yet."""
    query = select(keyring.c.secret).where(keyring.c.name == _LOOKUP_KEY)
    stored = (await tx.connection.execute(query)).scalar_one_or_none()
    if stored is not None:
        return cipher.decrypt(stored)
    statement = insert_into(tx, keyring).values(name=_LOOKUP_KEY, secret=cipher.encrypt(fresh))
    await tx.connection.execute(statement.on_conflict_do_nothing())
    stored = (await tx.connection.execute(query)).scalar_one()
    return cipher.decrypt(stored)
