"""The command line as an operator types it: real processes, their output and exit codes."""

import asyncio
import os
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.helpers import eventually
from tests.nodes import PASSWORD, ROOT, MakeNode, Node
from tests.people import Person, call


async def run(folder: Path, *words: str, stdin: str = "", **environ: str) -> tuple[int, str, str]:
    """Run one verb to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", *words, cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(folder / "var"), "BCRYPT_COST": "4", **environ},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_help_names_every_verb(tmp_path: Path) -> None:
    code, out, _ = await run(tmp_path, "--help")

    assert code == 0
    assert all(verb in out for verb in ("serve", "migrate", "settings", "user"))


async def test_settings_are_printed_with_their_help_and_without_secrets(tmp_path: Path) -> None:
    code, out, _ = await run(
        tmp_path, "settings", SECRET_KEY="k" * 20 + "1234567890abcdefgh", DATABASE_URL="postgres://u:pw@h/d"
    )

    assert code == 0
    assert "SECRET_KEY=********" in out
    assert "pw@" not in out
    assert "ACCESS_TTL_S=600" in out


async def test_all_bad_settings_are_reported_together(tmp_path: Path) -> None:
    code, _, err = await run(tmp_path, "serve", PORT="high", LOG_FORMAT="pretty", REDIS_URL="http://x")

    assert code == 2
    assert all(name in err for name in ("PORT", "LOG_FORMAT"))


async def test_production_does_not_start_on_defaults(tmp_path: Path) -> None:
    code, _, err = await run(
        tmp_path, "serve", ENVIRONMENT="production", ALLOWED_ORIGINS="*", PUBLIC_URL="http://x.example"
    )

    assert code == 2
    assert all(name in err for name in ("SECRET_KEY", "ALLOWED_ORIGINS", "PUBLIC_URL"))


@pytest.mark.parametrize("secret", ["secret", "short", "changeme" * 5, "a" * 64])
async def test_weak_secret_does_not_start(tmp_path: Path, secret: str) -> None:
    code, _, err = await run(tmp_path, "serve", SECRET_KEY=secret)

    assert code == 2
    assert "SECRET_KEY" in err


async def test_production_does_not_start_before_its_database_is_migrated(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    code, _, err = await run(
        tmp_path, "serve", ENVIRONMENT="production", SECRET_KEY="9f2c1b7ae04d5e6882a3c4b5d6e7f809", BCRYPT_COST="10"
    )

    assert code == 2
    assert "python -m app migrate" in err


async def test_migrating_twice_does_nothing_the_second_time(tmp_path: Path) -> None:
    first = await run(tmp_path, "migrate")
    second = await run(tmp_path, "migrate")

    assert (first[0], second[0]) == (0, 0)
    assert "Migrated" in first[1]
    assert "up to date" in second[1]


async def test_taken_port_is_a_plain_error(node: Node, tmp_path: Path) -> None:
    code, _, err = await run(tmp_path, "serve", PORT=str(node.port))

    assert code == 2
    assert "choose another PORT" in err
    assert "Traceback" not in err


async def test_first_administrator_is_made_while_the_node_runs(
    node: Node, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    code, out, err = await run(tmp_path, "user", "create", "root", "--admin", "--password-stdin", stdin=PASSWORD + "\n")
    assert code == 0, err
    assert "roles: member, admin" in out

    answer = await call(http, "POST", f"{node.url}/v1/auth/login", json={"username": "Root", "password": PASSWORD})

    assert answer.status == 200
    assert answer.body["user"]["roles"] == ["member", "admin"]


async def test_suspending_from_the_command_line_closes_live_sockets(
    node: Node, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(node, http)
    wire = await ana.connects()

    code, _, err = await run(tmp_path, "user", "suspend", ana.username)
    assert code == 0, err

    assert (await wire.fact("session.revoked"))["reason"] == "suspended"
    body = {"username": ana.username, "password": PASSWORD}
    assert (await call(http, "POST", f"{node.url}/v1/auth/login", json=body)).code == "auth_failed"


async def test_unknown_account_is_a_plain_error(tmp_path: Path) -> None:
    code, _, err = await run(tmp_path, "user", "promote", "nobody")

    assert code == 1
    assert "Traceback" not in err
    assert "does not exist" in err


async def test_workers_share_the_port_and_a_dead_one_is_replaced(
    make_node: MakeNode, http: aiohttp.ClientSession
) -> None:
    parent = make_node()
    await parent.start("--workers", "2")
    assert parent.process is not None
    pid = parent.process.pid
    before = children(pid)
    ana = await Person.registers(parent, http)
    channel = await ana.creates()
    wires = [await ana.connects() for _ in range(6)]

    await ana.posts(channel, "to all of them")
    for wire in wires:
        await wire.fact("message.created")
    os.kill(before[0], 9)
    await eventually(lambda: len(children(pid)) == 2 and children(pid) != before)

    assert await parent.stop() == 0
    assert children(pid) == []


def children(parent: int) -> list[int]:
    """List the processes that serve for a parent."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            above = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if above == parent and b"serve" in words:
            found.append(int(entry.name))
    return sorted(found)


async def test_operator_makes_a_code_that_sets_a_new_password(
    node: Node, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(node, http)

    code, out, err = await run(tmp_path, "user", "reset", ana.username.upper())
    assert code == 0, err
    assert ana.id in out
    body = {"code": out.split()[-1], "new_password": "seven green bottles hanging"}
    answer = await call(http, "POST", f"{node.url}/v1/auth/reset", json=body)

    assert answer.status == 200
    assert (await ana.call("GET", "/v1/me")).status == 401


async def test_code_for_nobody_is_a_plain_error(tmp_path: Path) -> None:
    code, out, err = await run(tmp_path, "user", "reset", "nobody")

    assert (code, out) == (1, "")
    assert "does not exist" in err
    assert "Traceback" not in err
