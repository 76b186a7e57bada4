"""How long to wait before the next try."""

from app.bus.backoff import Backoff


def test_waits_double_up_to_a_second() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_s() for _ in range(8)] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]


def test_chance_takes_up_to_half_of_a_wait() -> None:
    assert Backoff(lambda: 0.0).next_s() == 0.025


def test_a_success_starts_over() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(5):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() == 0.05


def test_a_thousand_failures_are_as_patient_as_ten() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_s() for _ in range(1000)][-1] == 1.0
