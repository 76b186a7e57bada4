"""Leaving: what a disconnect costs, and whether it matters how many rooms there are."""

import time
from functools import partial

from bench import peer, wire
from bench.peer import Peer, Process
from bench.question import Metric, Question
from bench.results import Figures
from bench.stage import Stage
from bench.swarm import SILENCE_S, Silence, Swarm, swarm

ROOMS = (100, 1000, 10_000, 100_000)
HOLDERS, LEAVERS = 100, 300


def measure(stage: Stage, one: Peer) -> Figures:
    figures: dict[tuple[int | str, str], float | None] = {}
    for rooms in ROOMS:
        with stage.running(one) as process, swarm() as clients:
            clients.connect(process.port, [wire.connect({})] * HOLDERS)
            process.order("rooms", rooms)
            leaving(process, clients)
            figures[rooms, "cpu_us"] = stage.window(partial(leaving, process, clients))
    return figures


def leaving(process: Process, clients: Swarm) -> float:
    """Let others come and leave; return what leaving costs, in microseconds each."""
    leavers = clients.connect(process.port, [wire.connect({"room": "crowd"})] * LEAVERS)
    cpu_s = process.cpu()
    clients.leave(leavers)
    until(process, HOLDERS)
    return (process.cpu() - cpu_s) / LEAVERS * 1e6


def until(process: Process, count: int) -> None:
    """Wait until the server has no more clients than that."""
    end_s = time.monotonic() + SILENCE_S
    while process.order("count") > count:
        if time.monotonic() > end_s:
            raise Silence("the server keeps clients that have left")
        time.sleep(0.02)


QUESTION = Question(
    name="disconnect",
    title="Leaving",
    text="100 clients are in 100 to 100,000 rooms between them; 300 others, each in one room, close their WebSockets, "
    "32 at once, after 300 that do not count.",
    condition="rooms",
    metrics=(Metric("cpu_us", "CPU of the server per disconnect", "µs", 0),),
    peers=(peer.NODE, peer.STOCK_UVLOOP, peer.OURS),
    measure=measure,
)
