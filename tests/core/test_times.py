"""The one written form of an instant."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.times import from_rfc3339, rfc3339, rfc3339_or_none
from tests.core.laws import law

LAST_MS = 253_402_300_799_999


@law
@given(st.integers(0, LAST_MS))
def test_an_instant_is_rfc3339_in_utc_with_milliseconds(at_ms: int) -> None:
    text = rfc3339(at_ms)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    read = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    assert (read - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000 == pytest.approx(at_ms, abs=0.5)


@law
@given(st.integers(0, LAST_MS), st.integers(0, LAST_MS))
def test_written_instants_sort_as_the_instants_do(one: int, other: int) -> None:
    assert (one < other) == (rfc3339(one) < rfc3339(other))


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (999, "1970-01-01T00:00:00.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_800_000_000_050, "2027-01-15T08:00:00.050Z"),
        (LAST_MS, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_known_instants_are_written_so(at_ms: int, text: str) -> None:
    assert rfc3339(at_ms) == text


def test_no_instant_is_none() -> None:
    assert rfc3339_or_none(None) is None
    assert rfc3339_or_none(0) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("1970-01-01T00:00:00.001Z", 1),
        ("2026-01-31T12:00:00Z", 1_769_860_800_000),
        ("2026-01-31T13:00:00.25+01:00", 1_769_860_800_250),
        ("1969-12-31T23:59:59Z", -1000),
    ],
)
def test_instant_is_read_with_its_offset(text: str, at_ms: int) -> None:
    assert from_rfc3339(text) == at_ms


@pytest.mark.parametrize("text", ["", "now", "2026-01-31", "2026-01-31T12:00:00", "2026-13-01T00:00:00Z", "20260131"])
def test_text_that_names_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_rfc3339(text)
