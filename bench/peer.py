"""The servers that are compared, and one of them as a running process.

Nothing here measures: it starts, pins, orders about and stops. A peer that dies or does not answer is an error with
the end of what it wrote.
"""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from app.bus.embedded import binary
from bench import machine, tokens

ROOT = Path(__file__).parent.parent
START_S = 20.0
ORDER_S = 120.0
STOP_S = 5.0
QUIET = {"ping_interval_s": 600, "ping_timeout_s": 300}


@dataclass(frozen=True, slots=True)
class Peer:
    """One server: the key under which its figures stand, the name that people read, how it is started."""

    name: str
    label: str
    program: str
    options: Mapping[str, Any] = field(default_factory=dict)
    redis: bool = False

    def command(self, options: Mapping[str, Any]) -> list[str]:
        """Return the command line."""
        text = json.dumps({**self.options, **options})
        if self.program == "node":
            return [node_program(), "--expose-gc", str(ROOT / "bench/peers/node.mjs"), text]
        return [sys.executable, "-m", f"bench.peers.{self.program}", text]


NODE = Peer("node", "Node socket.io", "node")
NODE_SYNC = Peer("node_sync", "Node socket.io, crypto.verify", "node", {"verify": "sync"})
NODE_STREAMS = Peer("node_streams", "Node socket.io + Redis Streams", "node", redis=True)
STOCK = Peer("stock", "python-socketio", "stock")
STOCK_UVLOOP = Peer("stock_uvloop", "python-socketio, uvloop", "stock", {"uvloop": True})
STOCK_REDIS = Peer("stock_redis", "python-socketio + Redis, uvloop", "stock", {"uvloop": True}, redis=True)
OURS = Peer("ours", "Heliograph engine", "ours", {"uvloop": True})
OURS_LOG = Peer("ours_log", "Heliograph engine + log", "ours", {"uvloop": True}, redis=True)
FLOOR = Peer("floor", "floor: bare send()", "floor")
PEERS = {
    peer.name: peer for peer in (NODE, NODE_SYNC, NODE_STREAMS, STOCK, STOCK_UVLOOP, STOCK_REDIS, OURS, OURS_LOG, FLOOR)
}


def node_program() -> str:
    """Return Node's path: the system's, or the one that the project's environment brings."""
    path = os.pathsep.join((os.environ["PATH"], str(Path(sys.executable).parent)))
    found = shutil.which("node", path=path)
    if found is None:
        raise FileNotFoundError("Node 20 or newer is needed for the peers")
    return found


class Process:
    """A peer that runs. port: where it listens. cpu: the seconds of CPU that it has used."""

    def __init__(self, peer: Peer, popen: subprocess.Popen[bytes], said: IO[bytes]) -> None:
        self.peer, self.pid = peer, popen.pid
        self.cpu = machine.cpu_clock(popen.pid)
        self._popen, self._said = popen, said
        self.port = int(self._line(START_S))

    @property
    def rss_bytes(self) -> int:
        """Its resident memory."""
        return machine.rss_bytes(self.pid)

    def order(self, name: str, *arguments: Any) -> Any:
        """Have it do something and return what it answers."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps([name, *arguments]).encode() + b"\n")
        self._popen.stdin.flush()
        return json.loads(self._line(ORDER_S))

    def _line(self, limit_s: float) -> bytes:
        output = self._popen.stdout
        assert output is not None
        if not select.select([output], [], [], limit_s)[0] or not (line := output.readline()):
            self._said.seek(0)
            raise RuntimeError(f"{self.peer.name} does not answer: {self._said.read()[-2000:].decode()}")
        return line


@contextmanager
def running(peer: Peer, *, core: int = machine.SERVER_CORE, jwt: bool = False, **options: Any) -> Iterator[Process]:
    """Run a peer on a core during the block.

    jwt: have it verify the tokens of those who connect. options: of its own, see the peers' files; the default
    heartbeat is too slow to be seen.
    """
    given = {**QUIET, **(tokens.verifying() if jwt else {}), **options}
    environ = {**os.environ, "NODE_ENV": "production", "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryFile() as said, machine.on_core(core):
        popen = subprocess.Popen(
            peer.command(given), cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
        )
        try:
            process = Process(peer, popen, said)
            with machine.on_core(machine.LOAD_CORE):
                yield process
        finally:
            stop(popen)


def stop(popen: subprocess.Popen[bytes]) -> None:
    """End a process: first by closing its input, then by force."""
    for pipe in (popen.stdin, popen.stdout):
        if pipe is not None:
            pipe.close()
    try:
        popen.wait(STOP_S)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()


@contextmanager
def valkey() -> Iterator[tuple[str, int]]:
    """Run a Valkey that keeps nothing, on the load's core; yield its URL and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"--port {port} --bind 127.0.0.1 --save '' --appendonly no --daemonize no --loglevel warning"
    with tempfile.TemporaryDirectory() as folder, machine.on_core(machine.LOAD_CORE):
        command = [str(binary()), *options.replace("'", "").split(" "), "--dir", folder]
        popen = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _answering(port)
            yield f"redis://127.0.0.1:{port}/0", popen.pid
        finally:
            popen.terminate()
            stop(popen)


def _answering(port: int) -> None:
    end_s = time.monotonic() + START_S
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
                client.sendall(b"PING\r\n")
                if client.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            pass
        if time.monotonic() > end_s:
            raise RuntimeError("Valkey does not answer")
        time.sleep(0.01)
