"""Latency: how late deliveries are when messages come at their own pace, whatever the server does."""

from functools import partial

from bench import peer
from bench.fanout import RECIPIENTS, SIZE_BYTES, crowd
from bench.peer import Peer
from bench.question import Metric, Question
from bench.results import Figures
from bench.stage import Stage
from bench.stats import quantile
from bench.swarm import Silence, swarm

OFFERED_PER_S = (10_000, 40_000, 80_000, 160_000)
SAMPLED_EVERY = 20
SENDERS = 16
QUANTILES = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999}


def measure(stage: Stage, one: Peer) -> Figures:
    figures: dict[tuple[int | str, str], float | None] = dict.fromkeys(
        (offered, name) for offered in OFFERED_PER_S for name in QUANTILES
    )
    with stage.running(one) as process, swarm() as clients:
        flow = crowd(clients, process, RECIPIENTS, SIZE_BYTES, SENDERS)
        flow.keep(1, 0.0, 1.0)
        for offered in OFFERED_PER_S:
            try:
                late_s = stage.window(partial(flow.offer, offered / RECIPIENTS, 3.0, flow.recipients[::SAMPLED_EVERY]))
            except (Silence, BlockingIOError):
                break
            figures.update({(offered, name): quantile(late_s, share) * 1000 for name, share in QUANTILES.items()})
    return figures


QUESTION = Question(
    name="latency",
    title="Latency at a given load",
    text="500 members, text of 100 bytes, messages sent on a fixed schedule by 16 clients for 3 s. Each delivery is "
    "timed from the moment at which its message was due, so waiting for a server that lags behind counts. A dash is a "
    "load that the server did not work off.",
    condition="deliveries asked for per second",
    metrics=(
        Metric("p50_ms", "Latency, median", "ms", 2),
        Metric("p99_ms", "Latency, 99th percentile", "ms", 1),
        Metric("p999_ms", "Latency, 99.9th percentile", "ms", 1),
    ),
    peers=(peer.NODE, peer.STOCK_UVLOOP, peer.OURS, peer.OURS_LOG),
    measure=measure,
)
