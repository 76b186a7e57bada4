"""The log when its server or the network fails: nothing waits, nothing is lost in silence, and it comes back."""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.bus.connection import connect
from tests.bus.ears import listening, numbered
from tests.bus.proxy import proxy_to
from tests.helpers import eventually, free_port
from tests.valkey import Valkey

DECISION = Path(__file__).parents[2] / "docs" / "decisions" / "0014-how-the-log-is-written.md"
BACK_S = 3.0  # from the server's return until nodes hear each other


async def test_a_restarted_server_goes_on_with_what_it_had(faulty_valkey: Valkey, deployment: str) -> None:
    url = faulty_valkey.url
    async with listening(url, deployment) as one, listening(url, deployment) as other:
        for entry in numbered(300):
            one.log.append(entry)
        faulty_valkey.kill()
        for entry in numbered(300, 300):
            one.log.append(entry)
        faulty_valkey.start()
        for entry in numbered(300, 600):
            one.log.append(entry)
        await other.has_heard(b"899")
        await one.has_heard(b"899")
        assert one.firsts == other.firsts == numbered(900)
        assert set(one.gaps + other.gaps) <= {"failover"}


async def test_a_wiped_server_is_told_to_every_node(faulty_valkey: Valkey, deployment: str) -> None:
    url = faulty_valkey.url
    async with listening(url, deployment) as one, listening(url, deployment) as other:
        await one.hears(b"before")
        await other.has_heard(b"before")
        faulty_valkey.restart(wiped=True)
        one.log.append(b"after")
        begin = time.monotonic()
        await one.has_heard(b"after")
        await other.has_heard(b"after")
        assert time.monotonic() - begin < BACK_S
        assert one.gaps == other.gaps == ["wiped"]
        assert one.firsts == other.firsts == [b"before", b"after"]


async def test_what_is_appended_while_the_server_is_away_arrives_in_order(
    faulty_valkey: Valkey, deployment: str
) -> None:
    url = faulty_valkey.url
    async with listening(url, deployment) as one, listening(url, deployment) as other:
        await one.hears(b"first")
        faulty_valkey.kill()
        await eventually(lambda: not one.log.health().connected)
        for entry in numbered(3000):
            one.log.append(entry)
        assert one.log.health().pending == 3000
        faulty_valkey.restart(wiped=True)
        await other.has_heard(b"2999")
        assert other.firsts == [b"first", *numbered(3000)]
        await eventually(lambda: one.log.health().connected and other.log.health().connected)
        assert one.log.health().last_error


async def test_an_overflow_while_the_server_is_away_is_told_to_every_node(
    faulty_valkey: Valkey, deployment: str
) -> None:
    url = faulty_valkey.url
    async with listening(url, deployment, max_pending=100) as one, listening(url, deployment) as other:
        faulty_valkey.kill()
        for entry in numbered(1000):
            one.log.append(entry)
        assert one.log.health().dropped == 900
        faulty_valkey.start()
        await other.has_heard(b"999")
        await one.has_heard(b"999")
        assert one.firsts == other.firsts == numbered(100, 900)
        assert "dropped" in one.gaps
        assert "dropped" in other.gaps


async def test_a_frozen_server_stops_neither_the_loop_nor_an_append(faulty_valkey: Valkey, deployment: str) -> None:
    async with listening(faulty_valkey.url, deployment) as ear:
        await ear.hears(b"before")
        faulty_valkey.freeze()
        worst_s = 0.0
        for entry in numbered(1000):
            begin = time.perf_counter()
            ear.log.append(entry)
            await asyncio.sleep(0)
            worst_s = max(worst_s, time.perf_counter() - begin)
        assert worst_s < 0.1
        await eventually(lambda: not ear.log.health().connected)
        faulty_valkey.thaw()
        begin = time.monotonic()
        await ear.has_heard(b"999")
        assert time.monotonic() - begin < BACK_S
        assert ear.firsts == [b"before", *numbered(1000)]
        assert ear.gaps == []


async def test_a_reader_notices_a_frozen_server_by_its_own_deadline(faulty_valkey: Valkey, deployment: str) -> None:
    async with listening(faulty_valkey.url, deployment) as ear:
        faulty_valkey.freeze()
        await eventually(lambda: ear.log.health().last_error == "reader: TimeoutError", 5)
        assert ear.log.health().lag_s > 2


async def test_killed_connections_are_made_again_without_a_gap(redis_url: str, deployment: str, valkey: Valkey) -> None:
    async with listening(redis_url, deployment) as one, listening(redis_url, deployment) as other:
        for start in range(0, 500, 100):
            for entry in numbered(100, start):
                one.log.append(entry)
            valkey.run("CLIENT", "KILL", "TYPE", "normal")
            await other.has_heard(b"%d" % (start + 99))
        assert other.firsts == numbered(500)
        assert one.gaps == other.gaps == []


@pytest.mark.parametrize(
    ("broken", "mended", "error"),
    [
        (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"], "ReadOnlyError"),
        (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"], "OutOfMemoryError"),
        (
            ["ACL", "SETUSER", "default", "-xadd", "-eval"],
            ["ACL", "SETUSER", "default", "+@all"],
            "NoPermissionError",
        ),
    ],
)
async def test_a_server_that_refuses_is_asked_again(
    faulty_valkey: Valkey, deployment: str, broken: list[str], mended: list[str], error: str
) -> None:
    async with listening(faulty_valkey.url, deployment) as ear:
        await ear.hears(b"before")
        faulty_valkey.run(*broken)
        for entry in numbered(20):
            ear.log.append(entry)
        await eventually(lambda: ear.log.health().failures >= 3)
        health = ear.log.health()
        assert (health.connected, health.pending, health.crashes) == (False, 20, 0)
        assert error in str(health.last_error)
        faulty_valkey.run(*mended)
        await ear.has_heard(b"19")
        assert ear.entries == [b"before", *numbered(20)]
        assert ear.log.health().connected


async def test_a_server_that_cannot_save_is_asked_again(make_valkey: Callable[..., Valkey], deployment: str) -> None:
    server = make_valkey("--appendonly", "no", "--save", "3600 1")
    (server.folder / "dump.rdb").mkdir()
    async with listening(server.url, deployment) as ear:
        server.run("BGSAVE")
        await eventually(lambda: server.run("INFO", "persistence")["rdb_last_bgsave_status"] == "err")
        ear.log.append(b"one")
        await eventually(lambda: ear.log.health().failures >= 3)
        assert "MISCONF" in str(ear.log.health().last_error)
        server.run("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
        await ear.has_heard(b"one")
        assert ear.entries == [b"one"]


async def test_a_password_that_is_not_taken_is_an_error_that_does_not_tell_it(
    faulty_valkey: Valkey, deployment: str
) -> None:
    faulty_valkey.run("CONFIG", "SET", "requirepass", "hunter2")
    async with listening(faulty_valkey.url.replace("unix://", "unix://:hunter2@"), deployment) as ear:
        await ear.hears(b"before")
        faulty_valkey.restart(wiped=False)  # the password was not kept
        ear.log.append(b"after")
        await eventually(lambda: "AUTH" in str(ear.log.health().last_error))
        assert "hunter2" not in str(ear.log.health())
        faulty_valkey.run("CONFIG", "SET", "requirepass", "hunter2")
        await ear.has_heard(b"after")
        assert ear.log.health().crashes == 0


async def test_a_password_that_we_do_not_have_is_an_error_and_no_crash(faulty_valkey: Valkey, deployment: str) -> None:
    async with (
        connect(faulty_valkey.url.replace("unix://", "unix://:hunter2@")) as admin,
        listening(faulty_valkey.url, deployment) as ear,
    ):
        await ear.hears(b"before")
        faulty_valkey.run("CONFIG", "SET", "requirepass", "hunter2")
        await admin.client_kill_filter(_type="normal", skipme=True)
        ear.log.append(b"after")
        await eventually(lambda: ear.log.health().failures >= 3)
        assert "AuthenticationError" in str(ear.log.health().last_error)
        await admin.config_set("requirepass", "")
        await ear.has_heard(b"after")
        assert ear.log.health().crashes == 0


async def test_a_network_cut_in_the_middle_of_answers_loses_and_mixes_nothing(valkey: Valkey, deployment: str) -> None:
    async with proxy_to(valkey.socket) as proxy, listening(proxy.url, deployment) as ear:
        for start in range(0, 1000, 100):
            for entry in numbered(100, start):
                ear.log.append(entry)
            proxy.cut_after = 1 + 37 * (start // 100)
            await ear.has_heard(b"%d" % (start + 99))
        assert ear.firsts == numbered(1000)
        assert ear.gaps == []
        assert proxy.accepted > 4


async def test_a_slow_network_is_slow_and_nothing_else(valkey: Valkey, deployment: str) -> None:
    async with proxy_to(valkey.socket) as proxy, listening(proxy.url, deployment) as ear:
        proxy.delay_s = 0.1
        for start in range(0, 300, 100):
            for entry in numbered(100, start):
                ear.log.append(entry)
            await ear.has_heard(b"%d" % (start + 99))
        assert ear.entries == numbered(300)
        assert ear.log.health().failures == 0


async def test_a_node_alone_in_a_partition_hears_all_after_it(valkey: Valkey, deployment: str) -> None:
    async with (
        proxy_to(valkey.socket) as proxy,
        listening(proxy.url, deployment) as cut_off,
        listening(valkey.url, deployment) as other,
    ):
        proxy.open.clear()
        for entry in numbered(100):
            other.log.append(entry)
        cut_off.log.append(b"mine")
        await other.has_heard(b"99")
        await eventually(lambda: not cut_off.log.health().connected)
        await other.hears(b"meanwhile")
        proxy.open.set()
        await cut_off.has_heard(b"meanwhile")
        await other.has_heard(b"mine")
        await cut_off.has_heard(b"mine")
        others = [entry for entry in cut_off.firsts if entry != b"mine"]
        assert others == [*numbered(100), b"meanwhile"]
        assert cut_off.gaps == other.gaps == []


@pytest.mark.parametrize(
    ("written", "gap"), [(None, "rewound"), ("with a lower id", "rewound"), ("with a higher id", "failover")]
)
async def test_a_failover_to_a_replica_that_lags_is_noticed_and_nothing_in_it_is_passed_over(
    make_valkey: Callable[..., Valkey], deployment: str, written: str | None, gap: str
) -> None:
    port = free_port()
    primary = make_valkey("--port", str(port), "--bind", "127.0.0.1")
    replica = make_valkey("--replicaof", f"127.0.0.1 {port}", "--repl-diskless-sync-delay", "0")
    key = f"{deployment}:log"
    async with proxy_to(primary.socket) as proxy, listening(proxy.url, deployment) as ear:
        await ear.hears(b"copied")
        await eventually(lambda: replica.run("EXISTS", key) and replica.run("XLEN", key) == 1)
        replica.run("REPLICAOF", "NO", "ONE")
        await ear.hears(b"not copied")
        primary.kill()
        if written:
            copied = replica.run("XRANGE", key, "-", "+")[0][0]
            replica.run("XADD", key, copied[:-1] + b"1" if "lower" in written else "*", "e", written)
        proxy.target = replica.socket
        await eventually(lambda: ear.gaps)
        await ear.hears(b"after")
        assert ear.gaps == [gap]
        assert ear.entries == [b"copied", b"not copied", *([written.encode()] if written else []), b"after"]


async def test_an_idle_node_is_well_again_without_saying_anything(faulty_valkey: Valkey, deployment: str) -> None:
    async with listening(faulty_valkey.url, deployment) as ear:
        faulty_valkey.kill()
        (publisher,) = [task for task in asyncio.all_tasks() if task.get_name() == "log publisher"]
        publisher.cancel()
        await eventually(lambda: "publisher: " in str(ear.log.health().last_error))
        faulty_valkey.start()
        await eventually(lambda: ear.log.health().connected)


async def test_an_account_with_the_documented_rights_is_enough(faulty_valkey: Valkey, deployment: str) -> None:
    keys, rights = re.search(r"`(~\S+)` and\n`([^`]+)`", DECISION.read_text()).groups()  # type: ignore[union-attr]
    patterns = keys.replace("{DEPLOYMENT}", deployment)
    faulty_valkey.run("ACL", "SETUSER", "log", "on", ">pw", patterns, *rights.split())
    url = faulty_valkey.url.replace("unix://", "unix://log:pw@")
    async with listening(url, deployment, check_s=0) as ear:
        await ear.hears(b"before")
        faulty_valkey.run("FLUSHALL")
        await ear.hears(b"after")
        await eventually(lambda: ear.gaps)
        faulty_valkey.run("CLIENT", "KILL", "TYPE", "normal")
        await ear.hears(b"once more")
        assert ear.gaps == ["wiped"]
