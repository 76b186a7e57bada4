from bench.__main__ import QUESTIONS
from bench.goals import GOALS
from bench.report import brief, markdown
from bench.results import Results

ABOUT = {"cpus": 2, "date": "2030-01-01", "versions": "Python 3", "load": 0.0}


def measured() -> Results:
    results = Results(dict(ABOUT))
    for ours, node in ((5.0, 10.0), (6.0, 10.0), (7.0, 20.0)):
        results.add("fanout", "node", {(1, "cpu_us"): node, (64, "cpu_us"): None})
        results.add("fanout", "ours", {(1, "cpu_us"): ours, (64, "cpu_us"): 0.25})
    return results


def rows(page: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]


def test_cells_are_medians_with_quartiles_and_a_dash_where_it_could_not_be_done() -> None:
    found = rows(markdown(QUESTIONS, measured()))

    assert ["Node socket.io", "10.00 (10.00 to 15.00)", "–"] in found  # noqa: RUF001  the dash of the tables
    assert ["Heliograph engine", "6.00 (5.50 to 6.50)", "0.25 (0.25 to 0.25)"] in found
    assert ["*Heliograph engine ÷ Node socket.io*", "0.50 (0.42 to 0.55)", "–"] in found  # noqa: RUF001


def test_every_goal_has_its_verdict() -> None:
    found = {row[0]: row for row in rows(markdown(QUESTIONS, measured()))}

    assert found["Fan-out, CPU per delivery to Node's"][1:] == ["≤ 0.7", "0.50 (0.42 to 0.55)", "reached"]
    assert {goal.text for goal in GOALS} <= found.keys()
    assert found["10,000 idle connections over the empty process, MiB"][3] == "not measured"


def test_a_goal_that_is_missed_is_said_to_be() -> None:
    results = Results(dict(ABOUT))
    results.add("memory", "ours", {(10_000, "mib"): 300.0})

    assert "| 300.00 | **not reached** |" in markdown(QUESTIONS, results)
    assert "NOT reached" in brief(results)


def test_only_what_was_measured_is_printed() -> None:
    assert len(brief(measured()).splitlines()) == 1
