"""The key ring: what keys it takes, and what of them it shows."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.secure.keys import ALGORITHMS, ring_from_jwks, ring_from_seed
from tests.secure.values import a_jwk, an_ec_jwk, an_ed448_jwk, an_octet_jwk, an_rsa_jwk, as_set

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}
PUBLIC = {
    "EdDSA": {"kty", "crv", "x"},
    "ES256": {"kty", "crv", "x", "y"},
    "RS256": {"kty", "n", "e"},
}


def refused(text: str) -> str:
    """Give what is said of a set that is no ring."""
    with pytest.raises(ValueError, match=r"^(has|is) ") as caught:
        ring_from_jwks(text)
    return str(caught.value)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_of_every_algorithm_makes_a_ring(algorithm: str) -> None:
    jwk = a_jwk(algorithm)
    ring = ring_from_jwks(as_set(jwk))
    assert (ring.signer.kid, ring.signer.algorithm) == (jwk["kid"], algorithm)
    assert ring.get(jwk["kid"]) is ring.signer


def test_a_bare_list_is_a_set_too() -> None:
    jwk = a_jwk("EdDSA")
    assert ring_from_jwks(json.dumps([jwk])).signer.kid == jwk["kid"]


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_the_published_half_holds_no_private_member(algorithm: str) -> None:
    jwk = a_jwk(algorithm, use="enc", key_ops=["sign"], priv="AA", note="for ben")
    (published,) = ring_from_jwks(as_set(jwk)).jwks()["keys"]
    assert set(published) == PUBLIC[algorithm] | {"alg", "kid", "use"}
    assert not PRIVATE & set(published)
    assert {name: published[name] for name in PUBLIC[algorithm]} == {name: jwk[name] for name in PUBLIC[algorithm]}
    assert (published["alg"], published["kid"], published["use"]) == (algorithm, jwk["kid"], "sig")


def test_a_shared_secret_is_never_published() -> None:
    secret = a_jwk("HS256")
    ring = ring_from_jwks(as_set(a_jwk("EdDSA"), secret))
    assert len(ring.jwks()["keys"]) == 1
    assert secret["k"] not in json.dumps(ring.jwks())
    assert ring_from_jwks(as_set(secret)).jwks() == {"keys": []}


def test_the_published_set_verifies_alone_and_signs_nothing() -> None:
    ring = ring_from_jwks(as_set(a_jwk("EdDSA"), a_jwk("RS256")))
    assert refused(json.dumps(ring.jwks())) == "has no key that can sign"
    both = ring_from_jwks(json.dumps({"keys": [*ring.jwks()["keys"], a_jwk("ES256")]}))
    assert len(both.jwks()["keys"]) == 3


def test_the_first_key_that_can_sign_does() -> None:
    retired = {name: value for name, value in a_jwk("EdDSA").items() if name != "d"}
    second, third = a_jwk("EdDSA"), a_jwk("RS256")
    ring = ring_from_jwks(as_set(retired, second, third))
    assert ring.signer.kid == second["kid"]
    found = ring.get(retired["kid"])
    assert found is not None
    assert found.signing is None


@pytest.mark.parametrize("kid", ["other", "", None, 5, [], {}, b"x"])
def test_only_a_known_name_finds_a_key(kid: object) -> None:
    assert ring_from_jwks(as_set(a_jwk("EdDSA"))).get(kid) is None


@pytest.mark.parametrize("size", [0, 1, 16, 31])
def test_a_short_shared_secret_is_refused(size: int) -> None:
    assert refused(as_set(a_jwk("HS256", **an_octet_jwk(size)))) == "has a shared secret of under 32 bytes"


@pytest.mark.parametrize("bits", [1024, 2047])
def test_a_short_rsa_key_is_refused(bits: int) -> None:
    assert refused(as_set(a_jwk("RS256", **an_rsa_jwk(bits)))) == "has an RSA key of under 2048 bits"


@pytest.mark.parametrize("algorithm", ["none", "HS512", "RS512", "PS256", "ES384", "eddsa", "", None, 5])
def test_an_algorithm_outside_of_the_list_is_refused(algorithm: object) -> None:
    assert "EdDSA, ES256, RS256, HS256" in refused(as_set(a_jwk("EdDSA", alg=algorithm)))


@pytest.mark.parametrize(
    ("algorithm", "other"), [(one, other) for one in ALGORITHMS for other in ALGORITHMS if one != other]
)
def test_a_key_under_the_algorithm_of_another_is_refused(algorithm: str, other: str) -> None:
    refused(as_set(a_jwk(algorithm) | {"alg": other}))


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()], ids=lambda curve: curve.name)
def test_es256_is_one_curve_only(curve: ec.EllipticCurve) -> None:
    """RFC 7518, 3.4."""
    refused(as_set(an_ec_jwk(curve) | {"alg": "ES256", "kid": "k"}))


def test_the_larger_edwards_curve_is_taken() -> None:
    assert ring_from_jwks(as_set(an_ed448_jwk() | {"alg": "EdDSA", "kid": "k"})).signer.kid == "k"


@pytest.mark.parametrize("missing", ["kty", "alg", "x", "crv"])
def test_a_key_with_a_member_missing_is_refused(missing: str) -> None:
    refused(as_set({name: value for name, value in a_jwk("EdDSA").items() if name != missing}))


@pytest.mark.parametrize("kid", [5, ["k"], {"k": 1}, True])
def test_a_kid_that_is_no_string_is_refused(kid: Any) -> None:
    refused(as_set(a_jwk("EdDSA", kid=kid)))


def test_two_keys_of_one_kid_are_refused() -> None:
    assert refused(as_set(a_jwk("EdDSA", kid="k"), a_jwk("RS256", kid="k"))) == "has two keys of one kid"


@pytest.mark.parametrize(
    "text", ["", "x", "5", "null", "[5]", '"k"', "{}", '{"keys":5}', '{"keys":{}}', "[[]]", '{"kty":"OKP"}']
)
def test_what_is_no_set_of_keys_is_refused(text: str) -> None:
    refused(text)


def test_an_empty_set_signs_nothing() -> None:
    assert refused('{"keys":[]}') == "has no key that can sign"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_key_shows_its_secret(algorithm: str) -> None:
    jwk = a_jwk(algorithm)
    ring = ring_from_jwks(as_set(jwk))
    secret = jwk.get("d") or jwk["k"]
    assert secret not in repr(ring.signer)
    assert str(base64.urlsafe_b64decode(secret + "==")) not in repr(ring.signer)
    broken = as_set(jwk | {"alg": "none"})
    assert secret not in refused(broken)


def test_a_key_without_a_name_is_named_by_its_thumbprint() -> None:
    """The example of RFC 8037, appendix A.3."""
    jwk = {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "alg": "EdDSA",
    }
    assert ring_from_jwks(as_set(jwk)).signer.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_shared_secret_must_be_named() -> None:
    jwk = a_jwk("HS256")
    del jwk["kid"]
    refused(as_set(jwk))


def test_one_seed_makes_one_ring_on_every_node() -> None:
    one, same, other = ring_from_seed(bytes(32)), ring_from_seed(bytes(32)), ring_from_seed(b"x" * 32)
    assert one.jwks() == same.jwks()
    assert one.signer.kid == same.signer.kid
    assert one.signer.kid != other.signer.kid
    assert one.signer.algorithm == "EdDSA"
    assert set(one.jwks()["keys"][0]) == {"kty", "crv", "x", "alg", "kid", "use"}
