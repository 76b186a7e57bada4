"""WebSocket frames as bytes: building those that a server sends, and taking them apart again.

A frame is built once for all of its readers. Nothing here reads what a client sends (see reader.py) or writes.
Source: RFC 6455 part 5.2.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA


def frame(opcode: int, payload: bytes) -> bytes:
    """Build one final, unmasked frame."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


def text_frame(payload: bytes) -> bytes:
    """Build the text frame that carries one packet."""
    return frame(TEXT, payload)


def close_frame(code: int) -> bytes:
    """Build the close frame with a status code."""
    return frame(CLOSE, code.to_bytes(2, "big"))


def split(chunk: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (opcode, payload) of every frame in a chunk of whole frames that this module built."""
    at = 0
    while at < len(chunk):
        start, end = _bounds(chunk, at)
        yield chunk[at] & 0x0F, chunk[start:end]
        at = end


@lru_cache(maxsize=8)  # slow readers of one room get the same chunk one after the other
def count(chunk: bytes) -> int:
    """Count the frames in a chunk of whole frames that this module built."""
    at = found = 0
    while at < len(chunk):
        at = _bounds(chunk, at)[1]
        found += 1
    return found


def _bounds(chunk: bytes, at: int) -> tuple[int, int]:
    size = chunk[at + 1]
    if size < 126:
        return at + 2, at + 2 + size
    if size == 126:
        return at + 4, at + 4 + int.from_bytes(chunk[at + 2 : at + 4], "big")
    return at + 10, at + 10 + int.from_bytes(chunk[at + 2 : at + 10], "big")
