"""The setting that names trusted issuers: what it takes, and that every fault is told and no secret is."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from app.secure.issuer_setting import IssuerFaults, parse_issuers
from app.secure.issuers import TrustedIssuer
from app.secure.keys import new_jwk
from tests.issuers import DROP, Issuer, setting

SECRET = "Zk3-quite-unlikely-8fkq2-and-long-enough"


def parsed(text: str, *, production: bool = False) -> tuple[TrustedIssuer, ...]:
    return parse_issuers(text, production=production, own="heliograph")


def faults(*entries: Any, production: bool = False) -> list[str]:
    with pytest.raises(IssuerFaults) as caught:
        parsed(json.dumps(entries), production=production)
    return caught.value.faults


def pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def test_an_empty_list_trusts_nobody() -> None:
    assert parsed("[]") == ()


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_a_public_key_is_taken_as_a_jwk(algorithm: str) -> None:
    (found,) = parsed(setting(Issuer(algorithm).entry()))
    assert found.key is not None
    assert (found.key.algorithm, found.key.signing, found.jwks_url) == (algorithm, None, None)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("RS256", rsa.generate_private_key(65537, 2048)),
    ],
    ids=["EdDSA", "ES256", "RS256"],
)
def test_a_public_key_is_taken_as_pem(algorithm: str, key: Any) -> None:
    (found,) = parsed(setting(Issuer(algorithm).entry(public_key=pem(key))))
    assert found.key is not None
    assert found.key.algorithm == algorithm


def test_a_secret_is_taken_with_hs256() -> None:
    (found,) = parsed(setting(Issuer("HS256").entry(secret=SECRET)))
    assert found.key is not None
    assert found.key.verifying == SECRET.encode()
    assert SECRET not in repr(found)


@pytest.mark.parametrize("url", ["https://a.example/jwks", "https://a.example:8443/x?y=z", "http://localhost:9/jwks"])
def test_an_address_of_keys_is_taken(url: str) -> None:
    (found,) = parsed(setting(Issuer().entry(jwks_url=url)))
    assert (found.key, found.jwks_url) == (None, url)


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/jwks",
        "ftp://a.example/",
        "file:///etc/passwd",
        "https://",
        "https://u:p@a.example/",
        "",
        5,
        None,
        "http://127.0.0.1.evil.example/",
        "https://a.example/#x",
        "https://[::1",
        "http://169.254.169.254/",
    ],
)
def test_any_other_address_is_refused(url: Any) -> None:
    (fault,) = faults(Issuer().entry(jwks_url=url))
    assert fault.startswith("[0].jwks_url: must be ")


def test_production_asks_keys_of_no_plain_http_address() -> None:
    (fault,) = faults(Issuer().entry(jwks_url="http://127.0.0.1:9/jwks"), production=True)
    assert fault == "[0].jwks_url: must be https://"


@pytest.mark.parametrize("secret", ["secret", "a" * 64, "changeme" * 8, "x" * 31, "", 5, None, "\ud800" * 40])
def test_a_weak_secret_is_refused(secret: Any) -> None:
    (fault,) = faults(Issuer("HS256").entry(secret=secret))
    assert fault.startswith("[0].secret: ")


@pytest.mark.parametrize("algorithms", [["HS256", "RS256"], ["RS256"], ["ES256"]])
def test_a_secret_is_used_with_nothing_but_hs256(algorithms: list[str]) -> None:
    assert faults(Issuer("HS256").entry(secret=SECRET, algorithms=algorithms))


@pytest.mark.parametrize("fields", [{"jwks_url": "https://a.example/"}, {}])
def test_a_published_key_is_no_secret(fields: dict[str, Any]) -> None:
    """RFC 8725, 2.1."""
    assert "HS256 needs a secret" in faults(Issuer().entry(algorithms=["ES256", "HS256"], **fields))[0]


@pytest.mark.parametrize("algorithms", [[], ["none"], ["HS512"], ["es256"], "ES256", None, DROP, [5], ["ES256", "x"]])
def test_only_known_algorithms_are_taken(algorithms: Any) -> None:
    told = faults(Issuer().entry(jwks_url="https://a.example/", algorithms=algorithms))
    assert told == ["[0].algorithms: must be a list of some of EdDSA, ES256, RS256, HS256"]


def test_a_key_of_another_algorithm_than_the_listed_ones_is_refused() -> None:
    assert "is a key of ES256" in faults(Issuer("ES256").entry(algorithms=["RS256"]))[0]


@pytest.mark.parametrize(
    "key",
    [
        new_jwk("ES256"),
        new_jwk("HS256"),
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode(),
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ec.generate_private_key(ec.BrainpoolP256R1())),
        pem(dsa.generate_private_key(1024)),
        pem(rsa.generate_private_key(65537, 1024)),
        "nonsense",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        {},
        {"kty": "EC"},
        {"kty": 5},
        5,
        [],
        None,
        "\ud800",
    ],
    ids=range(16),
)
def test_a_key_that_is_not_sound_and_public_is_refused_and_not_repeated(key: Any) -> None:
    (fault,) = faults(Issuer().entry(public_key=key))
    assert fault.startswith("[0].public_key: ")
    secret = key.get("d") or key.get("k") if isinstance(key, dict) else key
    assert not (isinstance(secret, str) and len(secret) > 10 and secret in fault)


def test_exactly_one_source_of_keys_is_named() -> None:
    none = {name: value for name, value in Issuer().entry().items() if name != "public_key"}
    assert faults(none) == ["[0]: must have exactly one of jwks_url, public_key, secret"]
    assert faults(Issuer().entry(jwks_url="https://a.example/", secret=SECRET))[0] == faults(none)[0]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"issuer": ""}, ".issuer: must be a text"),
        ({"issuer": "has blanks"}, ".issuer: must be a text"),
        ({"issuer": "heliograph"}, ".issuer: is listed before, or is our own"),
        ({"audience": ["a"]}, ".audience: must be a text"),
        ({"audience": DROP}, ".audience: must be a text"),
        ({"roles": ["root"]}, ".roles: must be a list"),
        ({"roles": "admin"}, ".roles: must be a list"),
        ({"typ": "rt+jwt"}, ".typ: must be some of"),
        ({"typ": []}, ".typ: must be some of"),
        ({"typ": None}, ".typ: must be some of"),
        ({"claims": {"email": "email"}}, ".claims: can name sub, name, roles, scope, channels"),
        ({"claims": {"sub": None}}, ".claims.sub: must be the name of a claim"),
        ({"claims": {"roles": 5}}, ".claims.roles: must be the name of a claim, or null"),
        ({"claims": []}, ".claims: is not an object"),
        ({"jwks": "x"}, ": has unknown fields (jwks)"),
    ],
)
def test_a_fault_says_where_it_is(fields: dict[str, Any], fault: str) -> None:
    (told,) = faults(Issuer().entry(**fields))
    assert told.startswith("[0]" + fault)


def test_one_issuer_cannot_be_listed_twice() -> None:
    assert faults(Issuer().entry(), Issuer().entry()) == ["[1].issuer: is listed before, or is our own (JWT_ISSUER)"]


def test_all_faults_of_all_issuers_are_told_together() -> None:
    told = faults(Issuer().entry(audience=5, roles=[]), "x", Issuer().entry(algorithms=[], typ=5))
    assert [line.partition(": ")[0] for line in told] == [
        "[0].audience", "[0].roles", "[1]", "[2].issuer", "[2].algorithms", "[2].typ", "[2].public_key",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "x", "[" * 5000, "{}", "5", "null", '"x"', json.dumps([{}] * 51)])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(IssuerFaults):
        parsed(text)


def test_users_of_an_issuer_are_members_and_no_more_unless_it_is_said() -> None:
    (found,) = parsed(setting(Issuer().entry()))
    assert found.rules.roles == ("member",)
    assert found.rules.types == ("at+jwt",)
    (wider,) = parsed(setting(Issuer().entry(roles=["admin", "member"], typ=["JWT", "at+jwt"])))
    assert set(wider.rules.roles) == {"admin", "member"}
    assert wider.rules.accepts_type("JWT")
    assert not found.rules.accepts_type("JWT")
