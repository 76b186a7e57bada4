import time
from collections.abc import Iterable

import pytest

from bench import machine
from bench.stage import ATTEMPTS, Stage


class Watch:
    """A watch that has seen so much of others."""

    def __init__(self, share: float) -> None:
        self._share = share

    def disturbance(self) -> float:
        return self._share


def staged(shares: Iterable[float], *, quick: bool = False) -> tuple[Stage, list[str]]:
    """Make a stage whose windows are disturbed that much, one after the other, and the diary of what it does."""
    diary: list[str] = []
    stage, disturbed = Stage(quick=quick, quiet=lambda: diary.append("wait")), iter(shares)
    stage._watches = lambda: [Watch(0.0), Watch(next(disturbed))]  # type: ignore[list-item]
    return stage, diary


def take(stage: Stage, diary: list[str], *, wait: bool = True) -> int:
    def figure() -> int:
        diary.append("take")
        return diary.count("take")

    return stage.window(figure, wait=wait)


def test_an_undisturbed_figure_counts_at_once() -> None:
    stage, diary = staged([0.01])

    assert (take(stage, diary), stage.repeated, diary) == (1, 0, ["wait", "take"])


def test_a_disturbed_figure_is_taken_again_until_it_is_not() -> None:
    stage, diary = staged([0.5, 0.5, 0.01])

    assert (take(stage, diary), stage.repeated, stage.disturbance) == (3, 2, 0.01)


def test_where_it_never_is_quiet_the_quietest_figure_counts() -> None:
    stage, diary = staged([0.5, 0.2, 0.3, 0.4])

    assert (take(stage, diary), stage.repeated, stage.disturbance) == (2, ATTEMPTS, 0.2)


def test_the_worst_figure_that_counts_is_remembered() -> None:
    stage, diary = staged([0.05, 0.01])
    take(stage, diary)
    take(stage, diary)

    assert stage.disturbance == 0.05


def test_a_quick_run_takes_it_once() -> None:
    stage, diary = staged([0.5], quick=True)

    assert (take(stage, diary), stage.disturbance) == (1, 0.5)


def test_nothing_is_waited_for_where_clients_must_be_answered() -> None:
    stage, diary = staged([0.01])
    take(stage, diary, wait=False)

    assert diary == ["take"]


def test_what_processes_of_the_bench_use_is_no_disturbance(monkeypatch: pytest.MonkeyPatch) -> None:
    busy_s, own_s = iter([100.0, 103.0]), iter([10.0, 12.0])
    now_s = iter([0.0, 10.0])
    monkeypatch.setattr(machine, "busy_s", lambda _: next(busy_s))
    monkeypatch.setattr(time, "monotonic", lambda: next(now_s))

    assert machine.Quiet(0, [lambda: next(own_s)]).disturbance() == pytest.approx(0.1)
