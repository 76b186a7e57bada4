"""Reading what a WebSocket client sends: bytes in, whole messages out, nothing else.

No I/O and no clock. The reader holds at most one unfinished message and the bytes that were fed but not asked
for, so whoever feeds it decides by not asking how much is taken at once.
Source: RFC 6455 part 5; a server must refuse unmasked frames (5.1), which common readers do not.
"""

from typing import Final

from aiohttp._websocket.helpers import websocket_mask

from app.engine.frames import BINARY, CLOSE, PING, PONG, TEXT

PROTOCOL_ERROR: Final = 1002
INVALID_TEXT: Final = 1007
TOO_BIG: Final = 1009

_KNOWN: Final = frozenset((0, TEXT, BINARY, CLOSE, PING, PONG))


class FrameError(Exception):
    """A frame breaks the protocol; `code` is the close status that says how."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(what)
        self.code = code


class FrameReader:
    """Turns the bytes of one client into messages, in order.

    limit: the largest message in bytes, over all of its fragments.
    """

    __slots__ = ("_at", "_data", "_limit", "_message", "_need", "_opcode")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data: bytes | bytearray = b""
        self._at = 0
        self._need = 2
        self._opcode = 0
        self._message: bytearray | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes from the network; `next` hands out what they complete."""
        if self._at == len(self._data):
            self._data, self._at = data, 0
            return
        if isinstance(self._data, bytes):
            self._data = bytearray(self._data)
        if self._at:
            del self._data[: self._at]
            self._at = 0
        self._data += data

    def next(self) -> tuple[int, bytearray] | None:
        """Return (opcode, payload) of the next whole message or control frame; None until there is one.

        Raises FrameError; nothing may be asked of the reader after that.
        """
        while len(self._data) - self._at >= self._need:
            head = self._head()
            if head is None:
                return None
            opcode, final, start, size = head
            if len(self._data) - start < size:
                self._need = start + size - self._at
                return None
            payload = self._payload(start, size)
            if opcode >= CLOSE:
                return opcode, payload
            done = self._gather(opcode, final, payload)
            if done is not None:
                return done
        return None

    def _head(self) -> tuple[int, bool, int, int] | None:
        """Read the next frame's header: opcode, final, where its payload starts, how long it is."""
        data, at = self._data, self._at
        first, second = data[at], data[at + 1]
        opcode, final = first & 0x0F, first > 0x7F
        self._check(first, opcode, second)
        size = second & 0x7F
        extra = 2 if size == 126 else 8 if size == 127 else 0
        if len(data) - at < 6 + extra:
            self._need = 6 + extra
            return None
        if extra:
            size = int.from_bytes(data[at + 2 : at + 2 + extra], "big")
        if opcode < CLOSE and size > self._limit - len(self._message or b""):
            raise FrameError(TOO_BIG, "message too big")
        return opcode, final, at + 6 + extra, size

    def _check(self, first: int, opcode: int, second: int) -> None:
        if first & 0x70:
            raise FrameError(PROTOCOL_ERROR, "reserved bits set")
        if opcode not in _KNOWN:
            raise FrameError(PROTOCOL_ERROR, "unknown opcode")
        if second < 0x80:
            raise FrameError(PROTOCOL_ERROR, "unmasked frame")
        if opcode >= CLOSE and (first < 0x80 or second & 0x7F > 125):
            raise FrameError(PROTOCOL_ERROR, "control frame fragmented or too long")
        if opcode in (TEXT, BINARY) and self._message is not None:
            raise FrameError(PROTOCOL_ERROR, "new message inside a fragmented one")
        if opcode == 0 and self._message is None:
            raise FrameError(PROTOCOL_ERROR, "continuation of nothing")

    def _payload(self, start: int, size: int) -> bytearray:
        data = self._data
        payload = bytearray(data[start : start + size])
        websocket_mask(bytes(data[start - 4 : start]), payload)
        self._at, self._need = start + size, 2
        if self._at == len(data):
            self._data, self._at = b"", 0
        return payload

    def _gather(self, opcode: int, final: bool, payload: bytearray) -> tuple[int, bytearray] | None:
        if self._message is None:
            if final:
                return opcode, payload
            self._opcode, self._message = opcode, payload
            return None
        self._message += payload
        if not final:
            return None
        message, self._message = self._message, None
        return self._opcode, message


def close_code(payload: bytearray) -> int:
    """Return the status that answers a client's close frame: its own where it is a legal one.

    Raises FrameError for a status or reason that may not be on the wire (RFC 6455 part 7.4).
    """
    if not payload:
        return 1000
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not (code in (1000, 1001, 1002, 1003, *range(1007, 1015)) or 3000 <= code < 5000):
        raise FrameError(PROTOCOL_ERROR, "illegal close status")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(INVALID_TEXT, "close reason is not UTF-8") from None
    return code
