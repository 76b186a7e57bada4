"""What each user may change in one process."""

import pytest

from app.core.allowance import Allowance, Exceeded
from app.services import shares
from app.services.shares import Shares


class Time:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_burst_is_let_through_and_then_the_rate() -> None:
    monotonic = Time()
    writes = Shares(2.0, 3, monotonic)

    told = [writes.take("ana") for _ in range(3)]
    with pytest.raises(Exceeded) as refused:
        writes.take("ana")
    monotonic.now_s += 0.5

    assert told == [Allowance(3, 2, 500), Allowance(3, 1, 1000), Allowance(3, 0, 1500)]
    assert (refused.value.allowance.remaining, refused.value.retry_after_ms) == (0, 501)
    assert writes.take("ana").remaining == 0
    assert writes.take("bo").remaining == 2


def test_names_longest_unused_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "MAX_NAMES", 2)
    writes = Shares(1.0, 5, Time())
    for name in ("ana", "bo", "ana", "cy"):
        writes.take(name)

    assert [writes.take(name).remaining for name in ("ana", "bo")] == [2, 4]
