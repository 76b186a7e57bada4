"""What every Python peer does beside its own work: takes options, says its port, obeys orders, ends with its parent.

Options are one JSON argument; orders are JSON lines on standard input, each answered by one JSON line.
Nothing here knows a server.
"""

import asyncio
import gc
import json
import socket
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

Orders = dict[str, Callable[..., Any]]
BACKLOG = 4096


def listen(port: int) -> socket.socket:
    """Listen on 127.0.0.1; port 0 lets the system choose one."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(BACKLOG)
    return listener


def say(value: Any) -> None:
    """Write one line to the bench."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def obey(orders: Orders) -> None:
    """Carry out orders until standard input ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    known: Orders = {"collect": gc.collect, **orders}
    while line := await reader.readline():
        order, *arguments = json.loads(line)
        result = known[order](*arguments)
        say(await result if asyncio.iscoroutine(result) else result)


def run(main: Callable[[dict[str, Any]], Coroutine[Any, Any, None]]) -> None:
    """Run a peer's coroutine with its options, on uvloop where they say so."""
    options = json.loads(sys.argv[1])
    loop_factory = uvloop.new_event_loop if options.get("uvloop") else None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main(options))
