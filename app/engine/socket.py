"""One Engine.IO session: its packets, heartbeat, transports and end. No word of Socket.IO.

A session lives in exactly one state that matters to others: open or `closed`. Closing is immediate for everybody
else (it is out of every index at once) while the transport gets a bounded time to finish.
Source: Engine.IO protocol v4.
"""

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final, Protocol

from engineio import async_socket  # type: ignore[import-untyped]  # upstream ships no types

from app.engine.frames import text_frame
from app.engine.inbox import Inbox
from app.engine.outbox import Outbox
from app.engine.packets import Malformed
from app.engine.visitors import Visitor
from app.engine.wheel import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.engine.engine import Engine

CLIENT_DISCONNECT: Final = "client disconnect"
TRANSPORT_CLOSE: Final = "transport close"
PING_TIMEOUT: Final = "ping timeout"
SLOW_CONSUMER: Final = "slow_consumer"

_PING: Final = text_frame(b"2")
_ORDERLY: Final = frozenset((CLIENT_DISCONNECT, TRANSPORT_CLOSE))


class Link(Protocol):
    """The transport that a session currently uses."""

    name: str

    def pause(self) -> None:
        """Stop reading from the client."""

    def resume(self) -> None:
        """Read on."""

    def wake(self) -> None:
        """Something has been put into the outbox."""

    def finish(self, code: int) -> None:
        """Write what waits, close politely, abort when the peer does not answer in time."""

    def abort(self) -> None:
        """Close now; nothing more is written."""


def discard(_: bytes) -> None:
    """Write nothing: the session is closed."""


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("base64") from None


class Socket(async_socket.AsyncSocket):  # type: ignore[misc]  # upstream ships no types
    """An Engine.IO session.

    write: takes a chunk of whole frames; the open transport's own `write` where it can be.
    waiting: the frames of this loop turn (see mail.py). clients: the application's own, by namespace.
    ending: why it was closed.
    """

    __slots__ = (
        "_data",
        "_deadline",
        "_due_s",
        "_heartbeat",
        "assembly",
        "awaiting_pong",
        "clients",
        "closed",
        "ending",
        "engine",
        "environ",
        "inbox",
        "link",
        "outbox",
        "sid",
        "upgrading",
        "visitor",
        "waiting",
        "write",
    )

    def __init__(self, engine: "Engine", sid: str, visitor: Visitor) -> None:
        # upstream's constructor makes a queue and a dictionary for what is not used here
        self.engine = engine
        self.sid = sid
        self.visitor = visitor
        self.closed = False
        self.ending = ""
        self.upgrading = False
        self.awaiting_pong = False
        self.waiting: list[bytes] | None = None
        self.outbox: Outbox | None = None
        self.inbox: Inbox | None = None
        self.clients: dict[str, Any] = {}
        self.assembly: Any = None
        self.environ: dict[str, Any] | None = None
        self.link: Link
        self.write: Callable[[bytes], object] = self.enqueue
        self._data: dict[str, Any] | None = None
        self._deadline: Timer | None = None
        self._due_s: float = engine.clock() + engine.ping_interval
        self._heartbeat = engine.wheel.at(self._due_s, self._beat)

    @property
    def upgraded(self) -> bool:
        """Tell whether the session's transport is a WebSocket."""
        return self.link.name == "websocket"

    @property
    def session(self) -> dict[str, Any]:
        """The application's dictionary for this session."""
        if self._data is None:
            self._data = {}
        return self._data

    @session.setter
    def session(self, value: dict[str, Any]) -> None:
        self._data = value

    def expect(self, delay_s: float | None, reason: str = "") -> None:
        """Close the session for that reason unless this is called again in time; None expects nothing."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if delay_s is not None:
            self._deadline = self.engine.wheel.after(delay_s, lambda: self.close(reason))

    def packet(self, text: str) -> None:
        """Take one packet from the client. Raises Malformed."""
        kind = text[:1]
        if kind == "4":
            self.engine.upper.message(self, text[1:])
        elif text == "3":
            self._pong()
        elif text == "1":
            self.close(CLIENT_DISCONNECT)
        elif kind == "b":
            self.binary(_unbase64(text[1:]))
        else:
            raise Malformed("engine packet")

    def binary(self, data: bytes) -> None:
        """Take one binary message from the client. Raises Malformed."""
        self.engine.upper.attachment(self, data)

    def refuse(self, kind: str, code: int = 1008, *, abort: bool = False) -> None:
        """Count one violation by the client and close; see `close`."""
        if not self.closed:
            self.engine.complaints.note(kind, self.visitor.address)
            self.close("malformed", code=code, abort=abort)

    def handle(self, item: Any, size: int) -> None:
        """Queue one item for the application, after those before it."""
        inbox = self.inbox
        if inbox is None:
            inbox = self.inbox = Inbox(self)
        inbox.put(item, size)

    def enqueue(self, chunk: bytes) -> None:
        """Keep a chunk for a transport that cannot take it now; too much of it closes the session."""
        outbox = self.outbox
        if outbox is None:
            limits = self.engine.limits
            outbox = self.outbox = Outbox(limits.outbox_bytes, limits.outbox_frames)
        if outbox.put(chunk):
            self.link.wake()
        else:  # never from here: whoever writes may be walking over the members of a room
            outbox.clear()
            self.write = discard
            self.engine.soon(self._close_slow)

    def keeps_up(self) -> bool:
        """Tell whether a message that may be lost should be written."""
        return not self.outbox or self.outbox.roomy()

    def close(self, reason: str, *, abort: bool = False, code: int = 1000) -> None:
        """End the session: out of every index at once, the transport within its bounded time.

        reason: handed to the application. abort: write nothing more. code: the WebSocket status.
        Events already received are still handled if the client itself has left, and dropped otherwise.
        """
        if self.closed:
            return
        engine = self.engine
        if not abort:
            engine.mail.flush()
        self.closed = True
        self.ending = reason
        self._heartbeat.cancel()
        self.expect(None)
        self.assembly = None
        engine.forget(self, reason)
        inbox = self.inbox
        if inbox is not None:
            inbox.until_s = engine.clock() + engine.limits.handler_timeout_s
            if reason not in _ORDERLY:
                inbox.drop()
        engine.upper.gone(self)
        if inbox is None:
            engine.upper.ended(self)
        self.write = discard
        if abort:
            self.link.abort()
        else:
            self.link.finish(code)

    def _close_slow(self) -> None:
        self.close(SLOW_CONSUMER, abort=True)

    def _beat(self) -> None:
        if not self.awaiting_pong:
            self.awaiting_pong = True
            self.write(_PING)
            self._beat_at(self._due_s + self.engine.ping_timeout)
        elif self.inbox is not None and self.inbox.paused:  # its PONG may be among what we are not reading
            self._beat_at(self.engine.clock() + self.engine.ping_timeout)
        else:
            self.close(PING_TIMEOUT, abort=True)

    def _beat_at(self, due_s: float) -> None:
        self._due_s = due_s
        self._heartbeat.move(due_s)

    def _pong(self) -> None:
        if self.awaiting_pong:
            self.awaiting_pong = False
            self._beat_at(self.engine.clock() + self.engine.ping_interval)
