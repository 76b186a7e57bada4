"""What counts of a foreign token: the rules, without a signature."""

from typing import Any

import pytest

from app.core.errors import Unauthenticated
from app.core.foreign import ClaimNames, Foreign, IssuerRules, Known, foreign_from
from app.core.ids import is_id
from app.core.model import User
from app.core.policy import permissions_of
from app.core.text import check_username

NOW_S = 1_800_000_000
RULES = IssuerRules(issuer="https://a", audience="chat", algorithms=("ES256",), roles=("member", "admin"))
PAYLOAD = {"iss": "https://a", "aud": "chat", "sub": "s", "iat": NOW_S, "exp": NOW_S + 600, "jti": "j"}
USER = User(id="usr_1", username="a", display_name="A", roles=("member",), created_at_ms=0)


def taken(rules: IssuerRules = RULES, typ: str = "at+jwt", **changes: Any) -> Foreign:
    return foreign_from({**PAYLOAD, **changes}, rules, typ, now_ms=NOW_S * 1000, leeway_s=5)


def named(**names: str | None) -> IssuerRules:
    return IssuerRules(issuer="https://a", audience="chat", algorithms=(), names=ClaimNames(**names))  # type: ignore[arg-type]  # sub is a str in all of them


def test_what_is_not_said_is_what_the_default_role_holds() -> None:
    claims = taken().claims("usr_1", "A")
    assert (claims.subject, claims.issuer, claims.name) == ("usr_1", "https://a", "A")
    assert claims.roles == ("member",)
    assert claims.scope == permissions_of(["member"])


@pytest.mark.parametrize(
    ("said", "roles"),
    [("admin", ("admin",)), (["admin", "member"], ("member", "admin")), ("root admin", ("admin",)), ([], ()), ("", ())],
)
def test_only_allowed_roles_count(said: Any, roles: tuple[str, ...]) -> None:
    assert taken(roles=said).roles == roles


def test_an_issuer_that_may_not_name_members_has_guests_or_nobody() -> None:
    def default(*roles: str) -> tuple[str, ...]:
        return taken(IssuerRules(issuer="https://a", audience="chat", algorithms=(), roles=roles)).default_roles

    assert default("guest", "admin") == ("guest",)
    assert default("admin") == ()


def test_a_claim_is_found_by_its_name_or_else_its_path() -> None:
    rules = named(sub="user.id", name=None)
    assert taken(rules, user={"id": "u"}).subject == "u"
    both: dict[str, Any] = {"user.id": "exact", "user": {"id": "u"}}
    assert taken(rules, **both).subject == "exact"
    assert taken(rules, user={"id": "u"}, name="N").name is None
    with pytest.raises(Unauthenticated):
        taken(rules, user="u")


@pytest.mark.parametrize(
    ("name", "shown"), [(" Ana ", "Ana"), ("x" * 70, "x" * 64), ("", None), ("a\0", None), (5, None)]
)
def test_a_name_that_cannot_be_shown_is_no_reason_to_refuse(name: Any, shown: str | None) -> None:
    assert taken(name=name).name == shown


def test_tokens_of_one_family_have_one_session_and_others_another() -> None:
    assert taken(sid="f", jti="1").session_id() == taken(sid="f", jti="2").session_id()
    told = [taken(), taken(jti="k"), taken(sid="j"), taken(sub="t"), taken(sub="sj", jti="")]
    sessions = {each.session_id() for each in told}
    assert len(sessions) == len(told)
    assert all(is_id(session, "ses") for session in sessions)


def test_texts_that_read_alike_when_joined_are_two_sessions() -> None:
    one = IssuerRules(issuer="https://a", audience="chat", algorithms=())
    other = IssuerRules(issuer="https://ab", audience="chat", algorithms=())
    first, second = taken(one, sub="bc"), taken(other, iss="https://ab", sub="c")
    assert first.session_id() != second.session_id()
    assert first.username(20) != second.username(20)


@pytest.mark.parametrize("name", ["Ana Lía", "李", "", "x" * 64, "..--", None])
@pytest.mark.parametrize("tail", [6, 12, 20])
def test_a_user_name_is_always_a_valid_one(name: str | None, tail: int) -> None:
    assert check_username(taken(name=name).username(tail))


def test_without_a_jti_only_a_plain_jwt_is_taken() -> None:
    """RFC 9068, 2.2, asks for one; plain tokens of others may have none."""
    assert taken(typ="JWT", jti=None).family == f"iat:{NOW_S}"
    with pytest.raises(Unauthenticated):
        taken(typ="application/AT+JWT", jti=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW_S - 5},
        {"exp": NOW_S, "iat": NOW_S},
        {"exp": NOW_S + 86401},
        {"iat": NOW_S + 6, "exp": NOW_S + 9},
        {"nbf": NOW_S + 6},
        {"exp": 1.5},
        {"iat": True},
        {"iss": ["https://a"]},
        {"aud": {"chat": 1}},
        {"aud": "CHAT"},
    ],
)
def test_a_payload_that_does_not_hold_now_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        taken(**{"iat": NOW_S - 60, **changes})


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_the_type_is_a_media_type(typ: str) -> None:
    assert RULES.accepts_type(typ)


@pytest.mark.parametrize("typ", ["JWT", "", None, 5, "rt+jwt", "text/at+jwt", ["at+jwt"]])
def test_another_type_is_not_accepted(typ: object) -> None:
    assert not RULES.accepts_type(typ)


def test_nothing_is_stored_for_a_token_that_says_nothing_new() -> None:
    foreign, end_ms = taken(name="A", roles="member"), (NOW_S + 605) * 1000
    known = Known(
        user=USER, stated_name="A", stated_roles=("member",), stated_at_s=NOW_S - 1, session_expires_at_ms=end_ms
    )
    assert not known.learns_from(foreign, end_ms)
    assert known.learns_from(foreign, end_ms + 1)
    assert known.learns_from(taken(name="B"), end_ms)
    known.require_welcome()


def test_nothing_is_stored_for_a_token_that_is_not_welcome() -> None:
    foreign, end_ms = taken(), (NOW_S + 605) * 1000
    suspended = User(id="u", username="a", display_name="A", roles=(), created_at_ms=0, suspended_at_ms=1)
    for known in (
        Known(user=suspended),
        Known(user=USER, session_revoked=True, session_expires_at_ms=1),
        Known(user=USER, valid_after_ms=NOW_S * 1000),
    ):
        assert not known.learns_from(foreign, end_ms)
        with pytest.raises(Unauthenticated):
            known.require_welcome()
