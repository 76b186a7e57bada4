"""The tables that people read: results.md, and the few lines that a quick run prints."""

from collections.abc import Iterator, Sequence

from bench.goals import GOALS, Goal
from bench.peer import PEERS
from bench.plots import CHARTS
from bench.question import Metric, Question
from bench.results import Condition, Results
from bench.stats import Spread

NONE = "–"  # noqa: RUF001  the dash that stands for nothing in tables
OURS = ("ours", "ours_log")
AGAINST = ("node", "node_streams", "stock", "stock_uvloop", "stock_redis")


def markdown(questions: Sequence[Question], results: Results) -> str:
    """Write everything that was measured as one page."""
    parts = ["# Results", "", *_about(results), "## Goals", "", *_goals(results), ""]
    for question in questions:
        if any(results.peers(question.name, metric.name) for metric in question.metrics):
            parts += _section(question, results)
    return "\n".join(parts).rstrip() + "\n"


def _about(results: Results) -> Iterator[str]:
    about = results.about
    yield (
        f"Measured on {about['cpus']} CPUs ({about['date']}): {about['versions']}. Servers on one core, all load on "
        f"another. {about.get('repeated', 0)} figures were disturbed by other work on the machine and taken again; "
        f"{about.get('disturbed', 0)} turns hold one that was disturbed at every attempt."
    )
    yield ""
    yield "Cells are medians of the rounds with quartiles in brackets; README.md says what each number means."
    yield ""


def _goals(results: Results) -> Iterator[str]:
    yield "| goal | at | measured | |"
    yield "|---|--:|--:|---|"
    for goal in GOALS:
        found = goal.figure(results)
        yield f"| {goal.text} | {_limit(goal)} | {_cell(found, 2) if found else NONE} | {_verdict(goal, results)} |"


def _limit(goal: Goal) -> str:
    limit = "1/6" if goal.limit == 1 / 6 else f"{goal.limit:g}"
    return f"≤ {limit}" if goal.at_most else f"≥ {limit}"


def _verdict(goal: Goal, results: Results) -> str:
    return {True: "reached", False: "**not reached**", None: "not measured"}[goal.reached(results)]


def _section(question: Question, results: Results) -> Iterator[str]:
    yield f"## {question.title}"
    yield ""
    yield question.text
    yield ""
    for chart in CHARTS:
        if chart.question == question.name:
            yield f"![{chart.title}](plots/{chart.file}.svg)"
            yield ""
    for metric in question.metrics:
        yield from _table(question, metric, results)
        yield ""


def _table(question: Question, metric: Metric, results: Results) -> Iterator[str]:
    conditions = results.conditions(question.name, metric.name)
    if not conditions:
        return
    yield f"{metric.text}, {metric.unit}, by {question.condition}:"
    yield ""
    yield "| | " + " | ".join(_name(condition) for condition in conditions) + " |"
    yield "|---|" + "--:|" * len(conditions)
    peers = results.peers(question.name, metric.name)
    for peer in peers:
        cells = (results.spread(question.name, condition, peer, metric.name) for condition in conditions)
        yield f"| {PEERS[peer].label} | " + " | ".join(_cell(cell, metric.digits) for cell in cells) + " |"
    for ours, other in _pairs(peers):
        ratios = (results.ratio(question.name, condition, metric.name, ours, other) for condition in conditions)
        label = f"*{PEERS[ours].label} ÷ {PEERS[other].label}*"
        yield f"| {label} | " + " | ".join(_cell(ratio, 2) for ratio in ratios) + " |"


def _pairs(peers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what is compared: like with like, without the log where there is a choice."""
    ours = next((one for one in OURS if one in peers), None)
    for other in AGAINST:
        if ours is None or other not in peers:
            continue
        yield ("ours_log" if other == "node_streams" and "ours_log" in peers else ours), other


def _name(condition: Condition) -> str:
    return f"{condition:,}" if isinstance(condition, int) else condition


def _cell(found: Spread | None, digits: int) -> str:
    if found is None:
        return NONE
    if found.count == 1:
        return f"{found.median:,.{digits}f}"
    return f"{found.median:,.{digits}f} ({found.low:,.{digits}f} to {found.high:,.{digits}f})"


def brief(results: Results) -> str:
    """Write the goals that were measured, one line each."""
    rows = []
    for goal in GOALS:
        if (found := goal.figure(results)) is not None:
            verdict = "reached" if goal.reached(results) else "NOT reached"
            rows.append(f"{goal.text:<66} {_limit(goal):>7}  {found.median:8.2f}  {verdict}")
    return "\n".join(rows)
