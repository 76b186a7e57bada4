"""Sizes: what a delivery costs when messages are longer."""

from functools import partial

from bench import peer
from bench.fanout import CPU, RECIPIENTS, crowd
from bench.peer import Peer
from bench.question import Question
from bench.results import Figures
from bench.stage import Stage
from bench.swarm import swarm

SIZES_BYTES = (100, 1024, 4096, 16384)


def measure(stage: Stage, one: Peer) -> Figures:
    figures: dict[tuple[int | str, str], float | None] = {}
    with stage.running(one) as process, swarm() as clients:
        flow = crowd(clients, process, RECIPIENTS, SIZES_BYTES[0])
        for size_bytes in SIZES_BYTES:
            flow.size_bytes = size_bytes
            figures[size_bytes, "cpu_us"] = stage.window(partial(flow.keep, 1, 0.8, 1.5)).cpu_us
    return figures


QUESTION = Question(
    name="sizes",
    title="Messages of different sizes",
    text="500 members, one message in flight. From some size on, copying into the sockets is what everybody pays for.",
    condition="bytes of text",
    metrics=(CPU,),
    peers=(peer.NODE, peer.STOCK_UVLOOP, peer.OURS, peer.FLOOR),
    measure=measure,
)
