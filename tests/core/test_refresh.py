"""The table of what presenting a refresh token means."""

import pytest

from app.core.refresh import REUSE_WINDOW_MS, judge

NOW = 1_000_000
FRESH, OVER = NOW + 1, NOW
JUST_NOW, LONG_AGO = NOW - REUSE_WINDOW_MS, NOW - REUSE_WINDOW_MS - 1


@pytest.mark.parametrize(
    ("expires_at_ms", "spent_at_ms", "session_lives", "verdict"),
    [
        (FRESH, None, True, "rotate"),
        (OVER, None, True, "dead"),
        (FRESH, JUST_NOW, True, "again"),
        (OVER, JUST_NOW, True, "again"),
        (FRESH, LONG_AGO, True, "reuse"),
        (OVER, LONG_AGO, True, "reuse"),
        (FRESH, None, False, "dead"),
        (OVER, None, False, "dead"),
        (FRESH, JUST_NOW, False, "dead"),
        (OVER, JUST_NOW, False, "dead"),
        (FRESH, LONG_AGO, False, "dead"),
        (OVER, LONG_AGO, False, "dead"),
    ],
)
def test_every_case_has_its_verdict(
    expires_at_ms: int, spent_at_ms: int | None, session_lives: bool, verdict: str
) -> None:
    given = judge(now_ms=NOW, expires_at_ms=expires_at_ms, spent_at_ms=spent_at_ms, session_lives=session_lives)
    assert given == verdict


def test_a_clock_that_stepped_back_ends_no_family() -> None:
    assert judge(now_ms=NOW, expires_at_ms=FRESH, spent_at_ms=NOW + 5000, session_lives=True) == "again"


def test_the_window_is_the_ten_seconds_of_the_contract() -> None:
    assert REUSE_WINDOW_MS == 10_000
