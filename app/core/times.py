"""Instants as whole milliseconds since the Unix epoch, and their one written form. Reads no clock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], int]
"""Tells the time of day in milliseconds since the Unix epoch; never used to order anything."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(at_ms: int) -> str:
    """Write an instant as RFC 3339 in UTC with milliseconds and `Z`."""
    at = _EPOCH + timedelta(milliseconds=at_ms)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}Z"


def rfc3339_or_none(at_ms: int | None) -> str | None:
    """Write an instant, or None where there is none."""
    return None if at_ms is None else rfc3339(at_ms)


def from_rfc3339(text: str) -> int:
    """Read an instant as RFC 3339 writes it, with its offset, to the millisecond. Raises ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or "T" not in text.upper():
        raise ValueError("no date, time and offset")
    return (at - _EPOCH) // timedelta(milliseconds=1)
