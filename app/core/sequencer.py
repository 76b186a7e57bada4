"""Puts the durable facts of each channel into the order of their `seq`, each exactly once.

Nodes append to the log after they commit, so facts of one channel that two nodes committed may stand in it the
other way round, a node that died leaves a hole, and a repeat is possible. This is the pure half: it is told what
arrived and says what is ready and where a hole is. Reading the store to fill a hole is the shell's work.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.core.model import Fact

MAX_WAITING = 1000
"""Facts kept of one channel while a hole before them is filled; the store has those that do not fit."""


@dataclass(slots=True)
class _Position:
    seq: int
    waiting: dict[int, Fact] = field(default_factory=dict)
    watchers: int = 1


class Sequencer:
    """The position of this node in every channel that somebody here follows."""

    def __init__(self) -> None:
        self._positions: dict[str, _Position] = {}

    def watch(self, channel_id: str, last_seq: int) -> None:
        """Follow a channel once more; the first time, from behind `last_seq`, which must have been read just now."""
        position = self._positions.get(channel_id)
        if position is None:
            self._positions[channel_id] = _Position(last_seq)
        else:
            position.watchers += 1

    def unwatch(self, channel_id: str) -> None:
        """Follow a channel once less; the last time it is forgotten."""
        position = self._positions.get(channel_id)
        if position is None:
            return
        position.watchers -= 1
        if position.watchers <= 0:
            del self._positions[channel_id]

    def watched(self) -> list[str]:
        """List the channels that are followed."""
        return list(self._positions)

    def position(self, channel_id: str) -> int | None:
        """Tell the `seq` up to which a channel was handed out; None where nobody follows it."""
        position = self._positions.get(channel_id)
        return None if position is None else position.seq

    def offer(self, fact: Fact) -> list[Fact]:
        """Take a fact that arrived and return all that are ready now, in order.

        Nothing is ready while a hole stands before it, where it is a repeat, or where nobody follows the channel.
        """
        position = self._positions.get(fact.channel_id)
        if position is None or fact.seq <= position.seq:
            return []
        if fact.seq == position.seq + 1 and not position.waiting:
            position.seq = fact.seq
            return [fact]
        if len(position.waiting) < MAX_WAITING or fact.seq == position.seq + 1:
            position.waiting[fact.seq] = fact
        return _ready(position)

    def offer_all(self, facts: Iterable[Fact]) -> list[Fact]:
        """Take many facts, as from the store, and return all that are ready now, in order."""
        return [ready for fact in facts for ready in self.offer(fact)]

    def skip_to(self, channel_id: str, seq: int) -> list[Fact]:
        """Go on from behind `seq` and return what is ready there; what was missing before is never handed out here."""
        position = self._positions.get(channel_id)
        if position is None or seq <= position.seq:
            return []
        position.seq = seq
        position.waiting = {later: fact for later, fact in position.waiting.items() if later > seq}
        return _ready(position)

    def has_hole(self, channel_id: str) -> bool:
        """Tell whether facts wait for one that has not arrived."""
        position = self._positions.get(channel_id)
        return position is not None and bool(position.waiting)

    def behind(self, heads: Mapping[str, int]) -> dict[str, int]:
        """Compare with the store's newest `seq` per channel: the channels to fill, and from behind which `seq`."""
        return {
            channel_id: position.seq
            for channel_id, head in heads.items()
            if (position := self._positions.get(channel_id)) is not None and position.seq < head
        }


def _ready(position: _Position) -> list[Fact]:
    ready = []
    while (fact := position.waiting.pop(position.seq + 1, None)) is not None:
        position.seq = fact.seq
        ready.append(fact)
    return ready
