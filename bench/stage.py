"""Where peers run, and when a figure counts: while nobody else is busy on the two cores.

What is asked and what is done with the answers is not known here.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from bench import machine, peer
from bench.peer import Peer, Process

ATTEMPTS = 4

Taken = TypeVar("Taken")


class Stage:
    """One turn of one peer.

    quick: measure less, for less time, once. quiet: called before each window, to wait until nobody else is busy.
    repeated: how many windows were disturbed and taken again. disturbance: the largest share of a core that others
    had in a window that counts.
    """

    def __init__(self, *, quick: bool, quiet: Callable[[], None]) -> None:
        self.quick = quick
        self.repeated = 0
        self.disturbance = 0.0
        self._quiet = quiet
        self._watches: Callable[[], list[machine.Quiet]] = list

    @contextmanager
    def running(self, one: Peer, **options: Any) -> Iterator[Process]:
        """Run a peer, with a Valkey if it needs one."""
        with self.nodes(one, 1, **options) as (process,):
            yield process

    @contextmanager
    def nodes(self, one: Peer, count: int, **options: Any) -> Iterator[tuple[Process, ...]]:
        """Run several nodes of a peer: the last one alone on its core, the others with the load."""
        with ExitStack() as stack:
            load: list[Callable[[], float]] = [time.process_time]
            if one.redis:
                url, pid = stack.enter_context(peer.valkey())
                options["redis_url"] = url
                load.append(machine.cpu_clock(pid))
            others = [
                stack.enter_context(peer.running(one, core=machine.LOAD_CORE, **options)) for _ in range(count - 1)
            ]
            last = stack.enter_context(peer.running(one, **options))
            load.extend(other.cpu for other in others)
            self._watches = lambda: [
                machine.Quiet(machine.LOAD_CORE, load),
                machine.Quiet(machine.SERVER_CORE, [last.cpu]),
            ]
            yield (*others, last)

    def window(self, take: Callable[[], Taken], *, wait: bool = True) -> Taken:
        """Take a figure, and take it again where others were busy meanwhile; the quietest one counts.

        wait: for a quiet moment to begin with; not where clients must be answered meanwhile.
        """
        found: list[tuple[float, Taken]] = []
        for _ in range(1 if self.quick else ATTEMPTS):
            if wait:
                self._quiet()
            watches = self._watches()
            taken = take()
            disturbance = max((watch.disturbance() for watch in watches), default=0.0)
            found.append((disturbance, taken))
            if disturbance < machine.FOREIGN:
                break
            self.repeated += 1
        disturbance, taken = min(found, key=lambda pair: pair[0])
        self.disturbance = max(self.disturbance, disturbance)
        return taken
