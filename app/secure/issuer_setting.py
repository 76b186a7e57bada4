"""The setting `TRUSTED_ISSUERS`: what a list of issuers must look like, and everything that is wrong with one.

No fault repeats a value that may be secret. What is done with the issuers stands in `app.secure.issuers`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from app.core.foreign import AT_JWT, ClaimNames, IssuerRules
from app.core.policy import ROLES
from app.secure.issuers import TrustedIssuer
from app.secure.keys import ALGORITHM_OF, ALGORITHMS, Key, public_key
from app.secure.secret import weakness

TYPES = {"at+jwt": AT_JWT, "JWT": "jwt"}
LOOPBACK = ("localhost", "127.0.0.1", "::1")
FIELDS = ("issuer", "audience", "algorithms", "jwks_url", "public_key", "secret", "typ", "claims", "roles")
KEY_FIELDS = ("jwks_url", "public_key", "secret")
MAX_ISSUERS = 50
_CLAIMS = ("sub", "name", "roles", "scope", "channels")
_NAME = re.compile(r"[\x21-\x7e]{1,255}")


class IssuerFaults(Exception):
    """The setting is not usable; `faults` has a line for each reason, and no line repeats a value that is secret."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


def parse_issuers(text: str, *, production: bool, own: str) -> tuple[TrustedIssuer, ...]:
    """Read the setting; `own` is our own issuer's name, `production` refuses plain http also on loopback.

    Raises `IssuerFaults` with everything that is wrong, each with its place.
    """
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        raise IssuerFaults(["is not JSON"]) from None
    if not isinstance(entries, list) or len(entries) > MAX_ISSUERS:
        raise IssuerFaults([f"must be a list of at most {MAX_ISSUERS} issuers"])
    faults: list[str] = []
    found: list[TrustedIssuer] = []
    names = {own}
    for place, entry in enumerate(entries):
        told = [f"[{place}]{fault}" for fault in _faults(entry, names, production=production)]
        faults += told
        if not told:
            found.append(_issuer(entry))
        if isinstance(entry, dict) and isinstance(entry.get("issuer"), str):
            names.add(entry["issuer"])
    if faults:
        raise IssuerFaults(faults)
    return tuple(found)


def _faults(entry: Any, taken: set[str], *, production: bool) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield ": is not an object"
        return
    if unknown := sorted(set(entry) - set(FIELDS)):
        yield f": has unknown fields ({', '.join(name[:64] for name in unknown)}); there are {', '.join(FIELDS)}"
    for field in ("issuer", "audience"):
        if not isinstance(entry.get(field), str) or not _NAME.fullmatch(entry[field]):
            yield f".{field}: must be a text of 1 to 255 visible characters"
    if entry.get("issuer") in tuple(taken):
        yield ".issuer: is listed before, or is our own (JWT_ISSUER)"
    yield from _choice_faults(entry, "algorithms", ALGORITHMS, required=True)
    yield from _choice_faults(entry, "roles", ROLES)
    yield from _type_faults(entry.get("typ", "at+jwt"))
    yield from _claim_faults(entry.get("claims", {}))
    yield from _key_faults(entry, production=production)


def _choice_faults(
    entry: Mapping[str, Any], field: str, choices: tuple[str, ...], *, required: bool = False
) -> Iterator[str]:
    if field not in entry and not required:
        return
    value = entry.get(field)
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one in choices for one in value):
        yield f".{field}: must be a list of some of {', '.join(choices)}"


def _type_faults(value: Any) -> Iterator[str]:
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(one, str) and one in TYPES for one in listed):
        yield f".typ: must be some of {', '.join(TYPES)}"


def _claim_faults(value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield ".claims: is not an object"
        return
    for name, claim in value.items():
        if name not in _CLAIMS:
            yield f".claims: can name {', '.join(_CLAIMS)}, not {name[:64]}"
        elif not (isinstance(claim, str) and claim) and not (claim is None and name != "sub"):
            yield f".claims.{name}: must be the name of a claim{'' if name == 'sub' else ', or null'}"


def _key_faults(entry: Mapping[str, Any], *, production: bool) -> Iterator[str]:
    given = [field for field in KEY_FIELDS if field in entry]
    if len(given) != 1:
        yield f": must have exactly one of {', '.join(KEY_FIELDS)}"
        return
    algorithms = entry.get("algorithms")
    algorithms = algorithms if isinstance(algorithms, list) else []
    (field,) = given
    if field == "secret":
        if algorithms != ["HS256"]:
            yield ".algorithms: a secret is used with HS256 and nothing else"
        yield from _secret_faults(entry["secret"])
        return
    if "HS256" in algorithms:
        yield f".algorithms: HS256 needs a secret, which {field} is not"
    if field == "jwks_url":
        yield from _url_faults(entry["jwks_url"], production=production)
    else:
        yield from _public_key_faults(entry["public_key"], algorithms)


def _secret_faults(value: Any) -> Iterator[str]:
    try:
        fault = weakness(value) if isinstance(value, str) else "is not a text"
    except UnicodeEncodeError:
        fault = "is not UTF-8"
    if fault:
        yield f".secret: {fault}"


def _public_key_faults(value: Any, algorithms: list[Any]) -> Iterator[str]:
    try:
        key = _read_public(value)
    except ValueError as error:
        yield f".public_key: {error}"
        return
    if key.algorithm not in algorithms:
        yield f".public_key: is a key of {key.algorithm}, which is not one of its algorithms"


def _url_faults(value: Any, *, production: bool) -> Iterator[str]:
    try:
        url = urlsplit(value if isinstance(value, str) else "")
        host, _ = url.hostname, url.port
    except ValueError:
        host = None
    if not host or url.username is not None or url.fragment:
        yield ".jwks_url: must be an address such as https://login.example.com/jwks.json"
    elif url.scheme != "https" and (production or url.scheme != "http" or host not in LOOPBACK):
        yield ".jwks_url: must be https://" + ("" if production else ", or http:// on this machine")


def _issuer(entry: Mapping[str, Any]) -> TrustedIssuer:
    typ = entry.get("typ", "at+jwt")
    rules = IssuerRules(
        issuer=entry["issuer"],
        audience=entry["audience"],
        algorithms=tuple(entry["algorithms"]),
        types=tuple(TYPES[one] for one in (typ if isinstance(typ, list) else [typ])),
        names=ClaimNames(**entry.get("claims", {})),
        roles=tuple(role for role in ROLES if role in entry.get("roles", ["member"])),
    )
    key = None
    if "secret" in entry:
        key = Key("", "HS256", entry["secret"].encode(), None, None)
    elif "public_key" in entry:
        key = _read_public(entry["public_key"])
    return TrustedIssuer(rules, key, entry.get("jwks_url"))


def _read_public(value: Any) -> Key:
    """Read a public key from PEM or a JWK; it is used whatever `kid` a token names. Raises ValueError."""
    if isinstance(value, str):
        value = _jwk_of_pem(value)
    if not isinstance(value, dict):
        raise ValueError("is neither PEM nor a JWK")  # noqa: TRY004 (the value is bad, not the call)
    if {"d", "k", "p", "q"} & set(value):
        raise ValueError("holds a private key; give the public half alone")
    return public_key({"kid": "configured", "alg": ALGORITHM_OF.get(str(value.get("kty"))), **value})


def _jwk_of_pem(text: str) -> dict[str, Any]:
    if "PRIVATE KEY" in text:
        raise ValueError("holds a private key; give the public half alone")
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("is not a public key in PEM") from None
    if isinstance(key, RSAPublicKey):
        return dict(RSAAlgorithm.to_jwk(key, as_dict=True))
    if isinstance(key, EllipticCurvePublicKey):
        return _ec_jwk(key)
    if isinstance(key, Ed25519PublicKey | Ed448PublicKey):
        return dict(OKPAlgorithm.to_jwk(key, as_dict=True))
    raise ValueError("is a key of a kind that is not used here")


def _ec_jwk(key: EllipticCurvePublicKey) -> dict[str, Any]:
    try:
        return dict(ECAlgorithm.to_jwk(key, as_dict=True))
    except jwt.PyJWTError:
        raise ValueError("has a curve that is not used here") from None
