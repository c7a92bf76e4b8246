"""Vault: where an endpoint is reached, and what signs for it, out of what is stored encrypted."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from alerts.ports import Destination, SigningSecret
from alerts.store.cipher import Cipher
from alerts.store.endpoints import Recipient

_headers = msgspec.json.Decoder(tuple[tuple[str, str], ...])


class Vault:
    """Reads destinations; what it has decrypted it remembers, 4,096 secrets at most."""

    def __init__(self, cipher: Cipher) -> None:
        self._decrypt = lru_cache(maxsize=4096)(cipher.decrypt)

    def destination(self, endpoint: Recipient, secrets: Sequence[SigningSecret]) -> Destination:
        """An endpoint as a sender needs it."""
        quiet = endpoint.quiet_hours
        headers = () if endpoint.headers is None else self.headers(endpoint.headers)
        return Destination(
            endpoint_id=endpoint.id,
            channel=endpoint.channel,
            address=self._decrypt(endpoint.address).decode(),
            headers=headers,
            secrets=tuple(secrets),
            role=endpoint.role,
            quiet_hours="" if quiet is None else quiet.shown,
        )

    def headers(self, ciphertext: bytes) -> tuple[tuple[str, str], ...]:
        """An endpoint's own headers."""
        return _headers.decode(self._decrypt(ciphertext))

    def secret(self, secret_id: str, ciphertext: bytes) -> SigningSecret:
        """A signing secret, ready to sign."""
        return SigningSecret(secret_id, self._decrypt(ciphertext))
