"""Asks the questions: `python -m bench` all of them, `python -m bench quick` the short run, or some by name."""

import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import connect, disconnect, fanout, latency, machine, memory, nodes, peer, recipients, report, sizes
from bench.plots import CHARTS, draw
from bench.question import Question, ask
from bench.results import Results, from_json

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
QUESTIONS: tuple[Question, ...] = tuple(
    script.QUESTION for script in (fanout, recipients, sizes, latency, connect, memory, disconnect, nodes)
)
DESCRIPTORS = 12_000


def about() -> dict[str, object]:
    """Return what is to be known of a run."""
    node = subprocess.run([peer.node_program(), "--version"], capture_output=True, text=True, check=True)
    locked = json.loads((HERE / "peers/package-lock.json").read_text())["packages"]
    names = ("socket.io", "@socket.io/redis-streams-adapter", "jose")
    versions = [
        f"Python {platform.python_version()}",
        *(f"{name} {version(name)}" for name in ("python-socketio", "aiohttp", "uvloop")),
        f"Node {node.stdout.strip().lstrip('v')}",
        *(f"{name} {locked[f'node_modules/{name}']['version']}" for name in names),
    ]
    return {
        "cpus": len(machine.CORES),
        "date": datetime.now(UTC).date().isoformat(),
        "versions": ", ".join(versions),
    }


def run(questions: Sequence[Question], results: Results, *, quick: bool) -> None:
    """Ask questions; what they had as an answer before is replaced."""
    with machine.on_core(machine.LOAD_CORE):
        for question in questions:
            results.all = {key: values for key, values in results.all.items() if key[0] != question.name}
            ask(question, results, quick=quick, quiet=machine.wait_for_quiet)
            if not quick:
                write(results)


def write(results: Results) -> None:
    """Write the values, the page and the charts."""
    RESULTS.write_text(results.to_json())
    (HERE / "results.md").write_text(report.markdown(QUESTIONS, results))
    by_name = {question.name: question for question in QUESTIONS}
    (HERE / "plots").mkdir(exist_ok=True)
    for chart in CHARTS:
        drawn = draw(chart, by_name[chart.question], results)
        if drawn is not None:
            (HERE / "plots" / f"{chart.file}.svg").write_text(drawn)


def main(arguments: Sequence[str]) -> None:
    """Do what the command line says."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(DESCRIPTORS, 1024), hard), hard))
    started_s = time.monotonic()
    if list(arguments) == ["quick"]:
        results = Results(about())
        run([question for question in QUESTIONS if question.quick_peers], results, quick=True)
        print(report.brief(results))
    elif list(arguments) == ["report"]:
        results = from_json(RESULTS.read_text())
        write(results)
    else:
        asked = [question for question in QUESTIONS if not arguments or question.name in arguments]
        partly = arguments and RESULTS.exists()
        results = Results(about(), from_json(RESULTS.read_text()).all if partly else {})
        run(asked, results, quick=False)
        print(report.brief(results))
    if disturbed := results.about.get("disturbed"):
        print(f"{disturbed} turns were disturbed by other work on this machine: ask again when it is quiet")
    print(f"{time.monotonic() - started_s:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
