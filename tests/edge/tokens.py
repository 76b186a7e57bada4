"""The tokens that strangers try, each made for a person of a house whose own token is good."""

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.house import House
from tests.people import Person

Forger = Callable[[House, Person], str]

OTHER_KEY = Ed25519PrivateKey.generate()
DROP = object()


def payload_of(person: Person) -> dict[str, Any]:
    return dict(jwt.decode(person.token, options={"verify_signature": False}))


def claiming(**changes: Any) -> Forger:
    """Sign the person's payload with changes, by the house's own key; `DROP` leaves a claim out."""

    def forge(house: House, person: Person) -> str:
        payload = {**payload_of(person), **changes}
        return house.forge({name: value for name, value in payload.items() if value is not DROP})

    return forge


def moved(name: str, seconds: int) -> Forger:
    """Move a time of the payload."""

    def forge(house: House, person: Person) -> str:
        payload = payload_of(person)
        return house.forge({**payload, name: payload.get(name, payload["iat"]) + seconds})

    return forge


def headed(**headers: Any) -> Forger:
    """Sign the person's payload by the house's own key under another header; None leaves a member out."""
    return lambda house, person: house.forge(payload_of(person), **headers)


def by_hand(header: dict[str, Any], payload: dict[str, Any] | None = None, signature: str = "") -> Forger:
    """Write a token without any library."""

    def forge(house: House, person: Person) -> str:
        kid = house.node.desk.sessions.access.ring.signer.kid
        parts = {"typ": "at+jwt", "kid": kid, **header}, payload_of(person) if payload is None else payload
        return ".".join((*(encoded(json.dumps(part).encode()) for part in parts), signature))

    return forge


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def public_key_as_secret(house: House, person: Person) -> str:
    """Sign with HMAC, the public key as the secret (RFC 8725, 2.1)."""
    (key,) = house.node.desk.sessions.access.ring.jwks()["keys"]
    return house.forge(payload_of(person), key["x"] * 2, "HS256")


def raw_payload(raw: bytes) -> Forger:
    """Sign bytes that no JSON library would write."""

    def forge(house: House, _: Person) -> str:
        signer = house.node.desk.sessions.access.ring.signer
        headers = {"typ": "at+jwt", "kid": signer.kid}
        return jwt.api_jws.encode(raw, signer.signing, algorithm=signer.algorithm, headers=headers)

    return forge


def spelt(change: Callable[[str], str]) -> Forger:
    return lambda _, person: change(person.token)


def flipped(token: str) -> str:
    """Change one bit in the middle of the signature."""
    head, _, signature = token.rpartition(".")
    other = "A" if signature[20] != "A" else "B"
    return f"{head}.{signature[:20]}{other}{signature[21:]}"


NUMBERS = b'{"iss":"heliograph","sub":"usr_1","aud":"heliograph","iat":1,"jti":"a","sid":"b","exp":'

BAD: dict[str, Forger] = {
    "nonsense": spelt(lambda _: "nonsense"),
    "two parts": spelt(lambda token: token.rpartition(".")[0]),
    "five parts": spelt(lambda token: token + ".a.b"),
    "too long": spelt(lambda token: token + "A" * 4000),
    "padded": spelt(lambda token: token + "="),
    "line break": spelt(lambda token: token.replace(".", ".\t", 1)),
    "signature flipped": spelt(flipped),
    "no signature": spelt(lambda token: token.rpartition(".")[0] + "."),
    "another's signature": lambda house, person: house.forge(payload_of(person), OTHER_KEY),
    "alg none": by_hand({"alg": "none"}),
    "alg None": by_hand({"alg": "None"}),
    "alg nOnE": by_hand({"alg": "nOnE"}, signature="AAAA"),
    "alg missing": by_hand({}, signature="AAAA"),
    "alg a list": by_hand({"alg": ["EdDSA"]}, signature="AAAA"),
    "alg an object": by_hand({"alg": {}}, signature="AAAA"),
    "public key as secret": public_key_as_secret,
    "kid unknown": headed(kid="unknown"),
    "kid an injection": headed(kid="' OR 1=1--"),
    "kid a path": headed(kid="../../dev/null"),
    "kid long": headed(kid="k" * 3000),
    "kid NUL": headed(kid="\0"),
    "kid a number": by_hand({"alg": "EdDSA", "kid": 5}, signature="AAAA"),
    "kid missing": by_hand({"alg": "EdDSA", "kid": None}, signature="AAAA"),
    "typ JWT": headed(typ="JWT"),
    "typ of a refresh token": headed(typ="rt+jwt"),
    "typ missing": headed(typ=None),
    "crit unknown": headed(crit=["x"], x=1),
    "payload not encoded": by_hand({"alg": "EdDSA", "b64": False, "crit": ["b64"]}, signature="AAAA"),
    "iss another": claiming(iss="https://evil.example"),
    "iss missing": claiming(iss=DROP),
    "iss a list": raw_payload(
        b'{"iss":["heliograph"],"aud":"heliograph","sub":"usr_1","iat":1,"exp":9,"jti":"a","sid":"b"}'
    ),
    "aud another": claiming(aud="another"),
    "aud many": claiming(aud=["heliograph", "another"]),
    "aud missing": claiming(aud=DROP),
    "sub missing": claiming(sub=DROP),
    "sub a number": claiming(sub=5),
    "jti missing": claiming(jti=DROP),
    "sid missing": claiming(sid=DROP),
    "sid unknown type": claiming(sid=5),
    "exp missing": claiming(exp=DROP),
    "exp null": claiming(exp=None),
    "exp a string": claiming(exp="9999999999"),
    "exp far": claiming(exp=10**30),
    "exp in 25 hours": moved("exp", 90_000),
    "exp past": moved("exp", -601),
    "exp infinite": raw_payload(NUMBERS + b"Infinity}"),
    "exp 2,000 digits": raw_payload(NUMBERS + b"9" * 2000 + b"}"),
    "iat missing": claiming(iat=DROP),
    "iat ahead": moved("iat", 500),
    "nbf ahead": moved("nbf", 500),
    "payload a list": raw_payload(b"[]"),
    "payload deep": raw_payload(b"[" * 2500),
    "payload no JSON": raw_payload(b"\xff"),
    "scope a list": claiming(scope=["messages:send"]),
}

GOOD: dict[str, Forger] = {
    "typ in capitals": headed(typ="AT+JWT"),
    "typ as a media type": headed(typ="application/at+jwt"),
    "keys of its own that nobody follows": headed(jku="http://127.0.0.1:9/", x5u="http://127.0.0.1:9/", jwk={"k": "a"}),
    "other claims": claiming(tenant="a", nested={"b": [1]}),
    "scope empty": claiming(scope=""),
}
