"""Token buckets: no more than was granted, and an honest answer to when there is more."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from app.core.buckets import Bucket
from tests.core.laws import law

RATES = st.sampled_from([1 / 6, 30 / 3600, 0.1, 1.0, 3.0, 7.0, 30.0, 1000.0])


@law
@given(RATES, st.integers(1, 100), st.lists(st.floats(0, 10), max_size=300))
def test_never_more_than_the_burst_and_the_rate_are_taken(per_s: float, burst: int, steps: list[float]) -> None:
    bucket = Bucket.full(per_s, burst, 100.0)
    taken = sum(bucket.take(100.0 + after) == 0 for after in accumulate(steps))
    assert taken <= burst + per_s * sum(steps) + 1e-6


@law
@given(RATES, st.integers(1, 5), st.lists(st.floats(0, 2), max_size=30), st.integers(0, 10**6))
def test_who_waits_as_long_as_told_is_served(per_s: float, burst: int, steps: list[float], start: int) -> None:
    bucket, now_s = Bucket.full(per_s, burst, float(start)), float(start)
    for step in steps:
        now_s += step
        if wait_ms := bucket.take(now_s):
            now_s += wait_ms / 1000
            assert bucket.take(now_s) == 0


@law
@given(RATES, st.integers(1, 100))
def test_a_full_bucket_serves_its_burst_at_once_and_no_more(per_s: float, burst: int) -> None:
    bucket = Bucket.full(per_s, burst, 5.0)
    assert [bucket.take(5.0) for _ in range(burst)] == [0] * burst
    assert bucket.take(5.0) > 0


def test_the_wait_is_no_longer_than_it_has_to_be() -> None:
    bucket = Bucket.full(3.0, 1, 0.0)
    bucket.take(0.0)
    assert bucket.take(0.0) == 334
    assert bucket.take(0.3) == 34


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = Bucket.full(10.0, 3, 0.0)
    assert [bucket.take(1e6) == 0 for _ in range(4)] == [True, True, True, False]
