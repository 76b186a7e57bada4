"""What a question is, and how it is asked: every peer in turn, round after round, disturbed turns once more.

Interleaving (A B C A B C …) makes a slow minute of the machine everybody's, and gives pairs to take ratios of.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from bench import machine, peer
from bench.peer import Peer, Process
from bench.results import Figures, Results
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
    measure: Callable[["Stage", Peer], Figures]
    rounds: int = 3
    quick_peers: tuple[Peer, ...] = ()
    quick_rounds: int = 1


class Stage:
    """Where peers run. quick: measure less, for less time."""

    def __init__(self, *, quick: bool) -> None:
        self.quick = quick
        self.disturbance = 0.0

    @contextmanager
    def running(self, one: Peer, **options: Any) -> Iterator[Process]:
        """Run a peer, with a Valkey if it needs one, and watch both cores meanwhile."""
        with self.nodes(one, 1, **options) as (process,):
            yield process

    @contextmanager
    def nodes(self, one: Peer, count: int, **options: Any) -> Iterator[tuple[Process, ...]]:
        """Run several nodes of a peer: the last one alone on its core, the others with the load."""
        with ExitStack() as stack:
            clocks: list[Callable[[], float]] = [time.process_time]
            if one.redis:
                url, pid = stack.enter_context(peer.valkey())
                options["redis_url"] = url
                clocks.append(machine.cpu_clock(pid))
            others = [
                stack.enter_context(peer.running(one, core=machine.LOAD_CORE, **options)) for _ in range(count - 1)
            ]
            last = stack.enter_context(peer.running(one, **options))
            load = machine.Quiet(machine.LOAD_CORE, [*clocks, *(other.cpu for other in others)])
            server = machine.Quiet(machine.SERVER_CORE, [last.cpu])
            yield (*others, last)
            self.disturbance = max(self.disturbance, load.disturbance(), server.disturbance())


def ask(question: Question, results: Results, *, quick: bool, quiet: Callable[[], None]) -> None:
    """Ask every peer, as many rounds as the question wants, and add what they answer.

    quiet: called before each turn, to wait until nobody else is busy. A quick run neither waits nor repeats.
    """
    peers = question.quick_peers if quick else question.peers
    for number in range(question.quick_rounds if quick else question.rounds):
        for one in peers:
            figures, disturbance = _turn(question, one, results, None if quick else quiet)
            results.add(question.name, one.name, figures)
            print(f"{question.name} {number + 1} {one.name} ({disturbance:.1%}) {_brief(figures)}", file=sys.stderr)


def _turn(question: Question, one: Peer, results: Results, quiet: Callable[[], None] | None) -> tuple[Figures, float]:
    """Measure until nobody else was busy on the cores; after the last attempt the quietest one counts.

    A turn that fails is repeated too; when none succeeds, the last failure is raised.
    """
    found: list[tuple[float, Figures]] = []
    for attempt in range(ATTEMPTS if quiet else 1):
        stage = Stage(quick=quiet is None)
        if quiet:
            quiet()
        try:
            figures = question.measure(stage, one)
        except (OSError, Silence) as error:
            if not found and (quiet is None or attempt == ATTEMPTS - 1):
                raise
            print(f"{question.name} {one.name} failed: {error!r}", file=sys.stderr)
            _count(results, "failed")
            continue
        found.append((stage.disturbance, figures))
        if stage.disturbance < machine.FOREIGN:
            break
        _count(results, "disturbed")
    disturbance, figures = min(found, key=lambda pair: pair[0])
    if disturbance >= machine.FOREIGN:
        _count(results, "kept_disturbed")
    return figures, disturbance


def _count(results: Results, what: str) -> None:
    results.about[what] = results.about.get(what, 0) + 1


def _brief(figures: Figures) -> str:
    return " ".join(
        f"{condition}:{metric}={'-' if value is None else format(value, '.4g')}"
        for (condition, metric), value in figures.items()
    )
