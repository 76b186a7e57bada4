"""Access tokens: one spelling, one key, one algorithm, one type; everything else is refused with one code."""

import base64
import hmac
import json
from contextlib import suppress
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.claims import Claims
from app.core.errors import Unauthenticated
from app.secure.keys import KeyRing, ring_from_jwks, ring_from_seed
from app.secure.tokens import MAX_TOKEN_CHARS, AccessTokens
from tests.core.laws import law
from tests.core.values import NOW_MS, NOW_S, a_payload, some_claims
from tests.secure.values import a_jwk, an_octet_jwk, as_set

SEED = bytes(range(32))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def made_of(ring: KeyRing, **fields: Any) -> AccessTokens:
    known: dict[str, Any] = {"issuer": "heliograph", "audience": "heliograph", "leeway_s": 5, "clock": lambda: NOW_MS}
    return AccessTokens(ring, **(known | fields))


RING = ring_from_seed(SEED)
TOKENS = made_of(RING)
GOOD = TOKENS.sign(some_claims(roles=("member",)))


def signed(headers: dict[str, Any] | None = None, payload: dict[str, Any] | None = None) -> str:
    """Give a token with our own key's signature under a header and a payload of choice."""
    head = {"typ": "at+jwt", "alg": "EdDSA", "kid": RING.signer.kid} | (headers or {})
    return assembled(head, a_payload() if payload is None else payload)


def assembled(head: dict[str, Any], payload: object) -> str:
    signing_input = f"{encoded(json.dumps(head).encode())}.{encoded(json.dumps(payload).encode())}"
    return f"{signing_input}.{encoded(Ed25519PrivateKey.from_private_bytes(SEED).sign(signing_input.encode()))}"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def refused(token: str, tokens: AccessTokens = TOKENS) -> str:
    """Give the reason for which a token is refused; strangers must see only the one code."""
    with pytest.raises(Unauthenticated) as caught:
        tokens.verify(token)
    assert caught.value.code == "auth_failed"
    assert caught.value.reason is not None
    return caught.value.reason


def test_a_token_says_who_signed_in() -> None:
    claims = some_claims(
        roles=("member", "admin"),
        scope=frozenset({"messages:send"}),
        channels={"news": ("read",)},
        extra={"tenant": "t1"},
    )
    assert TOKENS.verify(TOKENS.sign(claims)) == claims


def test_a_token_is_written_as_the_contract_says() -> None:
    assert jwt.get_unverified_header(GOOD) == {"typ": "at+jwt", "alg": "EdDSA", "kid": RING.signer.kid}
    payload = jwt.decode(GOOD, options={"verify_signature": False})
    assert set(payload) == {"iss", "aud", "sub", "exp", "iat", "jti", "sid", "roles", "scope", "name"}
    assert (payload["roles"], payload["scope"]) == (["member"], "")


def test_the_hand_made_token_that_others_are_changed_from_is_good() -> None:
    assert TOKENS.verify(signed()).name == "Ana"


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256", "HS256"])
def test_every_algorithm_signs_and_verifies(algorithm: str) -> None:
    tokens = made_of(ring_from_jwks(as_set(a_jwk(algorithm))))
    token = tokens.sign(some_claims())
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    assert tokens.verify(token) == some_claims()
    refused(token)


def test_a_flipped_bit_anywhere_breaks_the_token() -> None:
    for place, char in enumerate(GOOD):
        if char == ".":
            continue
        for bit in range(6):
            other = ALPHABET[ALPHABET.index(char) ^ (1 << bit)]
            refused(GOOD[:place] + other + GOOD[place + 1 :])


def test_every_other_end_of_the_signature_is_refused() -> None:
    taken = []
    for end in ALPHABET:
        with suppress(Unauthenticated):
            TOKENS.verify(GOOD[:-1] + end)
            taken.append(end)
    assert taken == [GOOD[-1]]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("padding", ["=", "==", "====", "A", "\n", " ", "%3D"])
def test_a_padded_part_is_refused(place: int, padding: str) -> None:
    parts = GOOD.split(".")
    parts[place] += padding
    refused(".".join(parts))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        f"{GOOD}.",
        f".{GOOD}",
        f"{GOOD}.{GOOD}",
        f"Bearer {GOOD}",
        f"{GOOD}\n",
        GOOD.replace(".", ","),
        GOOD.rpartition(".")[0] + ".",
        GOOD + "\x00",
        GOOD + "\ud800",
        "é" + GOOD,
        "A" * 1_000_000,
        "A" * 1_000_000 + ".A.A",
    ],
    ids=range(18),
)
def test_what_is_not_three_parts_is_refused(token: str) -> None:
    refused(token)


def test_a_token_over_the_longest_is_refused_and_one_just_under_it_is_taken() -> None:
    def of_length(filler: int) -> str:
        return TOKENS.sign(some_claims(extra={"x": "x" * filler}))

    fillers = range(2000, 3500)
    longest = max((token for token in map(of_length, fillers) if len(token) <= MAX_TOKEN_CHARS), key=len)
    shortest = min((token for token in map(of_length, fillers) if len(token) > MAX_TOKEN_CHARS), key=len)
    assert TOKENS.verify(longest).subject == some_claims().subject
    assert refused(shortest) == "not a compact token"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "noNE", "", None, [], {}, ["EdDSA"], "eddsa", "EDDSA"])
def test_no_algorithm_but_the_keys_own_is_taken(alg: object) -> None:
    token = signed({"alg": alg})
    refused(token)
    refused(token.rpartition(".")[0] + ".")
    refused(token.rpartition(".")[0] + ".AA")


def test_a_token_without_an_algorithm_is_refused() -> None:
    refused(assembled({"typ": "at+jwt", "kid": RING.signer.kid}, a_payload()))


@pytest.mark.parametrize("spelling", ["raw", "pem", "jwk"])
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_our_public_key_is_no_shared_secret(alg: str, spelling: str) -> None:
    """RFC 8725, 2.1: a token signed by HMAC with the published key must not pass."""
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    secret = {
        "raw": public.public_bytes(Encoding.Raw, PublicFormat.Raw),
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(RING.jwks()["keys"][0]).encode(),
    }[spelling]
    digests = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
    unsigned = signed({"alg": alg}).rpartition(".")[0]
    refused(f"{unsigned}.{encoded(hmac.digest(secret, unsigned.encode(), digests[alg]))}")


def test_a_key_is_used_with_one_algorithm_only() -> None:
    jwk = a_jwk("HS256", **an_octet_jwk(64))
    tokens = made_of(ring_from_jwks(as_set(jwk)))
    secret = base64.urlsafe_b64decode(jwk["k"] + "==")
    headers = {"typ": "at+jwt", "kid": jwk["kid"]}
    assert tokens.verify(jwt.encode(a_payload(), secret, algorithm="HS256", headers=headers)).name == "Ana"
    refused(jwt.encode(a_payload(), secret, algorithm="HS512", headers=headers), tokens)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
def test_the_type_of_an_access_token_is_taken_in_any_case(typ: str) -> None:
    assert TOKENS.verify(signed({"typ": typ})).name == "Ana"


@pytest.mark.parametrize("typ", [None, "", "JWT", "rt+jwt", "id+jwt", "at+jwt ", "x/at+jwt", 5, ["at+jwt"], {}])
def test_any_other_type_of_token_is_refused(typ: object) -> None:
    refused(signed({"typ": typ}))


def test_a_token_without_a_type_is_refused() -> None:
    assert refused(assembled({"alg": "EdDSA", "kid": RING.signer.kid}, a_payload())) == "wrong type of token"


@pytest.mark.parametrize(
    "kid", ["other", "", "' OR 1=1--", "../../dev/null", "k" * 2000, "\u0000", None, 5, [], {}, True]
)
def test_a_key_that_is_not_ours_is_refused(kid: object) -> None:
    refused(signed({"kid": kid}))


def test_a_token_that_names_no_key_is_refused() -> None:
    assert refused(assembled({"typ": "at+jwt", "alg": "EdDSA"}, a_payload())) == "unknown key"


def test_a_key_that_the_token_brings_is_not_used() -> None:
    thief = made_of(ring_from_seed(bytes(32)))
    stolen = dict(thief.ring.jwks()["keys"][0])
    for headers in (
        {"jwk": stolen},
        {"jku": "http://127.0.0.1:9/jwks"},
        {"x5u": "http://127.0.0.1:9/x"},
        {"x5c": ["A"]},
    ):
        forged = jwt.encode(
            a_payload(),
            thief.ring.signer.signing,
            algorithm="EdDSA",
            headers={"typ": "at+jwt", "kid": RING.signer.kid, **headers},
        )
        assert "Signature" in refused(forged)
        forged = jwt.encode(
            a_payload(), thief.ring.signer.signing, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": stolen["kid"]}
        )
        assert refused(forged) == "unknown key"


def test_a_key_in_the_header_of_our_own_token_changes_nothing() -> None:
    assert TOKENS.verify(signed({"jku": "http://127.0.0.1:9/jwks", "jwk": {"kty": "oct", "k": "AA"}})).name == "Ana"


@pytest.mark.parametrize(
    "headers",
    [{"crit": ["x"], "x": 1}, {"crit": ["exp"]}, {"crit": []}, {"crit": "b64"}, {"b64": False, "crit": ["b64"]}],
)
def test_an_extension_that_must_be_understood_is_refused(headers: dict[str, Any]) -> None:
    refused(signed(headers))


@pytest.mark.parametrize("payload", [[], "text", 5, None, True])
def test_a_payload_that_is_no_object_is_refused(payload: object) -> None:
    refused(assembled({"typ": "at+jwt", "alg": "EdDSA", "kid": RING.signer.kid}, payload))


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"exp":' + b"9" * 5000 + b"}", b"[" * 20_000, b'{"exp":1e999}'])
def test_a_signed_payload_that_is_no_json_of_ours_is_refused(raw: bytes) -> None:
    head = {"typ": "at+jwt", "alg": "EdDSA", "kid": RING.signer.kid}
    signing_input = f"{encoded(json.dumps(head).encode())}.{encoded(raw)}"
    refused(f"{signing_input}.{encoded(Ed25519PrivateKey.from_private_bytes(SEED).sign(signing_input.encode()))}")


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[]", b"null", b'{"kid":' + b"9" * 5000 + b"}", b"[" * 2900])
def test_a_header_that_is_no_json_object_is_refused(raw: bytes) -> None:
    refused(f"{encoded(raw)}.{GOOD.partition('.')[2]}")


@pytest.mark.parametrize(
    "change",
    [
        {"exp": NOW_S - 6},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": 10**30},
        {"exp": float("inf")},
        {"iat": NOW_S + 500},
        {"nbf": NOW_S + 500},
        {"aud": "other"},
        {"aud": ["heliograph"]},
        {"iss": "other"},
        {"sub": None},
        {"sid": 5},
        {"jti": None},
    ],
)
def test_a_signature_does_not_excuse_a_bad_claim(change: dict[str, Any]) -> None:
    refused(signed(payload=a_payload(**change)))


def test_the_clock_that_counts_is_the_one_that_was_given() -> None:
    later = made_of(RING, clock=lambda: NOW_MS + 605_000)
    assert refused(GOOD, later) == "expired"
    assert made_of(RING, clock=lambda: NOW_MS + 604_999).verify(GOOD)


@pytest.mark.parametrize("field", ["issuer", "audience"])
def test_a_token_for_another_deployment_is_refused(field: str) -> None:
    assert refused(GOOD, made_of(RING, **{field: "other"})) == "issuer or audience"


def test_an_old_key_of_the_ring_still_verifies_after_a_rotation() -> None:
    old, new = a_jwk("EdDSA"), a_jwk("ES256")
    before = made_of(ring_from_jwks(as_set(old))).sign(some_claims())
    public = {name: value for name, value in old.items() if name != "d"}
    rotated = made_of(ring_from_jwks(as_set(new, public)))
    assert rotated.verify(before) == some_claims()
    assert jwt.get_unverified_header(rotated.sign(some_claims()))["kid"] == new["kid"]
    refused(before, made_of(ring_from_jwks(as_set(new))))


def test_the_reason_never_holds_the_token() -> None:
    for token in (GOOD[:-2] + "xx", signed({"kid": "kid-of-a-thief"}), "garbage.garbage.garbage"):
        reason = refused(token)
        assert not any(part in reason for part in token.split("."))
        assert "thief" not in reason


PARTS = st.text(st.sampled_from(ALPHABET), max_size=60)


@law
@given(st.text(st.characters(exclude_categories=()), max_size=100) | st.tuples(PARTS, PARTS, PARTS).map(".".join))
@example("eyJhbGciOiJub25lIn0.e30.")
def test_any_text_is_refused_as_unauthenticated(text: str) -> None:
    refused(text)


HEADERS = st.dictionaries(
    st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "zip", "cty"]),
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=3), max_size=2),
    max_size=4,
)


@law
@given(HEADERS, st.dictionaries(st.sampled_from(sorted(a_payload())), st.none() | st.integers() | st.text(max_size=5)))
def test_any_signed_token_is_claims_or_is_refused(headers: dict[str, Any], changes: dict[str, Any]) -> None:
    with suppress(Unauthenticated):
        assert isinstance(TOKENS.verify(signed(headers, a_payload(**changes))), Claims)
