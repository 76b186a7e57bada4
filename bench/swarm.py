"""Raw WebSocket clients by the thousand, in one thread on one epoll: the load generator.

It must cost much less than any server. So it counts bytes of frames whose length is known and has the kernel throw
the bytes away unread (MSG_TRUNC); nothing is decoded, and there is no task and no buffer per client.
Every wait has a limit; a server that goes away or falls silent is an error.
"""

import select
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from bench import wire

SILENCE_S = 20.0
EVENTS = 1024
ROOM = memoryview(bytearray(1 << 20))
RESET = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # linger on, 0 s: closing leaves no TIME_WAIT behind


class Silence(Exception):
    """A server has not done within the limit what it was asked to do."""


class Swarm:
    """Connected clients. They only listen, but for what `flow.py` and its kind make them send."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.clients: dict[int, socket.socket] = {}

    def close(self) -> None:
        """Reset every connection."""
        for client in self.clients.values():
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()
        self.clients = {}
        self.epoll.close()

    def connect(self, port: int, greetings: Sequence[bytes], *, at_once: int = 32) -> list[socket.socket]:
        """Connect one client for each greeting, so many of them at once; return them when all are connected.

        greetings: the frames that connect to the namespace.
        """
        scripts: dict[int, wire.Script] = {}
        heard: dict[int, bytes] = {}
        waiting, made = iter(greetings), list[socket.socket]()
        while True:
            while len(scripts) < at_once and (greeting := next(waiting, None)) is not None:
                client = self._dial(port)
                made.append(client)
                script = scripts[client.fileno()] = wire.by_websocket(greeting)
                heard[client.fileno()] = b""
                client.send(next(script))
            if not scripts:
                return made
            for number in self.ready():
                if number not in scripts:
                    self._answer_ping(number)
                    continue
                heard[number] += self.clients[number].recv(65536) or _gone()
                try:
                    if answer := scripts[number].send(heard[number]):
                        self.clients[number].send(answer)
                except StopIteration:
                    del scripts[number], heard[number]

    def ready(self, limit_s: float = SILENCE_S) -> Iterator[int]:
        """Yield the descriptors that have something to read, once; wait for the first of them."""
        events = self.epoll.poll(limit_s, EVENTS)
        if not events:
            raise Silence(f"nothing has come for {limit_s:g} s")
        for number, _ in events:
            yield number

    def leave(self, clients: Iterable[socket.socket], *, at_once: int = 32) -> None:
        """Close the WebSockets of clients politely, so many at once, and wait until the server has closed each."""
        going: set[int] = set()
        waiting = iter(clients)
        while True:
            while len(going) < at_once and (client := next(waiting, None)) is not None:
                client.send(wire.LEAVE)
                going.add(client.fileno())
            if not going:
                return
            for number in self.ready():
                if not self._heard_something(number):
                    going.discard(number)
                    self.clients.pop(number).close()

    def idle(self, seconds: float) -> int:
        """Answer pings for that long; return how many there were."""
        pings, end_s = 0, time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            for number, _ in self.epoll.poll(left_s, EVENTS):
                pings += self._answer_ping(number)
        return pings

    def _answer_ping(self, number: int) -> bool:
        client = self.clients[number]
        pinged = wire.PING in (client.recv(65536) or _gone())
        if pinged:
            client.send(wire.PONG)
        return pinged

    def _heard_something(self, number: int) -> bool:
        try:
            return bool(self.clients[number].recv(65536))
        except ConnectionResetError:
            return False

    def _dial(self, port: int) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", port), timeout=SILENCE_S)
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.clients[client.fileno()] = client
        self.epoll.register(client.fileno(), select.EPOLLIN)
        return client


def _gone() -> bytes:
    raise ConnectionError("the server closed a connection")


@contextmanager
def swarm() -> Iterator[Swarm]:
    """Give a swarm whose connections are reset at the end."""
    made = Swarm()
    try:
        yield made
    finally:
        made.close()
