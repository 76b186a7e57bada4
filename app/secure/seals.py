"""Marks what nodes tell each other, so that nobody else who can write to the log's Redis is believed."""

import hashlib
import hmac

MARK_BYTES = 16


class Seal:
    """Seals and opens entries under a key that the nodes of one deployment share (keyed BLAKE2b, RFC 7693).

    It says who wrote an entry, not when: an old entry that is written again opens. What nodes do with an entry they
    do only once, or the same way each time.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, entry: bytes) -> bytes:
        """Give an entry with its mark before it."""
        return self._mark(entry) + entry

    def open(self, sealed: bytes) -> bytes | None:
        """Give the entry behind its mark; None where the mark is not ours."""
        mark, entry = sealed[:MARK_BYTES], sealed[MARK_BYTES:]
        return entry if hmac.compare_digest(mark, self._mark(entry)) else None

    def _mark(self, entry: bytes) -> bytes:
        return hashlib.blake2b(entry, digest_size=MARK_BYTES, key=self._key).digest()
