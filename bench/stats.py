"""The arithmetic of the tables: medians, quartiles, quantiles, ratios of pairs. Nothing here knows what is measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of some values and how far they lie apart.

    low, high: the first and third quartile; between them lies the middle half. count: how many values there are.
    """

    median: float
    low: float
    high: float
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Return median and quartiles, as values of the sample or between two of them. Raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    low, median, high = (quantile(values, share) for share in (0.25, 0.5, 0.75))
    return Spread(median, low, high, len(values))


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the sample lies, interpolated between neighbours.

    share: from 0 to 1. Raises ValueError for none.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    at = (len(ordered) - 1) * share
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def ratios(values: Sequence[float | None], others: Sequence[float | None]) -> list[float]:
    """Return the ratio of each pair of one round; a round in which one is missing has none."""
    pairs = zip(values, others, strict=False)
    return [value / other for value, other in pairs if value is not None and other]
