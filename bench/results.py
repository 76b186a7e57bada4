"""What was measured: every single value, by question, condition, peer and metric, in the order of the rounds.

Nothing here is rounded or left out; medians are taken by whoever reads.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.stats import Spread, ratios, spread

Condition = int | str
Key = tuple[str, Condition, str, str]
Figures = Mapping[tuple[Condition, str], float | None]


@dataclass(slots=True)
class Results:
    """Values by (question, condition, peer, metric); None is a round in which a peer could not do it.

    about: what is to be known of the run as a whole.
    """

    about: dict[str, Any] = field(default_factory=dict)
    all: dict[Key, list[float | None]] = field(default_factory=dict)

    def add(self, question: str, peer: str, figures: Figures) -> None:
        """Add one round's figures of one peer."""
        for (condition, metric), value in figures.items():
            self.all.setdefault((question, condition, peer, metric), []).append(value)

    def values(self, question: str, condition: Condition, peer: str, metric: str) -> list[float | None]:
        """Return the values of all rounds; none if that was not measured."""
        return self.all.get((question, condition, peer, metric), [])

    def spread(self, question: str, condition: Condition, peer: str, metric: str) -> Spread | None:
        """Return the middle of all rounds; None if it was not measured or could not be done in most of them."""
        values = self.values(question, condition, peer, metric)
        done = [value for value in values if value is not None]
        return spread(done) if len(done) * 2 > len(values) else None

    def ratio(self, question: str, condition: Condition, metric: str, peer: str, other: str) -> Spread | None:
        """Return how one peer's figure relates to another's, pair by pair within each round; None without pairs."""
        found = ratios(self.values(question, condition, peer, metric), self.values(question, condition, other, metric))
        return spread(found) if found else None

    def across(
        self, question: str, metric: str, peer: str, condition: Condition, other_condition: Condition
    ) -> Spread | None:
        """Return how a peer's figure under one condition relates to its own under another; None without pairs."""
        found = ratios(
            self.values(question, condition, peer, metric), self.values(question, other_condition, peer, metric)
        )
        return spread(found) if found else None

    def conditions(self, question: str, metric: str) -> list[Condition]:
        """Return the conditions under which something was measured, in that order."""
        return list(dict.fromkeys(key[1] for key in self.all if key[0] == question and key[3] == metric))

    def peers(self, question: str, metric: str) -> list[str]:
        """Return the peers of which something was measured, in that order."""
        return list(dict.fromkeys(key[2] for key in self.all if key[0] == question and key[3] == metric))

    def to_json(self) -> str:
        """Write everything, one line for each list of values."""
        lines = [
            json.dumps([*key, [None if value is None else float(f"{value:.6g}") for value in values]])
            for key, values in self.all.items()
        ]
        about, values = json.dumps(self.about, sort_keys=True), ",\n".join(lines)
        return f'{{"about": {about},\n "values": [\n{values}\n]}}\n'


def from_json(text: str) -> Results:
    """Read what `to_json` wrote."""
    raw = json.loads(text)
    return Results(raw["about"], {(q, condition, peer, metric): v for q, condition, peer, metric, v in raw["values"]})
