"""Connecting: how many clients a server takes per second when each brings a token."""

import time

from bench import peer, tokens, wire
from bench.peer import Peer
from bench.question import Metric, Question
from bench.results import Figures
from bench.stage import Stage
from bench.swarm import swarm

WARM, COUNT = 500, 2000
AT_ONCE = 32


def measure(stage: Stage, one: Peer) -> Figures:
    count = COUNT // 2 if stage.quick else COUNT
    greetings = [wire.connect({"token": token}) for token in tokens.mint(WARM + count)]
    with stage.running(one, jwt=True) as process, swarm() as clients:

        def connecting() -> Figures:
            cpu_s, start_s = process.cpu(), time.monotonic()
            clients.connect(process.port, greetings[WARM:], at_once=AT_ONCE)
            seconds, used_s = time.monotonic() - start_s, process.cpu() - cpu_s
            return {(AT_ONCE, "per_s"): count / seconds, (AT_ONCE, "cpu_ms"): used_s / count * 1000}

        clients.connect(process.port, greetings[:WARM], at_once=AT_ONCE)
        return stage.window(connecting)


QUESTION = Question(
    name="connect",
    title="Connecting with a token",
    text="WebSocket only, 32 clients connecting at once, 2,000 in all after 500 that do not count. Every client brings "
    "a token of its own, signed with Ed25519; signature, type, issuer, audience and times are checked. Node does it "
    "with `jose`, and once more with `crypto.verify` called directly, which is the least that Node can do.",
    condition="connecting at once",
    metrics=(
        Metric("per_s", "Connections per second", "1/s", 0, less=False),
        Metric("cpu_ms", "CPU of the server per connection", "ms", 3),
    ),
    peers=(peer.NODE, peer.NODE_SYNC, peer.STOCK, peer.STOCK_UVLOOP, peer.OURS),
    measure=measure,
    rounds=5,
    quick_peers=(peer.NODE, peer.STOCK, peer.OURS),
    quick_rounds=2,
)
