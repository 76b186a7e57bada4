"""Keys of other issuers: which of a published set are usable, and what is read of a token before it is verified."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.core.errors import Unauthenticated
from app.secure.issuers import MAX_SET_KEYS, keys_of_set, peek
from app.secure.keys import ALGORITHMS, key_from_jwk, new_jwk, public_half
from tests.edge.tokens import encoded
from tests.issuers import Issuer
from tests.secure.values import an_ec_jwk, an_rsa_jwk

ASYMMETRIC = ("EdDSA", "ES256", "RS256")


def usable(*jwks: Any, algorithms: tuple[str, ...] = ASYMMETRIC) -> list[str]:
    return list(keys_of_set(json.dumps({"keys": jwks}).encode(), algorithms))


def public(algorithm: str, **fields: Any) -> dict[str, Any]:
    return {**public_half(new_jwk(algorithm)), **fields}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_key_signs_and_its_public_half_does_not(algorithm: str) -> None:
    jwk = new_jwk(algorithm)
    assert key_from_jwk(jwk).signing is not None
    assert (key_from_jwk(public_half(jwk)).signing is None) == (algorithm != "HS256")


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_key_without_an_algorithm_has_that_of_its_type(algorithm: str) -> None:
    jwk = {name: value for name, value in public(algorithm).items() if name != "alg"}
    assert usable(jwk, algorithms=(algorithm,)) == [jwk["kid"]]
    assert keys_of_set(json.dumps({"keys": [jwk]}).encode(), (algorithm,))[jwk["kid"]].algorithm == algorithm


@pytest.mark.parametrize(
    "jwk",
    [
        public("ES256", use="enc"),
        public("ES256", alg="ES384"),
        public("ES256", alg="none"),
        public("ES256", kid=5),
        public("ES256", x="AA"),
        new_jwk("HS256"),
        an_rsa_jwk(1024) | {"alg": "RS256", "kid": "small"},
        an_ec_jwk(ec.SECP384R1()) | {"kid": "k"},
        {"kty": "EC"},
        {"kty": ["EC"], "kid": "k"},
        "x",
        None,
    ],
    ids=range(12),
)
def test_a_key_that_is_not_usable_is_passed_over(jwk: Any) -> None:
    good = public("ES256")
    assert usable(jwk, good) == [good["kid"]]


def test_a_key_of_an_algorithm_that_is_not_listed_is_passed_over() -> None:
    assert usable(public("RS256"), algorithms=("ES256",)) == []


def test_a_published_private_key_is_taken_for_its_public_half() -> None:
    jwk = new_jwk("ES256")
    found = keys_of_set(json.dumps({"keys": [jwk]}).encode(), ("ES256",))
    assert found[jwk["kid"]].signing is None


def test_of_two_keys_of_one_kid_the_first_counts() -> None:
    first, second = public("ES256", kid="k"), public("ES256", kid="k")
    found = keys_of_set(json.dumps({"keys": [first, second]}).encode(), ("ES256",))
    assert found["k"].public_jwk is not None
    assert found["k"].public_jwk["x"] == first["x"]


def test_no_more_keys_are_read_than_an_issuer_needs() -> None:
    many = [{"kty": "EC", "kid": f"k{n}"} for n in range(MAX_SET_KEYS)]
    assert usable(*many, public("ES256")) == []


@pytest.mark.parametrize(
    "raw", [b"", b"x", b"[]", b"5", b'{"keys":{}}', b'{"keys":null}', b"{}", b"\xff", b"[" * 60_000]
)
def test_what_is_no_set_is_an_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        keys_of_set(raw, ASYMMETRIC)


def test_an_empty_set_has_no_keys() -> None:
    assert usable() == []


def test_a_token_says_who_signed_it() -> None:
    issuer = Issuer()
    assert peek(issuer.token()) == (issuer.name, issuer.jwk["kid"])


@pytest.mark.parametrize("payload", [b"[]", b"5", b"\xff", b"[" * 2500, b"", b"{", b'{"iss":' + b"9" * 5000])
def test_what_says_nothing_is_refused(payload: bytes) -> None:
    with pytest.raises(Unauthenticated):
        peek(f"{encoded(b'{}')}.{encoded(payload)}.AAAA")


@pytest.mark.parametrize("header", [b"[]", b"\xff", b"null", b"[" * 2500])
def test_a_header_that_is_none_is_refused(header: bytes) -> None:
    with pytest.raises(Unauthenticated):
        peek(f"{encoded(header)}.{encoded(b'{}')}.AAAA")
