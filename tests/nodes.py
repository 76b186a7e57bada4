"""Real nodes as processes of their own, for tests that see the service as its users do."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.helpers import eventually, free_port

ROOT = Path(__file__).parent.parent
START_S = 20.0
PASSWORD = "correct horse battery"


class Node:
    """One node; its log is in `log_file`, its answers at `url`."""

    def __init__(self, environ: dict[str, str], log_file: Path) -> None:
        self.port = int(environ["PORT"])
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = environ
        self.log_file = log_file
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *arguments: str) -> "Node":
        """Start the process and wait until it is ready."""
        with self.log_file.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "app", "serve", *arguments, cwd=ROOT, env=self.environ, stdout=log, stderr=log
            )
        try:
            await eventually(self.is_ready, START_S)
        except AssertionError:
            raise AssertionError(self.log_file.read_text()) from None
        return self

    async def is_ready(self) -> bool:
        """Ask the node whether it is ready."""
        assert self.process is not None
        assert self.process.returncode is None, self.log_file.read_text()
        return (await self.readiness())[0] == 200

    async def readiness(self) -> tuple[int, dict[str, Any]]:
        """Ask for the status and body of `/readyz`; status 0 where nobody answers."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http,
                http.get(f"{self.url}/readyz") as answer,
            ):
                return answer.status, await answer.json()
        except (OSError, aiohttp.ClientError, TimeoutError):
            return 0, {}

    async def kill(self) -> None:
        """End the process as a power cut does."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Ask the process to leave and return its exit code."""
        return await self._end(signal.SIGTERM)

    def log(self) -> str:
        """Read what the node has logged."""
        return self.log_file.read_text()

    async def _end(self, number: signal.Signals) -> int:
        if self.process is None or self.process.returncode is not None:
            return 0 if self.process is None else self.process.returncode or 0
        self.process.send_signal(number)
        async with asyncio.timeout(30):
            return await self.process.wait()


MakeNode = Callable[..., Node]


@asynccontextmanager
async def nodes(folder: Path) -> AsyncIterator[MakeNode]:
    """Give a maker of nodes that share a data directory; all of them are ended at the end."""
    made: list[Node] = []

    def make(**settings: str) -> Node:
        environ = {
            "PATH": os.environ["PATH"],
            "PORT": str(free_port()),
            "DATA_DIR": str(folder / "var"),
            "BCRYPT_COST": "4",
            "REGISTER_PER_HOUR": "10000",
            "LOGIN_PER_MIN": "10000",
            **settings,
        }
        node = Node(environ, folder / f"node{len(made)}.log")
        made.append(node)
        return node

    try:
        yield make
    finally:
        for node in made:
            await node.kill()


@pytest.fixture
async def make_node(tmp_path: Path) -> AsyncIterator[MakeNode]:
    """Make nodes that share one data directory: one SQLite file and one embedded Valkey."""
    async with nodes(tmp_path) as make:
        yield make


@pytest.fixture
async def node(make_node: MakeNode) -> Node:
    """Run one node as `make run` does."""
    return await make_node().start()
