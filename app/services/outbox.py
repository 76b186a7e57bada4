"""Tells all nodes what was committed: after the commit, never before. The only caller of the log's append."""

from collections.abc import Callable, Iterable

from app.core.entries import Entry, Happened, encode_entry
from app.core.model import Fact
from app.secure.seals import Seal


class Outbox:
    """Puts entries on the log, sealed, in the order in which they are given; `append` neither waits nor fails."""

    def __init__(self, append: Callable[[bytes], None], seal: Seal) -> None:
        self._append = append
        self._seal = seal

    def publish(self, *entries: Entry) -> None:
        """Tell all nodes, this one too."""
        for entry in entries:
            self._append(self._seal.close(encode_entry(entry)))

    def publish_facts(self, facts: Iterable[Fact]) -> None:
        """Tell all nodes of durable facts."""
        self.publish(
            *(
                Happened(channel_id=fact.channel_id, seq=fact.seq, type=fact.type, envelope=fact.envelope)
                for fact in facts
            )
        )
