"""The peer that this project brings: `app.engine` alone, or with the project's log behind it.

The limits on addresses and handshakes are widened, since one address is everybody here; they are enforced all the
same. Nothing else differs from how a node runs the engine.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiohttp import web

from app.bus.log import Log
from app.core.errors import Unauthenticated
from app.engine import Connection, ConnectRefused, Limits, Namespace, Server, encode_event, strict_json
from app.secure.tokens import AccessTokens
from bench import tokens
from bench.peers.orders import listen, obey, run, say

CROWD = "crowd"
LIMITS = Limits(sockets_per_address=100_000, handshakes_per_s=1e6, handshakes_burst=1_000_000)


class Crowd(Namespace):
    """Members hear what anybody says."""

    def __init__(self, access: AccessTokens | None) -> None:
        super().__init__("/")
        self._access = access
        self.publish: Callable[[bytes], None] = self.deliver

    def deliver(self, packet: bytes) -> None:
        """Give a packet to the members who are connected here."""
        self.server.deliver("/", CROWD, packet)

    async def connected(self, connection: Connection, auth: dict[str, Any] | None) -> None:
        """Check the token where tokens are asked for; enter the room that the client names."""
        auth = auth or {}
        if self._access is not None:
            try:
                connection.session = self._access.verify(auth["token"])
            except Unauthenticated:
                raise ConnectRefused("auth_failed") from None
        if "room" in auth:
            connection.join(auth["room"])

    async def received(self, _: Connection, name: str, payload: Any) -> None:
        """Tell everyone what one said."""
        assert name == "say"
        self.publish(encode_event("/", "said", strict_json.dumps(payload)))


@asynccontextmanager
async def log_of(url: str, crowd: Crowd) -> AsyncIterator[None]:
    """Say everything through the project's log: to this node as to every other."""

    def on_entries(entries: Sequence[bytes]) -> None:
        for packet in entries:
            crowd.deliver(packet)

    def on_gap(reason: str) -> None:
        raise RuntimeError(f"the bench lost entries: {reason}")

    log = Log(url, deployment="bench", maxlen=100_000, on_entries=on_entries, on_gap=on_gap)
    running = asyncio.create_task(log.run())
    try:
        await log.ready(5.0)
        crowd.publish = log.append
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})


def make_rooms(server: Server, count: int) -> None:
    """Let those who are connected enter that many rooms, in turn."""
    connections = list(server.connections("/"))
    for number in range(count):
        connections[number % len(connections)].join(f"room {number}")


async def main(options: dict[str, Any]) -> None:
    access = tokens.access() if options.get("jwk") else None
    crowd = Crowd(access)
    server = Server(
        [crowd],
        limits=LIMITS,
        origins=None,
        ping_interval_s=options["ping_interval_s"],
        ping_timeout_s=options["ping_timeout_s"],
        clock=time.monotonic,
    )
    async with AsyncExitStack() as stack:
        if options.get("redis_url"):
            await stack.enter_async_context(log_of(options["redis_url"], crowd))
        app = web.Application()
        server.attach(app)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        listener = listen(options.get("port", 0))
        await web.SockSite(runner, listener, backlog=4096).start()
        say(listener.getsockname()[1])
        await obey(
            {
                "count": lambda: server.stats()["sockets"],
                "rooms": lambda count: make_rooms(server, count),
            }
        )


if __name__ == "__main__":
    run(main)
