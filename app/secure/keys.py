"""The key ring: the key that signs, the keys that verify, and the public half of them as a JWK set (RFC 7517).

Keys come from settings only. A token's header picks one by `kid` out of this table and never brings its own.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import get_default_algorithms

ALGORITHMS = ("EdDSA", "ES256", "RS256", "HS256")
ALGORITHM_OF = {"OKP": "EdDSA", "EC": "ES256", "RSA": "RS256"}
"""The one algorithm of a public key of each type."""
MIN_RSA_BITS = 2048
_CURVES = {"EdDSA": ("Ed25519", "Ed448"), "ES256": ("P-256",)}
_PUBLIC_MEMBERS = frozenset({"kty", "crv", "x", "y", "n", "e", "alg", "kid"})
_THUMBPRINT_MEMBERS = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}


@dataclass(frozen=True, slots=True)
class Key:
    """One key, used with exactly one algorithm (RFC 8725, 3.1); `signing` is None where it only verifies."""

    kid: str
    algorithm: str
    verifying: Any = field(repr=False)
    signing: Any = field(repr=False)
    public_jwk: Mapping[str, str] | None


class KeyRing:
    """Keys by `kid`; the first that can sign does. A running node replaces them all at once when they rotate."""

    def __init__(self, keys: list[Key]) -> None:
        self.replace(keys)

    def replace(self, keys: list[Key]) -> None:
        """Hold these keys from now on, and no other."""
        self._keys = {key.kid: key for key in keys}
        self.signer = next(key for key in keys if key.signing is not None)

    def get(self, kid: object) -> Key | None:
        """Find the key of a token's header; anything but a known `kid` finds none."""
        return self._keys.get(kid) if isinstance(kid, str) else None

    def held(self) -> list[Key]:
        """List the keys in their order."""
        return list(self._keys.values())

    def jwks(self) -> dict[str, list[Mapping[str, str]]]:
        """List the public halves; shared secrets are not among them."""
        return {"keys": [key.public_jwk for key in self._keys.values() if key.public_jwk is not None]}


def key_from_seed(seed: bytes) -> Key:
    """Make an Ed25519 key from 32 derived bytes, the same on every node that has the same secret."""
    raw = Ed25519PrivateKey.from_private_bytes(seed)
    jwk = json.loads(get_default_algorithms()["EdDSA"].to_jwk(raw))
    return _key({**jwk, "alg": "EdDSA"})


def ring_from_seed(seed: bytes) -> KeyRing:
    """Make a ring of one key from 32 derived bytes."""
    return KeyRing([key_from_seed(seed)])


def new_jwk(algorithm: str) -> dict[str, str]:
    """Draw a new private key, or a shared secret for HS256, as a JWK with a `kid`."""
    if algorithm == "HS256":
        secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
        return {"kty": "oct", "k": secret, "alg": algorithm, "kid": secrets.token_hex(8)}
    made: Any
    if algorithm == "RS256":
        made = rsa.generate_private_key(65537, MIN_RSA_BITS)
    else:
        made = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else Ed25519PrivateKey.generate()
    jwk = json.loads(get_default_algorithms()[algorithm].to_jwk(made))
    members = {name: jwk[name] for name in jwk if name not in ("key_ops", "use")}
    return {**members, "alg": algorithm, "kid": _thumbprint(jwk)}


def public_half(jwk: Mapping[str, str]) -> dict[str, str]:
    """Give what of a JWK verifies: its public members, or a shared secret as it is."""
    return {name: value for name, value in jwk.items() if jwk["kty"] == "oct" or name in _PUBLIC_MEMBERS}


def public_key(jwk: dict[str, Any]) -> Key:
    """Read a key that only verifies. Raises ValueError for what is no sound public key of its `alg`."""
    return key_from_jwk({name: value for name, value in jwk.items() if name in _PUBLIC_MEMBERS})


def key_from_jwk(jwk: dict[str, Any]) -> Key:
    """Read one key, which signs where its private half is there. Raises ValueError for what is no sound key."""
    try:
        return _key(jwk)
    except (KeyError, TypeError, AttributeError, OverflowError, jwt.PyJWTError) as error:
        raise ValueError(f"is not a usable key ({type(error).__name__})") from None


def keys_from_jwks(text: str) -> list[Key]:
    """Read keys from a JWK set with private keys, in their order.

    Raises ValueError that says what is wrong: not a set, an algorithm outside of `ALGORITHMS` or a curve that is
    none of its own, a shared secret of under 32 bytes, an RSA key of under 2048 bits, two keys of one `kid`, none that
    signs.
    """
    try:
        raw = json.loads(text)
        jwks = raw["keys"] if isinstance(raw, dict) and "keys" in raw else raw
        keys = [_key(jwk) for jwk in jwks]
    except (KeyError, TypeError, jwt.PyJWTError, json.JSONDecodeError) as error:
        raise ValueError(f"is not a JWK set of usable keys ({type(error).__name__})") from None
    if len({key.kid for key in keys}) < len(keys):
        raise ValueError("has two keys of one kid")
    if not any(key.signing is not None for key in keys):
        raise ValueError("has no key that can sign")
    return keys


def ring_from_jwks(text: str) -> KeyRing:
    """Read a ring from a JWK set; raises as `keys_from_jwks`."""
    return KeyRing(keys_from_jwks(text))


def _key(jwk: dict[str, Any]) -> Key:
    algorithm = jwk["alg"]
    if algorithm not in ALGORITHMS:
        raise ValueError(f"has an algorithm that is not one of {', '.join(ALGORITHMS)}")
    if jwk.get("crv") not in _CURVES.get(algorithm, (None,)):
        raise ValueError(f"has a curve that is not one of {algorithm}")
    secret = jwk["kty"] == "oct"
    if secret and len(base64.urlsafe_b64decode(jwk["k"] + "==")) < 32:
        raise ValueError("has a shared secret of under 32 bytes")
    public = {name: value for name, value in jwk.items() if name in _PUBLIC_MEMBERS}
    kid = jwk.get("kid") or _thumbprint(jwk)
    if not isinstance(kid, str):
        raise ValueError("has a kid that is no string")  # noqa: TRY004 (the value is bad, not the call)
    can_sign = secret or "d" in jwk
    verifying = jwt.PyJWK(jwk if secret else public, algorithm).key
    if isinstance(verifying, RSAPublicKey) and verifying.key_size < MIN_RSA_BITS:
        raise ValueError(f"has an RSA key of under {MIN_RSA_BITS} bits")
    return Key(
        kid=kid,
        algorithm=algorithm,
        verifying=verifying,
        signing=jwt.PyJWK(jwk, algorithm).key if can_sign else None,
        public_jwk=None if secret else {**public, "kid": kid, "use": "sig"},
    )


def _thumbprint(jwk: dict[str, Any]) -> str:
    """Name a key by its thumbprint (RFC 7638); a shared secret must be named by whoever made it."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
