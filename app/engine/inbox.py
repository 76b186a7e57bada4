"""What one client has sent and is not handled yet: in order, one at a time, within bounds.

While an event is handled the next ones wait here; beyond the bounds the transport is not read any more. Heartbeats,
acknowledgements and closing never pass through here, so a slow handler cannot starve them. The worker is one task
for as long as there is something to do, owned by the engine.
"""

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.engine.socket import Socket


class Inbox:
    """The queue and the worker of one socket; it exists while something waits or is handled."""

    __slots__ = ("_queue", "_size", "_socket", "paused", "until_s")

    def __init__(self, socket: "Socket") -> None:
        self._socket = socket
        self._queue: deque[tuple[Any, int]] = deque()
        self._size = 0
        self.paused = False
        self.until_s: float | None = None
        socket.engine.spawn(self._work(), "handling events")

    def put(self, item: Any, size: int) -> None:
        """Add one item of that many bytes; stop the transport's reading when the bounds are reached."""
        self._queue.append((item, size))
        self._size += size
        limits = self._socket.engine.limits
        if not self.paused and (len(self._queue) >= limits.inbox_events or self._size >= limits.inbox_bytes):
            self.paused = True
            self._socket.link.pause()

    def drop(self) -> None:
        """Forget what is not being handled yet."""
        self._queue.clear()
        self._size = 0

    async def _work(self) -> None:
        """Handle what waits; whatever a handler lets through, or a cancellation, ends the session."""
        socket = self._socket
        upper = socket.engine.upper
        try:
            while self._queue and not self._overdue():
                item, size = self._queue.popleft()
                self._size -= size
                if self.paused:
                    self._resume_if_roomy()
                await upper.handle(socket, item)
        except BaseException:
            socket.close("handler failed", abort=True)
            raise
        finally:
            socket.inbox = None
            if socket.closed:
                upper.ended(socket)

    def _overdue(self) -> bool:
        return self.until_s is not None and self._socket.engine.clock() > self.until_s

    def _resume_if_roomy(self) -> None:
        limits = self._socket.engine.limits
        if len(self._queue) * 2 <= limits.inbox_events and self._size * 2 <= limits.inbox_bytes:
            self.paused = False
            self._socket.link.resume()
