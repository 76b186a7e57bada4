"""The floor: one `send()` a delivery and no protocol, as little as a Python process can do.

It answers handshakes with fixed bytes, believes everything and never waits. No server could be built on it; it shows
what the system calls alone cost.
"""

import base64
import hashlib
import json
import select
import socket
import sys
from typing import Any

from bench.peers.orders import listen, say

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
OPEN = b'0{"sid":"floor","upgrades":[],"pingInterval":600000,"pingTimeout":300000,"maxPayload":65536}'


def frame(payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    return bytes((0x81, 126)) + size.to_bytes(2, "big") + payload


def unmasked(data: bytes) -> list[bytes]:
    """Take apart the masked frames of a chunk; clients of the bench never split one."""
    found, at = [], 0
    while at < len(data):
        size = data[at + 1] & 0x7F
        start = at + (4 if size == 126 else 2)
        if size == 126:
            size = int.from_bytes(data[at + 2 : at + 4], "big")
        mask = int.from_bytes((data[start : start + 4] * (size // 4 + 1))[:size], "big")
        body = int.from_bytes(data[start + 4 : start + 4 + size], "big")
        found.append((mask ^ body).to_bytes(size, "big"))
        at = start + 4 + size
    return found


class Floor:
    """Sockets by descriptor and those that are in the room."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        self.crowd: dict[int, socket.socket] = {}

    def accept(self, listener: socket.socket) -> None:
        """Take one connection."""
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sockets[client.fileno()] = client
        self.epoll.register(client.fileno(), select.EPOLLIN)

    def read(self, number: int) -> None:
        """Take what one client has sent: its handshake, its frames or its end."""
        client = self.sockets[number]
        data = client.recv(1 << 20)
        if not data or data[0] == 0x88:
            self.crowd.pop(number, None)
            self.sockets.pop(number).close()
        elif data.startswith(b"GET "):
            key = data.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
            accept = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
            client.send(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + frame(OPEN)
            )
        else:
            for payload in unmasked(data):
                self.take(client, payload)

    def take(self, client: socket.socket, payload: bytes) -> None:
        """Let a client in, or tell everyone what it says."""
        if payload.startswith(b"40"):
            if json.loads(payload[2:] or b"{}").get("room"):
                self.crowd[client.fileno()] = client
            client.send(frame(b'40{"sid":"floor"}'))
        else:
            said = frame(payload.replace(b"say", b"said", 1))
            for member in self.crowd.values():
                member.send(said)

    def obey(self, line: str) -> bool:
        """Carry out one order; tell whether there was one."""
        if line:
            order = json.loads(line)[0]
            say(len(self.sockets) if order == "count" else None)
        return bool(line)


def main(options: dict[str, Any]) -> None:
    floor, listener = Floor(), listen(options.get("port", 0))
    floor.epoll.register(listener, select.EPOLLIN)
    floor.epoll.register(sys.stdin, select.EPOLLIN)
    say(listener.getsockname()[1])
    while True:
        for number, _ in floor.epoll.poll():
            if number == listener.fileno():
                floor.accept(listener)
            elif number != sys.stdin.fileno():
                floor.read(number)
            elif not floor.obey(sys.stdin.readline()):
                return


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
