"""What the payload of a verified token must say before it is believed (RFC 9068 section 4)."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.claims import MAX_LIFETIME_S, Claims, claims_from, payload_from
from app.core.errors import Unauthenticated
from tests.core.laws import law
from tests.core.values import NOW_MS, NOW_S, SESSION, USER, a_payload, some_claims

LEEWAY_S = 5
REQUIRED = ("iss", "aud", "sub", "exp", "iat", "jti", "sid")


def take(payload: dict[str, Any], now_ms: int = NOW_MS) -> Claims:
    return claims_from(payload, issuer="heliograph", audience="heliograph", now_ms=now_ms, leeway_s=LEEWAY_S)


def refused(payload: dict[str, Any], now_ms: int = NOW_MS) -> str:
    """Give the reason for which a payload is refused; strangers must see only the one code."""
    with pytest.raises(Unauthenticated) as caught:
        take(payload, now_ms)
    assert caught.value.code == "auth_failed"
    assert caught.value.reason is not None
    return caught.value.reason


def test_a_good_payload_becomes_claims() -> None:
    claims = take(a_payload(channels={"support-*": ["read", "send"]}, tenant="t1"))
    assert claims == some_claims(
        roles=("member",),
        scope=frozenset({"messages:read", "messages:send"}),
        channels={"support-*": ("read", "send")},
        extra={"tenant": "t1"},
    )


@pytest.mark.parametrize("claim", REQUIRED)
def test_every_required_claim_must_be_there(claim: str) -> None:
    payload = a_payload()
    del payload[claim]
    assert claim in refused(payload)


@pytest.mark.parametrize("value", [None, True, [], ["heliograph"], {}, 1.5, float("inf"), float("nan")])
@pytest.mark.parametrize("claim", REQUIRED)
def test_a_claim_of_another_type_is_refused(claim: str, value: object) -> None:
    assert claim in refused(a_payload(**{claim: value}))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("roles", "admin"),
        ("roles", [1]),
        ("roles", None),
        ("scope", ["messages:read"]),
        ("name", 5),
        ("nbf", "0"),
        ("channels", ["support-*"]),
        ("channels", {"support-*": "read"}),
        ("channels", {"support-*": [1]}),
    ],
)
def test_optional_claims_must_be_of_their_type_too(claim: str, value: object) -> None:
    assert claim in refused(a_payload(**{claim: value}))


@pytest.mark.parametrize("value", ["", "heliograph2", "heliograp", "HELIOGRAPH"])
@pytest.mark.parametrize("claim", ["iss", "aud"])
def test_another_issuer_or_audience_is_refused(claim: str, value: str) -> None:
    assert refused(a_payload(**{claim: value})) == "issuer or audience"


def test_an_audience_list_is_refused_even_with_us_in_it() -> None:
    assert "aud" in refused(a_payload(aud=["heliograph", "other"]))


@pytest.mark.parametrize("exp", [10**30, NOW_S + MAX_LIFETIME_S + 1, 2**63])
def test_a_token_that_lives_too_long_is_refused(exp: int) -> None:
    assert refused(a_payload(exp=exp)) == "lifetime over the limit"


def test_a_token_of_the_longest_lifetime_is_taken() -> None:
    assert take(a_payload(exp=NOW_S + MAX_LIFETIME_S)).expires_at_s == NOW_S + MAX_LIFETIME_S


@pytest.mark.parametrize("exp", [0, -1, -(10**30), NOW_S - LEEWAY_S])
def test_a_token_past_its_expiry_is_refused(exp: int) -> None:
    assert refused(a_payload(exp=exp, iat=NOW_S - 600)) == "expired"


def test_the_leeway_ends_to_the_millisecond() -> None:
    payload = a_payload(exp=NOW_S + 600)
    end_ms = (NOW_S + 600 + LEEWAY_S) * 1000
    assert take(payload, end_ms - 1).expires_at_s == NOW_S + 600
    assert refused(payload, end_ms) == "expired"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_from_the_future_is_refused_beyond_the_leeway(claim: str) -> None:
    assert take(a_payload(**{claim: NOW_S + LEEWAY_S})).subject == USER
    assert refused(a_payload(**{claim: NOW_S + LEEWAY_S + 1})) == "not valid yet"
    assert refused(a_payload(**{claim: NOW_S + 500})) == "not valid yet"


@pytest.mark.parametrize("iat", [0, -(10**30)])
def test_an_old_issue_does_not_stretch_the_lifetime(iat: int) -> None:
    assert refused(a_payload(iat=iat)) == "lifetime over the limit"


def test_a_token_without_name_roles_or_scope_may_do_nothing() -> None:
    payload = a_payload()
    for claim in ("name", "roles", "scope"):
        del payload[claim]
    claims = take(payload)
    assert (claims.name, claims.roles, claims.scope, claims.channels) == ("", (), frozenset(), None)


NAMES = st.text(st.characters(codec="utf-8"), max_size=10)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=8)
OWN = {"iss", "aud", "sub", "exp", "iat", "nbf", "jti", "sid", "roles", "scope", "name", "channels"}


@law
@given(
    name=NAMES,
    roles=st.lists(NAMES, max_size=3).map(tuple),
    scope=st.frozensets(WORDS, max_size=4),
    channels=st.none() | st.dictionaries(NAMES, st.lists(NAMES, max_size=2).map(tuple), max_size=3),
    extra=st.dictionaries(NAMES.filter(lambda key: key not in OWN), st.integers() | NAMES, max_size=3),
)
def test_claims_survive_being_written_and_read(**fields: Any) -> None:
    claims = some_claims(**fields)
    assert take(payload_from(claims, "heliograph")) == claims


@law
@given(st.dictionaries(st.sampled_from([*sorted(OWN), "x"]), st.none() | st.integers() | st.floats() | st.text()))
def test_any_payload_is_claims_or_is_refused(payload: dict[str, Any]) -> None:
    with suppress(Unauthenticated):
        assert isinstance(take(payload), Claims)


def test_extra_claims_cannot_pass_for_the_servers_own() -> None:
    forged = dict.fromkeys(OWN, "forged")
    assert payload_from(some_claims(extra=forged), "heliograph") == payload_from(some_claims(), "heliograph")


def test_a_change_of_roles_changes_nothing_else() -> None:
    changed = some_claims(extra={"x": 1}).with_roles(("admin",), frozenset({"users:read"}))
    assert changed == some_claims(extra={"x": 1}, roles=("admin",), scope=frozenset({"users:read"}))
    assert changed.session_id == SESSION
