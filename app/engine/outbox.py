"""What waits for a client that is not reading: whole frames, within bounds, never copied.

A thousand slow readers of one message hold a thousand references to the same bytes. The outbox only says that it
is full; closing the client is its owner's business.
"""

from collections import deque

from app.engine.frames import count


class Outbox:
    """A bounded queue of chunks of whole frames.

    bytes and frames: how much is waiting.
    """

    __slots__ = ("_chunks", "_max_bytes", "_max_frames", "bytes", "frames")

    def __init__(self, max_bytes: int, max_frames: int) -> None:
        self._chunks: deque[tuple[bytes, int]] = deque()
        self._max_bytes = max_bytes
        self._max_frames = max_frames
        self.bytes = 0
        self.frames = 0

    def put(self, chunk: bytes) -> bool:
        """Add a chunk of whole frames; tell whether all that waits is within the bounds."""
        frames = count(chunk)
        self._chunks.append((chunk, frames))
        self.bytes += len(chunk)
        self.frames += frames
        return self.bytes <= self._max_bytes and self.frames <= self._max_frames

    def roomy(self) -> bool:
        """Tell whether what may be lost can still be added: less than a quarter of the bounds is used."""
        return self.bytes * 4 < self._max_bytes and self.frames * 4 < self._max_frames

    def take(self, at_least: int) -> bytes:
        """Remove chunks from the front until that many bytes are gathered, or all; return them joined."""
        taken: list[bytes] = []
        size = 0
        while self._chunks and size < at_least:
            chunk, frames = self._chunks.popleft()
            taken.append(chunk)
            size += len(chunk)
            self.frames -= frames
        self.bytes -= size
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def clear(self) -> None:
        """Forget everything."""
        self._chunks.clear()
        self.bytes = self.frames = 0

    def __len__(self) -> int:
        return len(self._chunks)
