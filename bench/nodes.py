"""Two nodes: what a delivery costs on one when the message was sent on the other."""

from functools import partial

from bench import peer, wire
from bench.fanout import CPU, RATE, RECIPIENTS, SIZE_BYTES
from bench.flow import Flow
from bench.peer import Peer
from bench.question import Metric, Question
from bench.results import Figures
from bench.stage import Stage
from bench.swarm import swarm

IN_FLIGHT = (1, 4, 64)


def measure(stage: Stage, one: Peer) -> Figures:
    figures: dict[tuple[int | str, str], float | None] = {}
    with stage.nodes(one, 2) as (sending, receiving), swarm() as clients:
        members = clients.connect(receiving.port, [wire.connect({"room": "crowd"})] * RECIPIENTS)
        senders = clients.connect(sending.port, [wire.connect({})] * max(IN_FLIGHT))
        flow = Flow(clients, senders, members, SIZE_BYTES, receiving.cpu)
        for number in IN_FLIGHT:
            window = stage.window(partial(flow.keep, number, 1.0, 2.0))
            figures[number, "cpu_us"] = window.cpu_us
            figures[number, "per_s"] = window.per_s / 1000
            figures[number, "capacity"] = 1000 / window.cpu_us
    return figures


QUESTION = Question(
    name="nodes",
    title="Across two nodes",
    text="500 members on the receiving node, senders on the other, one Valkey between them. The receiving node has a "
    "core to itself; the sending node, Valkey and the load share the other, which is what limits the rate of whoever "
    "is fast enough. What the receiving node could do follows from its CPU per delivery.",
    condition="messages in flight",
    metrics=(
        CPU,
        Metric("capacity", "Deliveries per second of the receiving node's CPU", "thousand/s", 0, less=False),
        RATE,
    ),
    peers=(peer.NODE_STREAMS, peer.STOCK_REDIS, peer.OURS_LOG),
    measure=measure,
)
