"""Memory: how much a connection takes, and what connections cost that do nothing."""

import socket
import time
from functools import partial

from bench import peer, tokens, wire
from bench.fanout import SIZE_BYTES
from bench.flow import Flow
from bench.peer import Peer, Process
from bench.question import Metric, Question
from bench.results import Figures
from bench.stage import Stage
from bench.swarm import Swarm, swarm

COUNTS = (1000, 10_000)
HEARTBEAT = {"ping_interval_s": 25, "ping_timeout_s": 20}
SETTLE_S = 0.5


def settled(process: Process) -> int:
    """Return the resident bytes of a server that has just collected its garbage."""
    for _ in range(2):
        process.order("collect")
        time.sleep(SETTLE_S)
    return process.rss_bytes


def idleness(process: Process, clients: Swarm) -> tuple[float, float]:
    """Do nothing but answer one heartbeat of each client; return the CPU used, per second and per heartbeat."""
    cpu_s = process.cpu()
    pings = clients.idle(HEARTBEAT["ping_interval_s"])
    used_s = process.cpu() - cpu_s
    return used_s / HEARTBEAT["ping_interval_s"], used_s / pings


def measure(stage: Stage, one: Peer) -> Figures:
    counts = COUNTS[:1] if stage.quick else COUNTS
    greetings = [wire.connect({"token": token, "room": "crowd"}) for token in tokens.mint(counts[-1])]
    figures: dict[tuple[int | str, str], float | None] = {}
    with stage.running(one, jwt=True, **HEARTBEAT) as process, swarm() as clients:
        empty = settled(process)
        members: list[socket.socket] = []
        for count in counts:
            members += clients.connect(process.port, greetings[len(members) : count])
            Flow(clients, members, members, SIZE_BYTES, process.cpu).once()
            grown = settled(process) - empty
            figures[count, "kib"] = grown / count / 1024
            figures[count, "mib"] = grown / 1024**2
        if not stage.quick:
            idle_s, ping_s = stage.window(partial(idleness, process, clients), wait=False)
            figures[len(members), "idle_percent"] = idle_s * 100
            figures[len(members), "ping_us"] = ping_s * 1e6
    return figures


QUESTION = Question(
    name="memory",
    title="Memory and idleness",
    text="Resident memory over that of the empty process, each client with a verified token whose claims are kept, all "
    "in one room and told one message; garbage is collected before each reading. Then all 10,000 stay idle for 25 s, "
    "which is one heartbeat of each.",
    condition="connections",
    metrics=(
        Metric("kib", "Memory per connection", "KiB", 1),
        Metric("mib", "Memory over the empty process", "MiB", 1),
        Metric("idle_percent", "CPU while all are idle", "% of a core", 2),
        Metric("ping_us", "CPU per heartbeat", "µs", 1),
    ),
    peers=(peer.NODE, peer.NODE_STREAMS, peer.STOCK_UVLOOP, peer.OURS),
    measure=measure,
    quick_peers=(peer.NODE, peer.STOCK, peer.OURS),
)
