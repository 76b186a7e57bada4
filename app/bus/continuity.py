"""Whether a reader of the log can still be sure that it has missed nothing. Decisions only; no connection.

A stream that was wiped, trimmed or rolled back gives no error, it goes on with other entries. What tells is the
epoch (a random value that a wiped server loses), the server's own run id (a restarted or promoted server may have
lost its last moments), and the stream's count of all entries ever added against the reader's own count.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

Id = tuple[int, int]
START: Id = (0, 0)
REMEMBERED = 256

WIPED = "wiped"
REWOUND = "rewound"
TRIMMED = "trimmed"
FAILOVER = "failover"
DROPPED = "dropped"
LATE = "late"


def parse_id(raw: bytes) -> Id:
    """Read `milliseconds-number` as the server writes it."""
    milliseconds, _, number = raw.partition(b"-")
    return int(milliseconds), int(number)


def format_id(value: Id) -> str:
    """Write an id as the server takes it."""
    return f"{value[0]}-{value[1]}"


class Snapshot(NamedTuple):
    """What the server says of the log at one moment; a log that does not exist is an empty one at `START`.

    `first` is None for an empty stream, `added` where the server does not count (before Redis 7), `server` where it
    does not say who it is.
    """

    epoch: bytes
    server: str | None
    first: Id | None
    last: Id
    length: int
    added: int | None


class Place:
    """Where a reader stands: the last entry that it took, and how many had been added by then.

    `count` is None after a gap until the reader has reached `mark`, an entry whose count the server told.
    """

    def __init__(self, seen: Snapshot) -> None:
        self.id = seen.last
        self.epoch = seen.epoch
        self.server = seen.server
        self.count = seen.added
        self.mark: tuple[Id, int] | None = None
        self.recent: deque[bytes] = deque(maxlen=REMEMBERED)

    def advance(self, ids: Sequence[bytes]) -> bool:
        """Take entries as read; True when the count shows that others were trimmed away before they were read."""
        before, self.id = self.count, parse_id(ids[-1])
        self.recent.extend(ids)
        if before is not None:
            self.count = before + len(ids)
        if self.mark is None or self.mark[0] > self.id:
            return False
        (at, added), self.mark = self.mark, None
        reached = sum(parse_id(one) <= at for one in ids)
        self.count = added + len(ids) - reached
        return before is not None and before + reached != added

    def missed(self, seen: Snapshot) -> str | None:
        """Return why entries may have been missed between here and what the server has, or None if none were."""
        if seen.epoch != self.epoch:
            return WIPED
        if seen.last < self.id:
            return REWOUND
        if seen.server != self.server and None not in (seen.server, self.server):
            return FAILOVER
        if seen.first is None or seen.first > self.id:
            return TRIMMED if self._trimmed(seen) else None
        if seen.added is None or self.count is None or self.mark is not None:
            return None
        left = seen.added - self.count
        return TRIMMED if left < 0 or (left == 0) != (seen.last == self.id) else None

    def _trimmed(self, seen: Snapshot) -> bool:
        """Tell whether entries after this place are gone, where nothing up to it is left in the stream."""
        if seen.added is None or self.count is None:
            return seen.last > self.id
        return seen.added - self.count != seen.length

    def confirm(self, seen: Snapshot) -> None:
        """Take a snapshot as what to measure the next reading against."""
        self.epoch = seen.epoch
        self.server = seen.server or self.server
        if seen.added is None:
            return
        if seen.last == self.id:
            self.count, self.mark = seen.added, None
        elif self.mark is None:
            self.mark = (seen.last, seen.added)

    def resume(self, reason: str, seen: Snapshot) -> Id | None:
        """Return from where on to read after a gap, or None where the stream must be searched for what is known.

        Ids rise with one server's clock: behind another server or a rewound one, a new entry may have a lower id.
        """
        here = seen.last >= self.id and seen.last != START
        if reason == TRIMMED:
            return self.id if here else START
        if reason == WIPED:
            return self.id if here and seen.server == self.server is not None else START
        return START if seen.last == START else None

    def newest_known(self, ids: Sequence[bytes]) -> Id:
        """Return the newest of these ids that was taken before, or `START` when there is none; newest come first."""
        known = set(self.recent)
        return next((parse_id(one) for one in ids if one in known), START)

    def move(self, to: Id, seen: Snapshot) -> None:
        """Stand elsewhere, after a gap: what comes next is read from `to` on, and counted anew."""
        self.id = to
        self.count = self.mark = None
        if seen.added is not None and (seen.first is None or seen.first > to):
            self.count = seen.added - seen.length
        self.confirm(seen)
