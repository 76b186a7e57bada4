"""Stock python-socketio on aiohttp, as its documentation sets it up, with the same few handlers as every other peer.

With a Redis it uses its own `AsyncRedisManager`. Tokens are checked by the code that `ours` uses, so that only the
servers differ.
"""

from typing import Any

import socketio  # type: ignore[import-untyped]  # upstream ships no types
from aiohttp import web

from app.core.errors import Unauthenticated
from bench import tokens
from bench.peers.orders import listen, obey, run, say

CROWD = "crowd"


def make_server(options: dict[str, Any]) -> Any:
    """Make the server; all that is not named here is as it comes.

    The manager's Redis connection has no read timeout: the client library's own default would cut a quiet one.
    """
    redis_url = options.get("redis_url")
    manager = socketio.AsyncRedisManager(redis_url, redis_options={"socket_timeout": None}) if redis_url else None
    return socketio.AsyncServer(
        async_mode="aiohttp",
        client_manager=manager,
        ping_interval=options["ping_interval_s"],
        ping_timeout=options["ping_timeout_s"],
    )


def add_handlers(server: Any, options: dict[str, Any]) -> None:
    """Check tokens where they are asked for, let clients into the room that they name, tell everyone what one says."""
    access = tokens.access() if options.get("jwk") else None

    @server.on("connect")  # type: ignore[untyped-decorator]
    async def connected(sid: str, _: dict[str, Any], auth: dict[str, Any] | None = None) -> None:
        auth = auth or {}
        if access is not None:
            try:
                await server.save_session(sid, {"claims": access.verify(auth["token"])})
            except Unauthenticated:
                raise socketio.exceptions.ConnectionRefusedError("auth_failed") from None
        if "room" in auth:
            await server.enter_room(sid, auth["room"])

    @server.on("say")  # type: ignore[untyped-decorator]
    async def say_to_all(_: str, message: Any) -> None:
        await server.emit("said", message, room=CROWD)


async def make_rooms(server: Any, count: int) -> None:
    """Let those who are connected enter that many rooms, in turn."""
    sids = [sid for sid, _ in server.manager.get_participants("/", None)]
    for number in range(count):
        await server.enter_room(sids[number % len(sids)], f"room {number}")


async def main(options: dict[str, Any]) -> None:
    server = make_server(options)
    add_handlers(server, options)
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = listen(options.get("port", 0))
    await web.SockSite(runner, listener, backlog=4096).start()
    say(listener.getsockname()[1])
    await obey({"count": lambda: len(server.eio.sockets), "rooms": lambda count: make_rooms(server, count)})


if __name__ == "__main__":
    run(main)
