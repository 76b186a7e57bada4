"""Who speaks and what they may do: the verified claims of an access token, as one frozen value.

A `Claims` exists only after a signature was verified; nothing in here verifies one. The rules for what a payload
must say (RFC 9068 section 4, RFC 8725 section 3) stand here, because they need nothing but the payload and the time.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from app.core.errors import Unauthenticated


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of one access token.

    `subject` is the user's id, `session_id` the session that the token belongs to, `token_id` its `jti`.
    `issued_at_s` and `expires_at_s` are seconds since the Unix epoch. `scope` holds the permissions.
    `channels` maps patterns of channel names to granted actions, None where the token has no such map.
    `extra` holds all other claims, as they came.
    """

    issuer: str
    subject: str
    session_id: str
    token_id: str
    issued_at_s: int
    expires_at_s: int
    name: str
    roles: tuple[str, ...] = ()
    scope: frozenset[str] = frozenset()
    channels: Mapping[str, tuple[str, ...]] | None = None
    extra: Mapping[str, Any] = msgspec.field(default_factory=dict)

    def has_expired(self, now_ms: int, leeway_s: int) -> bool:
        """Tell whether the token is past its expiry, `leeway_s` seconds of clock difference allowed."""
        return now_ms >= (self.expires_at_s + leeway_s) * 1000

    def with_roles(self, roles: tuple[str, ...], scope: frozenset[str]) -> "Claims":
        """Give the same claims under other roles, as when an administrator changes them."""
        return msgspec.structs.replace(self, roles=roles, scope=scope)


MAX_LIFETIME_S = 86_400
_OWN = frozenset({"iss", "aud", "sub", "exp", "iat", "nbf", "jti", "sid", "roles", "scope", "name", "channels"})


class _Payload(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    jti: str
    sid: str
    name: str = ""
    nbf: int = 0
    roles: tuple[str, ...] = ()
    scope: str = ""
    channels: dict[str, tuple[str, ...]] | None = None


def claims_from(payload: dict[str, Any], *, issuer: str, audience: str, now_ms: int, leeway_s: int) -> Claims:
    """Turn the payload of a token whose signature is verified into claims that hold now.

    Raises `Unauthenticated` with the reason for the log; strangers get one code for every reason.
    """
    try:
        raw = msgspec.convert(payload, _Payload, strict=True)
    except msgspec.ValidationError as error:
        raise Unauthenticated(f"claims: {error}") from None
    if raw.iss != issuer or raw.aud != audience:
        raise Unauthenticated("issuer or audience")
    now_s = now_ms // 1000
    if raw.iat > now_s + leeway_s or raw.nbf > now_s + leeway_s:
        raise Unauthenticated("not valid yet")
    if raw.exp - raw.iat > MAX_LIFETIME_S:
        raise Unauthenticated("lifetime over the limit")
    claims = Claims(
        issuer=raw.iss,
        subject=raw.sub,
        session_id=raw.sid,
        token_id=raw.jti,
        issued_at_s=raw.iat,
        expires_at_s=raw.exp,
        name=raw.name,
        roles=raw.roles,
        scope=frozenset(raw.scope.split()),
        channels=raw.channels,
        extra={key: value for key, value in payload.items() if key not in _OWN},
    )
    if claims.has_expired(now_ms, leeway_s):
        raise Unauthenticated("expired")
    return claims


def payload_from(claims: Claims, audience: str) -> dict[str, Any]:
    """Write claims as the payload of a token (RFC 9068 section 2.2)."""
    payload: dict[str, Any] = {
        **{name: value for name, value in claims.extra.items() if name not in _OWN},
        "iss": claims.issuer,
        "aud": audience,
        "sub": claims.subject,
        "exp": claims.expires_at_s,
        "iat": claims.issued_at_s,
        "jti": claims.token_id,
        "sid": claims.session_id,
        "roles": list(claims.roles),
        "scope": " ".join(sorted(claims.scope)),
        "name": claims.name,
    }
    if claims.channels is not None:
        payload["channels"] = {pattern: list(actions) for pattern, actions in claims.channels.items()}
    return payload
