import pytest

from bench.__main__ import QUESTIONS
from bench.goals import GOALS, Goal
from bench.plots import CHARTS, Chart
from bench.results import Results

RATIO = Goal("less", "fanout", 1, "cpu_us", "ours", "node", 0.7)
RATE = Goal("more", "fanout", 1, "cpu_us", "ours", "node", 5, at_most=False)


def measured(ours: float, node: float) -> Results:
    results = Results()
    results.add("fanout", "ours", {(1, "cpu_us"): ours})
    results.add("fanout", "node", {(1, "cpu_us"): node})
    return results


@pytest.mark.parametrize(("ours", "reached"), [(6.9, True), (7.0, True), (7.1, False)])
def test_a_cost_reaches_its_goal_up_to_the_limit(ours: float, reached: bool) -> None:
    assert RATIO.reached(measured(ours, 10.0)) is reached


@pytest.mark.parametrize(("ours", "reached"), [(4.9, False), (5.0, True), (50.0, True)])
def test_a_rate_reaches_its_goal_from_the_limit_on(ours: float, reached: bool) -> None:
    assert RATE.reached(measured(ours, 1.0)) is reached


def test_a_goal_that_was_not_measured_is_neither() -> None:
    assert RATIO.reached(Results()) is None


def test_a_figure_without_a_peer_is_judged_itself() -> None:
    idle = Goal("idle", "memory", 10_000, "mib", "ours", None, 250)
    results = Results()
    results.add("memory", "ours", {(10_000, "mib"): 251.0})

    assert idle.reached(results) is False


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.text)
def test_every_goal_judges_what_some_question_measures(goal: Goal) -> None:
    question = next(question for question in QUESTIONS if question.name == goal.question)

    assert goal.metric in {metric.name for metric in question.metrics}
    assert {goal.peer, goal.other or goal.peer} <= {peer.name for peer in question.peers}


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.file)
def test_every_chart_shows_what_some_question_measures(chart: Chart) -> None:
    question = next(question for question in QUESTIONS if question.name == chart.question)

    assert chart.metric in {metric.name for metric in question.metrics}
