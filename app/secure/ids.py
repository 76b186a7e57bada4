"""Makes ids and opaque tokens: the one place that draws chance for them."""

import base64
import hashlib
import hmac
import secrets

from ulid import ULID


def new_id(prefix: str) -> str:
    """Make an id of the kind that `prefix` names: the prefix, `_` and a ULID."""
    return f"{prefix}_{ULID()}"


class RefreshTokens:
    """Makes refresh tokens: opaque, 256 bits, kept by the server only as SHA-256 (ASVS 5.0, 7.2.3).

    The successor of a token is computed from it with a key that only the server has, so two tabs that present the
    same token at the same moment are handed the same successor without its being stored anywhere (RFC 9700, 4.14.2).
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def first(self) -> str:
        """Draw the first token of a family."""
        return secrets.token_urlsafe(32)

    def successor(self, token: str) -> str:
        """Compute the one successor of a token."""
        digest = hmac.digest(self._key, token.encode(), hashlib.sha256)
        return _base64url(digest)

    def digest(self, token: str) -> bytes:
        """Give the form in which a token is stored: 32 bytes."""
        return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
