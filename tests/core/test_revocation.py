"""Which claims are over before their time."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.claims import Claims
from app.core.entries import Ended
from app.core.revocation import KEEP_MS, Revocations
from tests.core.values import NOW_MS, SESSION, USER, an_id

OTHER_SESSION = an_id("ses", 2)
AT_S = NOW_MS // 1000


def claims(issued_at_s: int = AT_S - 100, session_id: str = SESSION, subject: str = USER) -> Claims:
    return Claims(
        issuer="i",
        subject=subject,
        session_id=session_id,
        token_id="t",
        issued_at_s=issued_at_s,
        expires_at_s=issued_at_s + 600,
        name="Ana",
    )


def ended(session_id: str | None = None, except_id: str | None = None, at_ms: int = NOW_MS) -> Ended:
    return Ended(user_id=USER, reason="signed_out", at_ms=at_ms, session_id=session_id, except_id=except_id)


def test_nothing_is_over_at_first() -> None:
    assert not Revocations().cover(claims())


def test_ended_session_is_over_whenever_its_token_was_made() -> None:
    revocations = Revocations()
    revocations.add(ended(SESSION))

    assert revocations.cover(claims())
    assert revocations.cover(claims(issued_at_s=AT_S + 1000))
    assert not revocations.cover(claims(session_id=OTHER_SESSION))


def test_ending_all_sessions_covers_what_was_made_before_and_spares_the_excepted_one() -> None:
    revocations = Revocations()
    revocations.add(ended(except_id=OTHER_SESSION))

    assert revocations.cover(claims())
    assert not revocations.cover(claims(session_id=OTHER_SESSION))
    assert not revocations.cover(claims(subject=an_id("usr", 2)))


def test_signing_in_again_within_the_same_second_is_not_covered() -> None:
    revocations = Revocations()
    revocations.add(ended(at_ms=AT_S * 1000 + 500))

    assert revocations.cover(claims(issued_at_s=AT_S - 1))
    assert not revocations.cover(claims(issued_at_s=AT_S))


def test_older_news_does_not_weaken_newer() -> None:
    revocations = Revocations()
    revocations.add(ended(at_ms=NOW_MS))
    revocations.add(ended(at_ms=NOW_MS - 50_000, except_id=SESSION))

    assert revocations.cover(claims(issued_at_s=AT_S - 10))


@given(st.integers(0, 2 * KEEP_MS))
def test_nothing_is_forgotten_while_a_token_of_it_could_verify(later_ms: int) -> None:
    revocations = Revocations()
    revocations.add(ended(SESSION))
    revocations.add(ended())
    revocations.forget(NOW_MS + later_ms)

    assert revocations.cover(claims()) == (later_ms < KEEP_MS)
    assert len(revocations) in (0, 2)
