"""Secrets at rest: encrypted with the first key, readable with any, hashed for look-up."""

import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from alerts.errors import SettingsInvalid, Undecryptable


class Cipher:
    """Encrypts small secrets. keys: Fernet keys (44 characters), the first one encrypts."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            fernets = [Fernet(key) for key in keys]
            self._fernet = MultiFernet(fernets)
        except ValueError:
            problem = (
                "GRADEBELL_ENCRYPTION_KEYS must be one or more Fernet keys, separated by commas; "
                "`gradebell up` writes one to .env"
            )
            raise SettingsInvalid(problem) from None

    def encrypt(self, secret: bytes) -> bytes:
        """Ciphertext, different every time."""
        return self._fernet.encrypt(secret)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The secret. Raises Undecryptable when no key made this ciphertext."""
        try:
            return self._fernet.decrypt(ciphertext)
        except InvalidToken:
            problem = "a stored secret was made with a key not in GRADEBELL_ENCRYPTION_KEYS"
            raise Undecryptable(problem) from None


def new_encryption_key() -> str:
    """A fresh key for GRADEBELL_ENCRYPTION_KEYS."""
    return Fernet.generate_key().decode()


def keyed_hash(key: bytes, text: str) -> str:
    """A look-up hash of an address, of no use without the key. 64 hexadecimal digits."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
