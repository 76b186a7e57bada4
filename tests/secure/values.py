"""Keys of every algorithm, made anew for each use."""

import base64
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm


def a_jwk(algorithm: str, **fields: Any) -> dict[str, Any]:
    """Make a private key, or a shared secret, as a JWK with a `kid` of its own."""
    return _PRIVATE[algorithm]() | {"alg": algorithm, "kid": secrets.token_hex(4)} | fields


def an_octet_jwk(size: int) -> dict[str, Any]:
    """Make a shared secret of so many bytes."""
    raw = base64.urlsafe_b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
    return {"kty": "oct", "k": raw}


def an_rsa_jwk(bits: int) -> dict[str, Any]:
    """Make an RSA key of so many bits."""
    return RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, bits), as_dict=True)


def an_ec_jwk(curve: ec.EllipticCurve) -> dict[str, Any]:
    """Make a key on a curve."""
    return ECAlgorithm.to_jwk(ec.generate_private_key(curve), as_dict=True)


def an_ed448_jwk() -> dict[str, Any]:
    """Make a key on the larger of the Edwards curves."""
    return OKPAlgorithm.to_jwk(ed448.Ed448PrivateKey.generate(), as_dict=True)


def as_set(*jwks: dict[str, Any]) -> str:
    """Write keys as a JWK set."""
    return json.dumps({"keys": jwks})


_PRIVATE = {
    "EdDSA": lambda: OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate(), as_dict=True),
    "ES256": lambda: an_ec_jwk(ec.SECP256R1()),
    "RS256": lambda: an_rsa_jwk(2048),
    "HS256": lambda: an_octet_jwk(32),
}
