"""What a question is, and how it is asked: every peer in turn, round after round.

Interleaving (A B C A B C …) makes a slow minute of the machine everybody's, and gives pairs to take ratios of.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from bench import machine
from bench.peer import Peer
from bench.results import Figures, Results
from bench.stage import Stage
from bench.swarm import Silence

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a question. digits: how many behind the point people read. less: whether less is better."""

    name: str
    text: str
    unit: str
    digits: int = 1
    less: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """One question to all peers.

    name: the key of its figures. title, text: for people. condition: what its conditions are, with the unit.
    measure: asks one running peer. rounds, quick_rounds: how often each peer is asked; quick_peers: those of the quick
    run, none if it leaves the question out.
    """

    name: str
    title: str
    text: str
    condition: str
    metrics: tuple[Metric, ...]
    peers: tuple[Peer, ...]
    measure: Callable[[Stage, Peer], Figures]
    rounds: int = 3
    quick_peers: tuple[Peer, ...] = ()
    quick_rounds: int = 1


def ask(question: Question, results: Results, *, quick: bool, quiet: Callable[[], None]) -> None:
    """Ask every peer, as many rounds as the question wants, and add what they answer.

    quiet: called before each figure, to wait until nobody else is busy; a quick run does not.
    """
    peers = question.quick_peers if quick else question.peers
    for number in range(question.quick_rounds if quick else question.rounds):
        for one in peers:
            stage = Stage(quick=quick, quiet=quiet)
            figures = _turn(question, one, results, stage)
            _count(results, "repeated", stage.repeated)
            _count(results, "disturbed", int(stage.disturbance >= machine.FOREIGN))
            results.add(question.name, one.name, figures)
            about = f"{question.name} {number + 1} {one.name} ({stage.disturbance:.1%})"
            print(about, _brief(figures), file=sys.stderr)


def _turn(question: Question, one: Peer, results: Results, stage: Stage) -> Figures:
    """Measure one peer; a turn that fails is tried again, and the last failure is raised."""
    for attempt in range(ATTEMPTS):
        try:
            return question.measure(stage, one)
        except (OSError, Silence) as error:
            print(f"{question.name} {one.name} failed: {error!r}", file=sys.stderr)
            if stage.quick or attempt == ATTEMPTS - 1:
                raise
            _count(results, "failed", 1)
    raise AssertionError  # the last attempt has returned or raised


def _count(results: Results, what: str, number: int) -> None:
    results.about[what] = results.about.get(what, 0) + number


def _brief(figures: Figures) -> str:
    return " ".join(
        f"{condition}:{metric}={'-' if value is None else format(value, '.4g')}"
        for (condition, metric), value in figures.items()
    )
