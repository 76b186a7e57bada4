"""The machine under the measurement: which core runs what, what a process has used, who else was busy.

Servers are pinned to one core and everything that loads them to another, so that they do not share one. Where the
system has a single core nothing is pinned, and wall-clock figures mean little. Linux only.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
FOREIGN = 0.08
LOOK_S = 0.5
QUIET_S = 30.0


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run the block, and whatever processes it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_clock(pid: int) -> Callable[[], float]:
    """Return what reads the CPU time that a process has used, all its threads together, in seconds.

    It is the kernel's own accounting, to the nanosecond, read from outside: the process takes no part in it.
    """
    clock = (~pid << 3) | 2  # what clock_getcpuclockid(3) returns
    return lambda: time.clock_gettime(clock)


def rss_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise ValueError("the kernel does not tell")


def busy_s(core: int) -> float:
    """Return how long a core has been busy since the start of the system, interrupts and theft included."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _wait, irq, softirq, steal, *_ = map(int, ticks)
            return (user + nice + system + irq + softirq + steal) * TICK_S
    raise ValueError(f"no core {core}")


class Quiet:
    """Tells how much of a core others used while it watched.

    clocks: those of the processes that belong there.
    """

    def __init__(self, core: int, clocks: Sequence[Callable[[], float]]) -> None:
        self._core, self._clocks = core, clocks
        self._from = time.monotonic(), self._foreign_s()

    def _foreign_s(self) -> float:
        return busy_s(self._core) - sum(clock() for clock in self._clocks)

    def disturbance(self) -> float:
        """Return the share of the core that went to others so far."""
        since_s, foreign_s = self._from
        return max(0.0, self._foreign_s() - foreign_s) / max(time.monotonic() - since_s, TICK_S)


def wait_for_quiet() -> None:
    """Wait, for a bounded time, until nobody else is busy on the cores of the measurement."""
    end_s = time.monotonic() + QUIET_S
    while time.monotonic() < end_s:
        watches = [Quiet(core, ()) for core in {SERVER_CORE, LOAD_CORE}]
        time.sleep(LOOK_S)
        if all(watch.disturbance() < FOREIGN for watch in watches):
            return
