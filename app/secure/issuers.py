"""Trusted issuers at work: choosing the keys of one by a token's `iss`, and verifying what it signed.

A token's `iss` picks the issuer, the issuer's own keys are all that can verify it, and each key has one algorithm
(RFC 8725, 3.1 and 3.8). What a token's header brings along (`jku`, `x5u`, `jwk`, `x5c`) is never looked at.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

import jwt

from app.core.errors import Unauthenticated
from app.core.foreign import Foreign, IssuerRules, foreign_from
from app.secure.keys import ALGORITHM_OF, Key, public_key
from app.secure.tokens import UNCHECKED, require_compact

MAX_SET_KEYS = 100


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """One issuer as it is configured: its rules, and either the one key or the address of its keys."""

    rules: IssuerRules
    key: Key | None
    jwks_url: str | None


class Peeked(NamedTuple):
    """What a token claims of itself before anything is verified: good for choosing a key and for nothing else."""

    issuer: object
    kid: object


def peek(token: str) -> Peeked:
    """Read who a token says signed it. Raises `Unauthenticated` for what is no compact token."""
    require_compact(token)
    header, payload, _ = token.split(".")
    try:
        named = json.loads(_decoded(payload))
        kid = json.loads(_decoded(header)).get("kid")
        return Peeked(named.get("iss"), kid)
    except (ValueError, AttributeError, RecursionError):
        raise Unauthenticated("not a token of JSON") from None


def verify(token: str, issuer: TrustedIssuer, key: Key, *, now_ms: int, leeway_s: int) -> Foreign:
    """Verify a token by a key of its issuer and give what counts of it. Raises `Unauthenticated`."""
    try:
        decoded = jwt.decode_complete(token, key.verifying, algorithms=[key.algorithm], options=UNCHECKED)  # type: ignore[arg-type]  # the library's TypedDict cannot be built from a loop
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Unauthenticated(f"{type(error).__name__}: {error}") from None
    typ = decoded["header"].get("typ")
    if not issuer.rules.accepts_type(typ):
        raise Unauthenticated("wrong type of token")
    return foreign_from(decoded["payload"], issuer.rules, typ, now_ms=now_ms, leeway_s=leeway_s)


def keys_of_set(raw: bytes, algorithms: tuple[str, ...]) -> dict[str, Key]:
    """Read the usable keys of a published JWK set (RFC 7517), by `kid`.

    Keys that are for something else, of another algorithm, too small, shared secrets or without a name are passed over.
    Raises ValueError where it is no such set.
    """
    try:
        listed = json.loads(raw)["keys"]
    except (KeyError, TypeError, RecursionError):
        raise ValueError("is not a JWK set") from None
    if not isinstance(listed, list):
        raise ValueError("is not a JWK set")  # noqa: TRY004 (the value is bad, not the call)
    found: dict[str, Key] = {}
    for jwk in listed[:MAX_SET_KEYS]:
        key = _usable(jwk, algorithms)
        if key is not None:
            found.setdefault(key.kid, key)
    return found


def _usable(jwk: Any, algorithms: tuple[str, ...]) -> Key | None:
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or not isinstance(jwk.get("kid"), str):
        return None
    algorithm = jwk.get("alg", ALGORITHM_OF.get(str(jwk.get("kty"))))
    if str(jwk.get("kty")) not in ALGORITHM_OF or algorithm not in algorithms:
        return None
    try:
        return public_key({**jwk, "alg": algorithm})
    except ValueError:
        return None


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
