"""What tests wait with: conditions, never times."""

import asyncio
import inspect
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

LIMIT_S = 10.0
STEP_S = 0.01


async def eventually(condition: Callable[[], Any | Awaitable[Any]], limit_s: float = LIMIT_S) -> Any:
    """Wait until a condition holds and return what it gave; fail after the limit with what it gave last."""
    end = time.monotonic() + limit_s
    while True:
        last = condition()
        if inspect.isawaitable(last):
            last = await last
        if last:
            return last
        assert time.monotonic() < end, f"did not come true within {limit_s} s; last: {last!r}"
        await asyncio.sleep(STEP_S)


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
