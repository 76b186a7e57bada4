"""Real Valkey servers for tests: one for all that need a log, and some of their own for those that break it."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from app.bus.embedded import binary

START_S = 10.0
STEP_S = 0.005


class Valkey:
    """One server process at one unix socket; what it keeps between two runs is in its folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.socket = folder / "valkey.sock"
        self.url = f"unix://{self.socket}"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        kept = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
        place = ("--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder))
        with (self.folder / "valkey.log").open("ab") as log:
            command = [str(binary()), *kept, *place, *self._options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "valkey.log").read_text()
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(STEP_S)

    def kill(self) -> None:
        """End the server as a power cut does, frozen or not."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=START_S)
            self._process = None

    def restart(self, *, wiped: bool) -> None:
        """Kill the server and start it again, with what it had or with nothing."""
        self.kill()
        if wiped:
            shutil.rmtree(self.folder / "appendonlydir")
        self.start()

    def freeze(self) -> None:
        """Stop the process where it stands; its connections stay open and are not answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self._signal(signal.SIGCONT)

    def run(self, *command: Any) -> Any:
        """Run one command over a connection of its own."""
        with redis.Redis(unix_socket_path=str(self.socket), protocol=2, socket_timeout=5) as client:
            return client.execute_command(*command)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def _answers(self) -> bool:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(self.socket))
            probe.sendall(b"PING\r\n")
            return probe.recv(16).startswith(b"+PONG")
        return False


@contextmanager
def valkey_server(*options: str) -> Iterator[Valkey]:
    """Run a server in a folder of its own, with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="valkey-") as folder:
        server = Valkey(Path(folder), *options)
        try:
            server.start()
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """Run one server for all tests that leave it whole; each has keys of its own, or asks for `redis_url`."""
    with valkey_server() as server:
        yield server


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """Give the URL of a server that is empty."""
    valkey.run("FLUSHALL")
    return valkey.url


@pytest.fixture
def deployment() -> str:
    """Give a name that no other test uses in its keys."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
def faulty_valkey() -> Iterator[Valkey]:
    """Run a server for one test to kill, restart, freeze and wipe."""
    with valkey_server() as server:
        yield server


@pytest.fixture
def make_valkey() -> Iterator[Callable[..., Valkey]]:
    """Make servers with options of their own."""
    made: list[Any] = []

    def make(*options: str) -> Valkey:
        server = valkey_server(*options)
        made.append(server)
        return server.__enter__()

    yield make
    for server in reversed(made):
        server.__exit__(None, None, None)
