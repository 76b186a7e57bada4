"""Tells all nodes what was committed: after the commit, never before. The only caller of the log's append."""

from collections.abc import Callable, Iterable

from app.core.entries import Ended, Entry, Happened, encode_entry
from app.core.model import Fact
from app.core.revocation import KEEP_MS
from app.secure.seals import Seal


class Outbox:
    """Puts entries on the log, sealed, in the order in which they are given; `append` neither waits nor fails.

    That sessions ended is also kept, by `remember`, for nodes that start while their tokens could still verify.
    """

    def __init__(self, append: Callable[[bytes], None], remember: Callable[[bytes, int], None], seal: Seal) -> None:
        self._append = append
        self._remember = remember
        self._seal = seal

    def publish(self, *entries: Entry) -> None:
        """Tell all nodes, this one too."""
        for entry in entries:
            sealed = self._seal.close(encode_entry(entry))
            self._append(sealed)
            if isinstance(entry, Ended):
                self._remember(sealed, entry.at_ms + KEEP_MS)

    def publish_facts(self, facts: Iterable[Fact]) -> None:
        """Tell all nodes of durable facts."""
        self.publish(
            *(
                Happened(channel_id=fact.channel_id, seq=fact.seq, type=fact.type, envelope=fact.envelope)
                for fact in facts
            )
        )
