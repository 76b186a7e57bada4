"""Signs and verifies access tokens (RFC 9068). What the claims must say is decided in `core.claims`."""

import re
from dataclasses import dataclass
from typing import Any

import jwt

from app.core.claims import Claims, claims_from, payload_from
from app.core.errors import Unauthenticated
from app.core.times import Clock
from app.secure.keys import KeyRing

TYPE = "at+jwt"
MAX_TOKEN_CHARS = 4096
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
UNCHECKED = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
"""The library verifies signatures; what the claims must say is decided here."""


def require_compact(token: str) -> None:
    """Raise `Unauthenticated` for what is not a token in its one compact spelling, or is too long for one."""
    if len(token) > MAX_TOKEN_CHARS or not _COMPACT.fullmatch(token):
        raise Unauthenticated("not a compact token")


def read_unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read header and payload of a token that nobody has verified, to show them. Raises `Unauthenticated`."""
    require_compact(token)
    try:
        return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Unauthenticated(f"{type(error).__name__}: {error}") from None


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """Makes access tokens with the ring's signer and verifies them with its keys.

    Verification does no input or output: a token says all that is needed, but for whether its session still lives.
    """

    ring: KeyRing
    issuer: str
    audience: str
    leeway_s: int
    clock: Clock

    def sign(self, claims: Claims) -> str:
        """Write claims as a signed token."""
        key = self.ring.signer
        headers = {"typ": TYPE, "kid": key.kid}
        return jwt.encode(payload_from(claims, self.audience), key.signing, algorithm=key.algorithm, headers=headers)

    def verify(self, token: str) -> Claims:
        """Verify a token and return its claims.

        Raises `Unauthenticated` with the true reason for the log. A token is taken in its one compact spelling only.
        """
        require_compact(token)
        try:
            key = self.ring.get(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise Unauthenticated("unknown key")
            decoded = jwt.decode_complete(token, key.verifying, algorithms=[key.algorithm], options=UNCHECKED)  # type: ignore[arg-type]  # the library's TypedDict cannot be built from a loop
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Unauthenticated(f"{type(error).__name__}: {error}") from None
        if str(decoded["header"].get("typ")).lower() not in (TYPE, f"application/{TYPE}"):
            raise Unauthenticated("wrong type of token")
        return claims_from(
            decoded["payload"],
            issuer=self.issuer,
            audience=self.audience,
            now_ms=self.clock(),
            leeway_s=self.leeway_s,
        )
