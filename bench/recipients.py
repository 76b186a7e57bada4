"""Rooms: what a delivery costs with 10 to 2,000 members."""

from functools import partial

from bench import peer
from bench.fanout import CPU, SIZE_BYTES, crowd
from bench.peer import Peer
from bench.question import Question
from bench.results import Figures
from bench.stage import Stage
from bench.swarm import swarm

RECIPIENTS = (10, 100, 500, 1000, 2000)


def measure(stage: Stage, one: Peer) -> Figures:
    figures: dict[tuple[int | str, str], float | None] = {}
    for recipients in RECIPIENTS:
        with stage.running(one) as process, swarm() as clients:
            flow = crowd(clients, process, recipients, SIZE_BYTES)
            figures[recipients, "cpu_us"] = stage.window(partial(flow.keep, 1, 0.8, 1.2)).cpu_us
    return figures


QUESTION = Question(
    name="recipients",
    title="Rooms of different sizes",
    text="One message in flight, text of 100 bytes. In a small room receiving the message is most of the cost.",
    condition="members of the room",
    metrics=(CPU,),
    peers=(peer.NODE, peer.STOCK_UVLOOP, peer.OURS, peer.FLOOR),
    measure=measure,
)
