from collections.abc import Iterable
from typing import Any

import pytest

from bench import peer
from bench.peer import Peer
from bench.question import Question, ask
from bench.results import Figures, Results
from bench.stage import ATTEMPTS, Stage


def question(errors: Iterable[OSError | None], rounds: int = 1, peers: tuple[Peer, ...] = (peer.OURS,)) -> Question:
    """Make a question whose turns fail so, or give their number as figure."""
    turns = iter(enumerate(errors))

    def measure(_: Stage, __: Peer) -> Figures:
        number, error = next(turns)
        if error is not None:
            raise error
        return {(1, "figure"): float(number)}

    return Question("some", "Some", "", "", (), peers, measure, rounds, quick_peers=peers)


def answers(asked: Question, *, quick: bool = False) -> tuple[list[float | None], dict[str, Any]]:
    results = Results()
    ask(asked, results, quick=quick, quiet=lambda: None)
    return results.values("some", 1, "ours", "figure"), results.about


def test_a_turn_that_fails_is_taken_again_and_counted() -> None:
    figures, about = answers(question([ConnectionError(), None]))

    assert (figures, about["failed"]) == ([1.0], 1)


def test_a_question_that_always_fails_is_an_error() -> None:
    with pytest.raises(ConnectionError):
        answers(question([ConnectionError()] * ATTEMPTS))


def test_a_quick_run_does_not_try_again() -> None:
    with pytest.raises(ConnectionError):
        answers(question([ConnectionError(), None]), quick=True)


def test_peers_take_turns_round_after_round() -> None:
    results = Results()
    ask(question([None] * 4, 2, (peer.NODE, peer.OURS)), results, quick=False, quiet=lambda: None)

    assert results.values("some", 1, "node", "figure") == [0.0, 2.0]
    assert results.values("some", 1, "ours", "figure") == [1.0, 3.0]
