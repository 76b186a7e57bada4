"""Makes codes that people pass on by hand, and what stands in their place where something is written down."""

import hashlib
import hmac
import secrets

CODE_BYTES = 20
"""160 bits: a plain hash of it can be stored, since nobody can try them all (ASVS 5.0, 6.5.2)."""


def new_code() -> str:
    """Draw a code of 27 characters that stand in a URL as they are."""
    return secrets.token_urlsafe(CODE_BYTES)


def code_digest(code: str) -> bytes:
    """Give the form in which a code is stored: 32 bytes."""
    return hashlib.sha256(code.encode("utf-8", "replace")).digest()


class Blind:
    """Writes names so that equal ones can be told, and none can be read or guessed without the key.

    People type passwords into the field of the name; whatever stands there is not written down.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, name: str) -> str:
        """Give what stands for a name: 32 hexadecimal digits."""
        return hmac.digest(self._key, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()[:32]
