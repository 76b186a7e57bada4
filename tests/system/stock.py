"""The stock JavaScript client in a process of its own."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import eventually
from tests.nodes import ROOT

SCRIPT = Path(__file__).parent / "js" / "talk.mjs"

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (ROOT / "node_modules" / "socket.io-client").is_dir(),
    reason="needs Node and socket.io-client (npm ci)",
)


class StockClient:
    """What one stock client has lived through, in order."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lived: list[list[Any]] = []
        self._next = 0
        self._reader = asyncio.create_task(self._read())

    async def emit(self, name: str, payload: Any) -> Any:
        """Emit with an ack and return it."""
        number, self._next = self._next, self._next + 1
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([number, name, payload]).encode() + b"\n")
        ack = await self.lives(lambda what: what[:2] == ["ack", number])
        return ack[2]

    async def lives(self, is_it: Any, limit_s: float = 10) -> list[Any]:
        """Wait for the first event that is it."""
        found = await eventually(lambda: [what for what in self.lived if is_it(what)], limit_s)
        return list(found[0])

    def facts(self, name: str) -> list[Any]:
        """List the arguments of the facts of a name so far."""
        return [what[2] for what in self.lived if what[:2] == ["fact", name]]

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lived.append(json.loads(line))


@asynccontextmanager
async def stock_client(url: str, **options: Any) -> AsyncIterator[StockClient]:
    """Run a stock client with these options of `io()`."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(SCRIPT),
        url,
        json.dumps(options),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    client = StockClient(process)
    try:
        yield client
    finally:
        process.kill()
        await process.wait()
        await client._reader
