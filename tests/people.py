"""People who use the service over HTTP and raw WebSockets, as any client may."""

import asyncio
import json
import uuid
from typing import Any, Protocol, Self

import aiohttp

from tests.helpers import eventually
from tests.nodes import PASSWORD

TIMEOUT = aiohttp.ClientTimeout(total=20)


class Served(Protocol):
    """Wherever a node serves: in a process of its own or in this one."""

    url: str


class Answer:
    """An HTTP answer, read whole."""

    def __init__(self, status: int, headers: Any, body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def code(self) -> str | None:
        """Give the error's code, if it is one."""
        return self.body["error"]["code"] if isinstance(self.body, dict) and "error" in self.body else None


class Person:
    """Somebody signed in at one node."""

    def __init__(self, node: Served, http: aiohttp.ClientSession, granted: dict[str, Any]) -> None:
        self.node = node
        self.http = http
        self.id: str = granted["user"]["id"]
        self.username: str = granted["user"]["username"]
        self.token: str = granted["access_token"]
        self.refresh_token: str = granted.get("refresh_token", "")

    @classmethod
    async def registers(cls, node: Served, http: aiohttp.ClientSession, name: str = "ana") -> Self:
        """Register under a name that nobody has."""
        body = {"username": f"{name}-{uuid.uuid4().hex[:8]}", "password": PASSWORD, "refresh_in": "body"}
        answer = await call(http, "POST", f"{node.url}/v1/auth/register", json=body)
        assert answer.status == 201, answer.body
        return cls(node, http, answer.body)

    def at(self, node: Served) -> "Person":
        """Be the same person at another node."""
        granted = {"user": {"id": self.id, "username": self.username}, "access_token": self.token}
        return Person(node, self.http, {**granted, "refresh_token": self.refresh_token})

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        """Call the API with the access token."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return await call(self.http, method, self.node.url + path, headers=headers, **options)

    async def creates(self, name: str | None = None, kind: str = "public") -> str:
        """Create a channel and return its id."""
        body = {"name": name or f"room-{uuid.uuid4().hex[:8]}", "kind": kind}
        answer = await self.call("POST", "/v1/channels", json=body)
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    async def joins(self, channel_id: str) -> dict[str, Any]:
        """Join a channel and return it."""
        answer = await self.call("PUT", f"/v1/channels/{channel_id}/members/me")
        assert answer.status == 200, answer.body
        return dict(answer.body)

    async def posts(self, channel_id: str, text: str, **fields: Any) -> dict[str, Any]:
        """Send a message over HTTP and return it."""
        answer = await self.call("POST", f"/v1/channels/{channel_id}/messages", json={"text": text, **fields})
        assert answer.status in (200, 201), answer.body
        return dict(answer.body)

    async def posts_until_told(self, channel_id: str, text: str, key: str) -> dict[str, Any]:
        """Send a message and, as a client does, send it again while the answer says that this may help."""
        while True:
            body = {"text": text, "client_msg_id": key}
            answer = await self.call("POST", f"/v1/channels/{channel_id}/messages", json=body)
            if answer.status in (200, 201):
                return dict(answer.body)
            assert answer.body["error"]["retryable"], answer.body

    async def connects(self, **auth: Any) -> "Wire":
        """Open a WebSocket to `/chat` and wait for `hello`."""
        wire = await Wire.opens(self.http, self.node)
        await wire.send("40/chat," + json.dumps({"token": self.token, **auth}))
        await wire.fact("hello")
        return wire


async def call(http: aiohttp.ClientSession, method: str, url: str, **options: Any) -> Answer:
    """Make one request and read its answer whole."""
    async with http.request(method, url, timeout=TIMEOUT, **options) as answer:
        raw = await answer.read()
        body = json.loads(raw) if raw and "json" in answer.content_type else raw
        return Answer(answer.status, answer.headers, body)


class Wire:
    """A raw Socket.IO connection to `/chat` over one WebSocket; everything received is kept in order."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.frames: list[str] = []
        self.facts: list[tuple[str, Any]] = []
        self.acks: dict[int, Any] = {}
        self.refusal: Any = None
        self._next_ack = 0
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def opens(cls, http: aiohttp.ClientSession, node: Served, **options: Any) -> Self:
        """Open the transport without connecting to a namespace."""
        url = f"{node.url}/socket.io/?EIO=4&transport=websocket"
        return cls(await http.ws_connect(url, **options))

    async def send(self, packet: str) -> None:
        """Send one Engine.IO packet as it is."""
        await self.ws.send_str(packet)

    async def emit(self, name: str, payload: Any) -> Any:
        """Send an event and return its one ack argument."""
        number = self._next_ack
        self._next_ack += 1
        await self.send(f"42/chat,{number}{json.dumps([name, payload])}")
        return await eventually(lambda: self.acks.get(number))

    async def fact(self, kind: str, nth: int = 0) -> Any:
        """Wait for the nth fact of a kind and return its argument."""
        await eventually(lambda: len(self.of(kind)) > nth or self.closed)
        assert len(self.of(kind)) > nth, f"closed without {kind}: {self.frames}"
        return self.of(kind)[nth]

    def of(self, kind: str) -> list[Any]:
        """List the facts of a kind so far."""
        return [data for name, data in self.facts if name == kind]

    @property
    def closed(self) -> bool:
        """Tell whether the connection is over."""
        return self._reader.done()

    async def close(self) -> None:
        """Close the connection."""
        await self.ws.close()
        await self._reader

    async def _read(self) -> None:
        async for message in self.ws:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            frame = message.data
            self.frames.append(frame)
            if frame == "2":
                await self.ws.send_str("3")
            elif frame.startswith("42/chat,"):
                name, data = json.loads(frame[8:])
                self.facts.append((name, data))
            elif frame.startswith("43/chat,"):
                number, _, rest = frame[8:].partition("[")
                self.acks[int(number)] = json.loads("[" + rest)[0]
            elif frame.startswith("44/"):
                self.refusal = json.loads(frame.partition(",")[2])
