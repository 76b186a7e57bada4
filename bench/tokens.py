"""Access tokens for the bench: one fixed Ed25519 key, many users, one hour.

The key is no secret: it signs nothing but what the bench sends to servers that the bench has started.
"""

import time

from app.core.claims import Claims
from app.secure.keys import KeyRing, ring_from_seed
from app.secure.tokens import AccessTokens

ISSUER = "https://bench.example"
AUDIENCE = "bench"
LIFETIME_S = 3600


def ring() -> KeyRing:
    """Return the one key."""
    return ring_from_seed(b"bench" * 6 + b"##")


def access() -> AccessTokens:
    """Return what signs the tokens and, in the Python peers, verifies them."""
    return AccessTokens(ring(), ISSUER, AUDIENCE, 5, lambda: time.time_ns() // 1_000_000)


def mint(count: int) -> list[str]:
    """Sign tokens of that many users, each as large as one that the service issues."""
    signing, now_s = access(), int(time.time())
    return [
        signing.sign(
            Claims(
                issuer=ISSUER,
                subject=f"usr_{number:026d}",
                session_id=f"ses_{number:026d}",
                token_id=f"jti_{number:026d}",
                issued_at_s=now_s,
                expires_at_s=now_s + LIFETIME_S,
                name=f"Person {number}",
                roles=("user",),
                scope=frozenset(("channels.read", "messages.send")),
            )
        )
        for number in range(count)
    ]


def verifying() -> dict[str, object]:
    """Return what a peer needs to verify: the public key as JWK, issuer and audience."""
    return {"jwk": dict(ring().jwks()["keys"][0]), "issuer": ISSUER, "audience": AUDIENCE}
