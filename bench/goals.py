"""The goals that the project has set itself, and whether the figures reach them."""

from dataclasses import dataclass

from bench.results import Condition, Results
from bench.stats import Spread


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal: a figure of a peer, or its ratio to another's, at most or at least so much.

    other: None judges the figure itself. other_condition: None compares under the same condition.
    """

    text: str
    question: str
    condition: Condition
    metric: str
    peer: str
    other: str | None
    limit: float
    at_most: bool = True
    other_condition: Condition | None = None

    def figure(self, results: Results) -> Spread | None:
        """Return what was measured; None if it was not."""
        if self.other is None:
            return results.spread(self.question, self.condition, self.peer, self.metric)
        if self.other_condition is None:
            return results.ratio(self.question, self.condition, self.metric, self.peer, self.other)
        return results.across(self.question, self.metric, self.peer, self.condition, self.other_condition)

    def reached(self, results: Results) -> bool | None:
        """Tell whether the median reaches the goal; None if it was not measured."""
        found = self.figure(results)
        if found is None:
            return None
        return found.median <= self.limit if self.at_most else found.median >= self.limit


GOALS = (
    Goal("Fan-out, CPU per delivery to Node's", "fanout", 1, "cpu_us", "ours", "node", 0.7),
    Goal("Fan-out, CPU per delivery to stock python-socketio's", "fanout", 1, "cpu_us", "ours", "stock", 1 / 6),
    Goal("64 in flight, deliveries per second to Node's", "fanout", 64, "per_s", "ours", "node", 5, at_most=False),
    Goal(
        "Across two nodes, the receiving node's CPU per delivery to Node's",
        "nodes", 1, "cpu_us", "ours_log", "node_streams", 0.7,
    ),
    Goal(
        "Across two nodes, the same to stock python-socketio's",
        "nodes", 1, "cpu_us", "ours_log", "stock_redis", 1 / 6,
    ),
    Goal(
        "Across two nodes, 64 in flight, deliveries per second of the receiving node's CPU to Node's",
        "nodes", 64, "capacity", "ours_log", "node_streams", 5, at_most=False,
    ),
    Goal("Connections with a token per second to Node's", "connect", 32, "per_s", "ours", "node", 1.5, at_most=False),
    Goal("Memory per connection, 1,000 of them, to Node's", "memory", 1000, "kib", "ours", "node", 0.65),
    Goal("Memory per connection, 10,000 of them, to Node's", "memory", 10_000, "kib", "ours", "node", 0.65),
    Goal("10,000 idle connections over the empty process, MiB", "memory", 10_000, "mib", "ours", None, 250),
    Goal(
        "A disconnect with 100,000 rooms to one with 100",
        "disconnect", 100_000, "cpu_us", "ours", "ours", 1.25, other_condition=100,
    ),
)  # fmt: skip
