from collections.abc import Iterable
from typing import Any

import pytest

from bench import peer
from bench.peer import Peer
from bench.question import Question, Stage, ask
from bench.results import Figures, Results

FAILS = 2.0


def question(disturbances: Iterable[float], rounds: int = 1, peers: tuple[Peer, ...] = (peer.OURS,)) -> Question:
    """Make a question whose turns are disturbed by that much, each giving the next number as its figure."""
    turns = iter(enumerate(disturbances))

    def measure(stage: Stage, _: Peer) -> Figures:
        number, stage.disturbance = next(turns)
        if stage.disturbance == FAILS:
            raise ConnectionError("the server closed a connection")
        return {(1, "figure"): float(number)}

    return Question("some", "Some", "", "", (), peers, measure, rounds, quick_peers=peers)


def answers(asked: Question, *, quick: bool = False) -> tuple[list[float | None], dict[str, Any], int]:
    results = Results()
    waits: list[None] = []
    ask(asked, results, quick=quick, quiet=lambda: waits.append(None))
    return results.values("some", 1, "ours", "figure"), results.about, len(waits)


def test_an_undisturbed_turn_counts_at_once() -> None:
    assert answers(question([0.01])) == ([0.0], {}, 1)


def test_a_disturbed_turn_is_repeated_until_it_is_quiet() -> None:
    assert answers(question([0.5, 0.5, 0.01])) == ([2.0], {"disturbed": 2}, 3)


def test_where_it_never_is_quiet_the_quietest_turn_counts_and_is_counted() -> None:
    assert answers(question([0.5, 0.2, 0.3])) == ([1.0], {"disturbed": 3, "kept_disturbed": 1}, 3)


def test_a_quick_run_does_not_repeat() -> None:
    figures, _, waits = answers(question([0.5, 0.01]), quick=True)

    assert (figures, waits) == ([0.0], 0)


def test_a_turn_that_fails_is_repeated_and_counted() -> None:
    assert answers(question([FAILS, 0.01])) == ([1.0], {"failed": 1}, 2)


def test_a_question_that_always_fails_is_an_error() -> None:
    with pytest.raises(ConnectionError):
        answers(question([FAILS] * 3))


def test_peers_take_turns_round_after_round() -> None:
    results = Results()
    ask(question([0.0] * 4, 2, (peer.NODE, peer.OURS)), results, quick=False, quiet=lambda: None)

    assert results.values("some", 1, "node", "figure") == [0.0, 2.0]
    assert results.values("some", 1, "ours", "figure") == [1.0, 3.0]
