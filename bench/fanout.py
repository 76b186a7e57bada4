"""Fan-out: what one delivery costs, with 1, 4 and 64 messages in flight."""

from functools import partial

from bench import peer, wire
from bench.flow import Flow
from bench.peer import Peer, Process
from bench.question import Metric, Question
from bench.results import Figures
from bench.stage import Stage
from bench.swarm import Swarm, swarm

RECIPIENTS = 500
SIZE_BYTES = 100
IN_FLIGHT = (1, 4, 64)

CPU = Metric("cpu_us", "CPU of the server per delivery", "µs", 2)
RATE = Metric("per_s", "Deliveries per second", "thousand/s", 0, less=False)


def crowd(clients: Swarm, process: Process, recipients: int, size_bytes: int, senders: int = 1) -> Flow:
    """Let recipients into the room and senders beside it, and return the flow between them."""
    members = clients.connect(process.port, [wire.connect({"room": "crowd"})] * recipients)
    speakers = clients.connect(process.port, [wire.connect({})] * senders)
    return Flow(clients, speakers, members, size_bytes, process.cpu)


def measure(stage: Stage, one: Peer) -> Figures:
    in_flight = (1, 64) if stage.quick else IN_FLIGHT
    warm_s, seconds = (0.5, 1.0) if stage.quick else (1.0, 2.0)
    figures: dict[tuple[int | str, str], float | None] = {}
    with stage.running(one) as process, swarm() as clients:
        flow = crowd(clients, process, RECIPIENTS, SIZE_BYTES, max(in_flight))
        for number in in_flight:
            window = stage.window(partial(flow.keep, number, warm_s, seconds))
            figures[number, "cpu_us"] = window.cpu_us
            figures[number, "per_s"] = window.per_s / 1000
    return figures


QUESTION = Question(
    name="fanout",
    title="Fan-out",
    text="500 members of one room, text of 100 bytes. A new message is sent when one more has reached all members, so "
    "that 1, 4 or 64 are in flight; 64 means 64 people each of whom waits for the last message before the next.",
    condition="messages in flight",
    metrics=(CPU, RATE),
    peers=(peer.NODE, peer.NODE_STREAMS, peer.STOCK, peer.STOCK_UVLOOP, peer.OURS, peer.OURS_LOG, peer.FLOOR),
    measure=measure,
    rounds=5,
    quick_peers=(peer.NODE, peer.STOCK, peer.OURS),
    quick_rounds=2,
)
