"""Patterns of channel names."""

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.capabilities import granted, matches

FEW = st.text("ab*", max_size=8)


@given(FEW, st.text("ab", max_size=10))
def test_star_matches_what_a_shell_s_star_matches(pattern: str, name: str) -> None:
    assert matches(pattern, name) == (re.fullmatch(fnmatch.translate(pattern), name) is not None)


@pytest.mark.parametrize(
    ("pattern", "name", "does"),
    [
        ("support-*", "support-1", True),
        ("support-*", "support-", True),
        ("Support-*", "support-1", True),
        ("support-*", "my-support-1", False),
        ("*", "", True),
        ("a*a", "a", False),
        ("[ab]?", "a1", False),
        ("news", "news", True),
        ("news", "newsroom", False),
    ],
)
def test_patterns(pattern: str, name: str, does: bool) -> None:
    assert matches(pattern, name) is does


def test_long_patterns_cost_no_more_than_their_length() -> None:
    assert not matches("a*" * 60 + "b", "a" * 5000)


def test_only_named_actions_are_granted() -> None:
    held = {"news": ("read",), "support-*": ("read", "send")}

    assert granted(held, "NEWS", "read")
    assert not granted(held, "news", "send")
    assert granted(held, "support-7", "send")
    assert not granted(held, "support-7", "join")
    assert not granted(None, "news", "read")
