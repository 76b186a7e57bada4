import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats import quantile, ratios, spread

finite = st.floats(min_value=-1e9, max_value=1e9)


def test_median_of_an_even_number_lies_between_the_two_in_the_middle() -> None:
    assert spread([4.0, 1.0, 3.0, 2.0]).median == 2.5


def test_quartiles_hold_the_middle_half() -> None:
    found = spread([10.0, 20.0, 30.0, 40.0, 1000.0])

    assert (found.low, found.median, found.high, found.count) == (20.0, 30.0, 40.0, 5)


def test_one_value_is_its_own_quartiles() -> None:
    found = spread([7.0])

    assert (found.low, found.median, found.high) == (7.0, 7.0, 7.0)


def test_no_values_have_no_middle() -> None:
    with pytest.raises(ValueError, match="no values"):
        spread([])
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


@given(st.lists(finite, min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_grow_with_their_share_and_stay_in_the_sample(values: list[float], one: float, other: float) -> None:
    low, high = sorted((quantile(values, one), quantile(values, other)))
    smaller, larger = quantile(values, min(one, other)), quantile(values, max(one, other))

    assert min(values) <= low <= high <= max(values)
    assert smaller <= larger or smaller == pytest.approx(larger)


def test_99th_percentile_of_a_hundred_and_one_is_the_second_largest() -> None:
    assert quantile([float(value) for value in range(101)], 0.99) == 99.0


def test_ratios_pair_the_values_of_one_round() -> None:
    assert ratios([1.0, 6.0], [2.0, 3.0]) == [0.5, 2.0]


def test_a_round_in_which_one_is_missing_has_no_ratio() -> None:
    assert ratios([1.0, None, 9.0], [None, 3.0, 3.0]) == [3.0]
