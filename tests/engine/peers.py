"""Clients for the engine's tests: they write any bytes that a test wants, and never wait without a limit."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import orjson

from app.engine import Connection, ConnectRefused, Namespace, Server
from tests.helpers import eventually

LIMIT_S = 5.0
CLOSED = "closed"


class Peer:
    """A WebSocket client, frame by frame. After the handshake `status` and `headers` tell how it went."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.close_code: int | None = None

    async def shake(self, path: str, headers: dict[str, str]) -> None:
        """Ask for a WebSocket."""
        fields = {
            "Host": "test",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
            **headers,
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        self.write("\r\n".join(lines).encode())
        async with asyncio.timeout(LIMIT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.status = int(head[0].split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}

    def write(self, data: bytes) -> None:
        """Write any bytes."""
        self.writer.write(data)

    def send(self, *texts: str) -> None:
        """Send text messages, in one write."""
        self.write(b"".join(client_frame(1, text.encode()) for text in texts))

    async def frame(self) -> tuple[int, bytes]:
        """Return the next frame as (opcode, payload); raises IncompleteReadError or ConnectionError at the end."""
        async with asyncio.timeout(LIMIT_S):
            head = await self.reader.readexactly(2)
            size = head[1]
            assert size < 128, "a server must not mask"
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            return head[0] & 15, await self.reader.readexactly(size)

    async def receive(self) -> Any:
        """Return the next message: str, bytes, or CLOSED when the connection has ended. A close frame is answered."""
        while True:
            try:
                opcode, payload = await self.frame()
            except (asyncio.IncompleteReadError, ConnectionError):
                return CLOSED
            if opcode == 1:
                return payload.decode()
            if opcode == 2:
                return payload
            if opcode == 8:
                self.close_code = int.from_bytes(payload[:2], "big")
                self.write(client_frame(8, payload))

    async def until_closed(self) -> list[Any]:
        """Return everything that comes until the connection has ended."""
        messages = []
        while (message := await self.receive()) != CLOSED:
            messages.append(message)
        return messages

    async def event(self) -> tuple[str, Any]:
        """Return the next event's name and argument; PINGs are answered on the way."""
        while (text := await self.receive()) == "2":
            self.send("3")
        assert text.startswith("42"), text
        name, *arguments = orjson.loads(text[text.index("[") :])
        return name, arguments[0] if arguments else None

    async def close(self) -> None:
        """Cut the connection."""
        self.writer.transport.abort()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


def client_frame(opcode: int, payload: bytes, *, final: bool = True, mask: bool = True, rsv: int = 0) -> bytes:
    """Build a client's frame, as right or as wrong as asked for."""
    size = len(payload)
    flag = 0x80 if mask else 0
    head = bytes([(0x80 if final else 0) | rsv << 4 | opcode])
    if size < 126:
        head += bytes([flag | size])
    elif size < 65536:
        head += bytes([flag | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([flag | 127]) + size.to_bytes(8, "big")
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


class Site:
    """A server that listens."""

    def __init__(self, port: int, server: Server, stack: AsyncExitStack) -> None:
        self.port = port
        self.server = server
        self._stack = stack

    def url(self, query: str = "EIO=4&transport=polling", path: str = "/socket.io/") -> str:
        """Return an HTTP address of the server."""
        return f"http://127.0.0.1:{self.port}{path}?{query}"

    async def tcp(self, **options: Any) -> Peer:
        """Open a TCP connection."""
        async with asyncio.timeout(LIMIT_S):
            peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port, **options))
        self._stack.push_async_callback(peer.close)
        return peer

    async def ws(self, query: str = "EIO=4&transport=websocket", headers: dict[str, str] | None = None) -> Peer:
        """Open a WebSocket, whatever the answer is."""
        peer = await self.tcp()
        await peer.shake(f"/socket.io/?{query}", headers or {})
        return peer

    async def open(self) -> Peer:
        """Open a WebSocket session: the opening packet has been read."""
        peer = await self.ws()
        assert (await peer.receive()).startswith("0{")
        return peer

    async def join(self, namespace: str = "/chat", auth: str = "{}") -> Peer:
        """Open a session and connect to a namespace: the answer has been read."""
        peer = await self.open()
        peer.send(f"40{namespace},{auth}")
        answer = await peer.receive()
        assert answer.startswith(f'40{namespace},{{"sid":'), answer
        return peer

    async def gone(self) -> None:
        """Wait until nothing is left of any client."""
        await eventually(lambda: self.idle, LIMIT_S)

    @property
    def idle(self) -> bool:
        """Tell whether the server holds no client in any index."""
        stats = self.server.stats()
        held = (stats["sockets"], stats["links"], stats["connections"], stats["pending"], stats["rooms"])
        return held == (0, 0, 0, 0, 0) and not len(self.server.eio.wheel)


Handler = Callable[..., Awaitable[Any]]


class Chat(Namespace):
    """A namespace that writes down what happens to it, and does what a test gives it to do."""

    def __init__(self, name: str = "/chat") -> None:
        super().__init__(name)
        self.log: list[tuple[Any, ...]] = []
        self.clients: list[Connection] = []
        self.on_connected: Handler | None = None
        self.on_welcome: Handler | None = None
        self.on_received: Handler | None = None
        self.on_disconnected: Handler | None = None

    async def connected(self, connection: Connection, auth: Any) -> None:
        self.log.append(("connected", auth))
        self.clients.append(connection)
        if self.on_connected is not None:
            await self.on_connected(connection, auth)

    async def welcome(self, connection: Connection) -> None:
        if self.on_welcome is not None:
            await self.on_welcome(connection)

    async def received(self, connection: Connection, name: str, payload: Any) -> Any:
        self.log.append((name, payload))
        if self.on_received is not None:
            return await self.on_received(connection, name, payload)
        return payload

    async def disconnected(self, connection: Connection, reason: str) -> None:
        self.log.append(("disconnected", reason))
        if self.on_disconnected is not None:
            await self.on_disconnected(connection, reason)

    @property
    def goodbyes(self) -> list[str]:
        """Return the reasons of the goodbyes so far."""
        return [entry[1] for entry in self.log if entry[0] == "disconnected"]


async def refuse(connection: Connection, auth: Any) -> None:
    """Refuse whoever comes."""
    raise ConnectRefused("auth_failed", {"code": "auth_failed"})
