"""The bytes that the load generator exchanges with servers: handshakes, masked frames, packets of known length.

Everything is built once, before a measurement. Nothing here opens a socket.
Source: RFC 6455 part 5; Engine.IO protocol v4; Socket.IO protocol v5.
"""

import json
from collections.abc import Generator
from typing import Any

MASK = b"\x37\xfa\x21\x3d"
PING = b"\x81\x012"
REQUEST = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

Script = Generator[bytes, bytes, None]


def masked(opcode: int, payload: bytes) -> bytes:
    """Build one frame as clients send them."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    repeated = (MASK * (size // 4 + 1))[:size]
    body = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
    return head + MASK + body


def text(payload: str) -> bytes:
    """Build the frame of one packet."""
    return masked(0x1, payload.encode())


PONG = text("3")
LEAVE = masked(0x8, (1001).to_bytes(2, "big"))


def connect(auth: dict[str, Any]) -> bytes:
    """Build the frame that connects to the namespace `/`."""
    return text("40" + json.dumps(auth, separators=(",", ":")))


def say(size_bytes: int) -> bytes:
    """Build the frame that asks a server to tell everyone a text of that many bytes."""
    return text('42["say",{"text":"' + "x" * size_bytes + '"}]')


def said_bytes(size_bytes: int) -> int:
    """Return how long the frame is in which a server tells such a text: all peers write the same JSON."""
    payload = size_bytes + len('42["said",{"text":""}]')
    return payload + (2 if payload < 126 else 4 if payload < 65536 else 10)


def by_websocket(connecting: bytes) -> Script:
    """Open a session with a WebSocket: yields what to send, is sent all that has come so far.

    It waits for each answer as stock clients do, and ends when the server has told that the client is connected.
    """
    got = yield REQUEST
    while b"}" not in got.partition(b"\r\n\r\n")[2]:
        got = yield b""
    _check(got, b" 101 ", b'0{"sid"')
    opened = len(got)
    got = yield connecting
    while b"}" not in got[opened:]:
        got = yield b""
    _check(got[opened:], b'40{"sid"')


def _check(got: bytes, *expected: bytes) -> None:
    for part in expected:
        if part not in got:
            raise ConnectionError(f"the server answered {got[:300]!r}, without {part!r}")
