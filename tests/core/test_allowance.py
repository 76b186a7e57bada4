"""How long failing makes one wait."""

from app.core.allowance import MAX_DELAY_S, Allowance, Exceeded, delay_s
from app.core.errors import error_object


def test_first_failures_cost_nothing_and_each_further_one_costs_twice_as_much() -> None:
    assert [delay_s(failures) for failures in range(10)] == [0, 0, 0, 0, 0, 5, 10, 20, 40, 80]


def test_wait_is_bounded_however_often_one_fails() -> None:
    assert {delay_s(failures) for failures in (14, 100, 10**9)} == {MAX_DELAY_S}


def test_exceeded_rule_is_told_as_any_other_rate() -> None:
    error = error_object(Exceeded("sign-ins", Allowance(10, 0, 1500)), "req_1")

    assert (error["code"], error["status"], error["retry_after_ms"]) == ("rate_limited", 429, 1500)
    assert "sign-ins" not in str(error)
