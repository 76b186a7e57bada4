"""Which charts are drawn of which figures."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.peer import PEERS
from bench.question import Question
from bench.results import Results
from bench.svg import Point, Series, bars, lines


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. metric: of its question. condition: draw bars for this one; None draws lines over all."""

    file: str
    title: str
    question: str
    metric: str
    condition: int | str | None = None


CHARTS = (
    Chart("fanout-cpu", "CPU per delivery, one message in flight", "fanout", "cpu_us", 1),
    Chart("fanout-rate", "Deliveries per second", "fanout", "per_s"),
    Chart("recipients", "CPU per delivery by size of the room", "recipients", "cpu_us"),
    Chart("sizes", "CPU per delivery by size of the message", "sizes", "cpu_us"),
    Chart("latency", "99th percentile of latency by load", "latency", "p99_ms"),
    Chart("connect", "Connections with a verified token", "connect", "per_s", 32),
    Chart("memory", "Memory per connection, 10,000 of them", "memory", "kib", 10_000),
    Chart("disconnect", "CPU per disconnect by number of rooms", "disconnect", "cpu_us"),
    Chart("nodes", "Two nodes: CPU per delivery on the receiving one", "nodes", "cpu_us"),
)


def draw(chart: Chart, question: Question, results: Results) -> str | None:
    """Draw one chart; None if its figures are not there."""
    metric = next(metric for metric in question.metrics if metric.name == chart.metric)
    series = list(_series(chart, results))
    if not series:
        return None
    better = "less is better" if metric.less else "more is better"
    unit = f"{metric.unit}, median of the rounds; {better}"
    if chart.condition is None:
        return lines(chart.title, unit + "; both axes are logarithmic", question.condition, series)
    return bars(chart.title, unit + "; the line on a bar spans the middle half", series, metric.digits)


def _series(chart: Chart, results: Results) -> Iterator[Series]:
    question, metric = chart.question, chart.metric
    conditions = results.conditions(question, metric) if chart.condition is None else [chart.condition]
    for peer in results.peers(question, metric):
        points = []
        for condition in conditions:
            found = results.spread(question, condition, peer, metric)
            if found is not None:
                x = float(condition) if isinstance(condition, int) else 0.0
                points.append(Point(x, found.median, found.low, found.high))
        if points:
            yield Series(peer, PEERS[peer].label, points)
