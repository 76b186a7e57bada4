"""The Valkey of our own: one per data directory, gone with the last process that used it."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from app.bus.connection import connect
from app.bus.embedded import ValkeyDidNotStart, embedded_valkey, socket_path
from tests.bus.ears import listening
from tests.helpers import eventually
from tests.valkey import valkey_server

ROOT = Path(__file__).parents[2]
OWNER = """
import asyncio, sys
from pathlib import Path
from app.bus.embedded import embedded_valkey

async def own():
    async with embedded_valkey(Path(sys.argv[1])) as url:
        print(url, flush=True)
        await asyncio.sleep(60)

asyncio.run(own())
"""


async def pid_of(url: str) -> int:
    """Ask the server which process it is; 0 where none answers."""
    async with connect(url) as client:
        try:
            return int((await client.info("server"))["process_id"])
        except (RedisError, OSError):
            return 0


def in_run(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be collected by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def names_in(directory: Path) -> set[str]:
    """List what is in a directory."""
    return {file.name for file in directory.iterdir()}


@asynccontextmanager
async def owner_of(directory: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the embedded server from another process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(directory)), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(10):
        assert await process.stdout.readline()
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        async with asyncio.timeout(10):
            await process.communicate()


async def test_a_log_runs_on_it(tmp_path: Path, deployment: str) -> None:
    async with embedded_valkey(tmp_path) as url, listening(url, deployment) as ear:
        await ear.hears(b"one")


async def test_nobody_but_this_user_and_this_machine_reaches_it(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path / "var") as url, connect(url) as client:
        assert (await client.config_get("port"))["port"] == "0"
        assert (await client.config_get("tls-port")).get("tls-port", "0") == "0"
        assert (tmp_path / "var").stat().st_mode & 0o077 == 0
        assert (tmp_path / "var" / "valkey.sock").stat().st_mode & 0o077 == 0


async def test_it_ends_with_its_user_and_leaves_no_data(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path) as url:
        pid = await pid_of(url)
        async with connect(url) as client:
            await client.set("key", "value")
    assert not in_run(pid)
    assert names_in(tmp_path) <= {"valkey.lock", "valkey.log"}


async def test_it_starts_in_a_moment(tmp_path: Path) -> None:
    async with asyncio.timeout(2):
        async with embedded_valkey(tmp_path):
            pass


async def test_a_second_user_of_a_directory_has_the_same_server(tmp_path: Path) -> None:
    async with owner_of(tmp_path), embedded_valkey(tmp_path) as url:
        first = await pid_of(url)
        async with embedded_valkey(tmp_path) as same:
            assert same == url
            assert await pid_of(same) == first


async def test_two_directories_have_two_servers(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path / "one") as one, embedded_valkey(tmp_path / "two") as two:
        assert await pid_of(one) != await pid_of(two)


async def test_the_second_user_takes_over_when_the_first_is_killed(tmp_path: Path, deployment: str) -> None:
    async with owner_of(tmp_path) as owner, embedded_valkey(tmp_path) as url, listening(url, deployment) as ear:
        await ear.hears(b"before")
        owner.send_signal(signal.SIGKILL)
        await owner.wait()
        await ear.hears(b"after")
        assert ear.gaps == ["wiped"]
        assert ear.firsts == [b"before", b"after"]


async def test_the_second_user_takes_over_when_the_first_leaves(tmp_path: Path, deployment: str) -> None:
    first = embedded_valkey(tmp_path)
    await first.__aenter__()
    async with embedded_valkey(tmp_path) as url, listening(url, deployment) as ear:
        await ear.hears(b"before")
        await first.__aexit__(None, None, None)
        await ear.hears(b"after")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
async def test_a_killed_owner_takes_its_server_along(tmp_path: Path) -> None:
    async with owner_of(tmp_path) as owner:
        pid = await pid_of(f"unix://{tmp_path}/valkey.sock")
        assert in_run(pid)
        owner.send_signal(signal.SIGKILL)
        await owner.wait()
        await eventually(lambda: not in_run(pid))


async def test_what_a_killed_owner_left_stops_no_start(tmp_path: Path, deployment: str) -> None:
    for _ in range(3):
        async with owner_of(tmp_path) as owner:
            owner.send_signal(signal.SIGKILL)
            await owner.wait()
            assert (tmp_path / "valkey.sock").exists()
    async with embedded_valkey(tmp_path) as url, listening(url, deployment) as ear:
        await ear.hears(b"one")


async def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "valkey.sock"))
    async with embedded_valkey(tmp_path) as url:
        assert await pid_of(url)


async def test_a_server_that_outlived_its_owner_is_replaced(tmp_path: Path) -> None:
    with valkey_server() as leftover:
        (tmp_path / "valkey.sock").symlink_to(leftover.socket)
        old = int(leftover.run("INFO", "server")["process_id"])
        async with embedded_valkey(tmp_path) as url:
            assert await pid_of(url) not in {0, old}
            assert not in_run(old)


async def test_a_server_that_is_killed_is_started_again(
    tmp_path: Path, deployment: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with embedded_valkey(tmp_path) as url, listening(url, deployment) as ear:
        await ear.hears(b"before")
        os.kill(await pid_of(url), signal.SIGKILL)
        await ear.hears(b"after")
        assert ear.gaps == ["wiped"]
    assert "started again" in caplog.text


async def test_a_path_too_long_for_a_socket_is_no_trouble(tmp_path: Path, deployment: str) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    async with embedded_valkey(deep) as url, listening(url, deployment) as ear:
        await ear.hears(b"one")
        async with embedded_valkey(deep) as same:
            assert same == url
    place = socket_path(deep).parent
    assert place.stat().st_mode & 0o077 == 0
    place.rmdir()


async def test_a_path_with_odd_letters_is_no_trouble(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path / "a b?c#d%é") as url:
        assert await pid_of(url)


async def test_a_relative_path_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with embedded_valkey(Path("var")) as url:
        assert url == f"unix://{tmp_path}/var/valkey.sock"
        assert await pid_of(url)


async def test_a_place_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    place = socket_path(deep).parent
    place.chmod(0o755)
    try:
        with pytest.raises(ValkeyDidNotStart, match="only this user"):
            async with embedded_valkey(deep):
                pass
    finally:
        place.rmdir()


async def test_a_directory_that_cannot_be_made_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValkeyDidNotStart, match=r"file/var: Not a directory\. Set REDIS_URL"):
        async with embedded_valkey(tmp_path / "file" / "var"):
            pass


async def test_a_server_that_cannot_start_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "valkey.sock").mkdir()
    async with asyncio.timeout(5):
        with caplog.at_level(logging.CRITICAL), pytest.raises(ValkeyDidNotStart, match=r"[Uu]nix socket"):
            async with embedded_valkey(tmp_path):
                pass


async def test_a_machine_without_a_server_program_is_a_plain_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "pdp11")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValkeyDidNotStart, match=r"no server program for .* on pdp11"):
        async with embedded_valkey(tmp_path):
            pass


async def test_nothing_of_it_is_left_when_the_start_is_cancelled(tmp_path: Path) -> None:
    async def start() -> None:
        async with embedded_valkey(tmp_path):
            pass

    task = asyncio.create_task(start())
    await eventually((tmp_path / "valkey.log").exists)
    task.cancel()
    await asyncio.wait({task})
    async with embedded_valkey(tmp_path) as url:
        assert await pid_of(url)
