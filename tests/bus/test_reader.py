"""What a node hears: all of the log, from its own position, whatever else stands in it."""

import logging
from collections.abc import Sequence

import pytest

from tests.bus.ears import Ear, listening, numbered, running
from tests.helpers import eventually
from tests.valkey import Valkey


async def test_a_node_hears_nothing_that_was_said_before_it_came(redis_url: str, deployment: str) -> None:
    async with listening(redis_url, deployment) as early:
        await early.hears(b"before")
        async with listening(redis_url, deployment) as late:
            await early.hears(b"after")
            await late.has_heard(b"after")
            assert late.entries == [b"after"]
            assert late.gaps == []


async def test_a_ready_node_hears_what_is_said_at_once(redis_url: str, deployment: str, valkey: Valkey) -> None:
    async with listening(redis_url, deployment) as ear:
        valkey.run("XADD", f"{deployment}:log", "*", "e", "at once")
        await ear.has_heard(b"at once")


async def test_a_node_is_not_ready_without_a_server(tmp_path: object, deployment: str) -> None:
    ear = Ear(f"unix://{tmp_path}/nobody.sock", deployment)
    async with running(ear):
        with pytest.raises(TimeoutError):
            await ear.log.ready(0.1)
        health = ear.log.health()
    assert (health.connected, health.position, health.lag_s) == (False, None, float("inf"))


async def test_a_node_whose_server_came_late_hears_itself_and_is_told(faulty_valkey: Valkey, deployment: str) -> None:
    faulty_valkey.kill()
    ear = Ear(faulty_valkey.url, deployment)
    async with running(ear):
        for entry in numbered(50):
            ear.log.append(entry)
        await eventually(lambda: ear.log.health().failures)
        faulty_valkey.start()
        await ear.has_heard(b"49")
    assert ear.entries == numbered(50)
    assert ear.gaps == ["late"]


async def test_what_is_not_an_entry_is_counted_and_skipped(
    redis_url: str, deployment: str, valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    key = f"{deployment}:log"
    async with listening(redis_url, deployment, max_entry_bytes=100, check_s=0) as ear:
        valkey.run("XADD", key, "*", "other", "x")
        valkey.run("XADD", key, "*", "e", "x", "f", "y")
        valkey.run("XADD", key, "*", "e", "x", "e", "y")
        valkey.run("XADD", key, "*", "e", "x" * 101)
        valkey.run("XADD", key, "*", "", "")
        await ear.hears(b"ours")
        assert ear.entries == [b"ours"]
        assert ear.gaps == []
        assert ear.log.health().skipped == 5
        await eventually(lambda: "entries that are not ours skipped" in caplog.text)


async def test_an_announced_gap_stands_where_it_was_announced(redis_url: str, deployment: str, valkey: Valkey) -> None:
    heard: list[bytes | str] = []
    key = f"{deployment}:log"
    listener = {"on_entries": heard.extend, "on_gap": heard.append}
    async with listening(redis_url, deployment, **listener):
        valkey.run("EVAL", "for _, f in ipairs(ARGV) do redis.call('XADD', KEYS[1], '*', f, '1') end", 1, key, *"egee")
        valkey.run("XADD", key, "*", "gap", "secret of another program")
        await eventually(lambda: len(heard) == 4)
    assert heard == [b"1", b"1", b"1", "dropped"]


async def test_a_listener_that_fails_is_logged_and_neither_stops_nor_repeats(
    redis_url: str, deployment: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[bytes] = []

    def hear(entries: Sequence[bytes]) -> None:
        heard.extend(entries)
        if b"bad" in entries:
            raise RuntimeError("cannot take it")

    def gap(_reason: str) -> None:
        raise RuntimeError("nor that")

    async with listening(redis_url, deployment, on_entries=hear, on_gap=gap, max_entry_bytes=10) as ear:
        for entry in [b"bad", b"good", b"too long for a log"]:
            ear.log.append(entry)
            assert await ear.log.flush(5)
        ear.log.append(b"last")
        await eventually(lambda: b"last" in heard)
        assert ear.log.health().crashes == 0
    assert heard == [b"bad", b"good", b"last"]
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR] * 2


async def test_two_deployments_on_one_server_do_not_hear_each_other(redis_url: str, deployment: str) -> None:
    async with listening(redis_url, deployment) as one, listening(redis_url, f"{deployment}-2") as other:
        await one.hears(b"one")
        await other.hears(b"other")
        assert (one.entries, other.entries) == ([b"one"], [b"other"])


async def test_every_key_begins_with_the_deployments_name(redis_url: str, deployment: str, valkey: Valkey) -> None:
    async with listening(redis_url, deployment) as ear:
        await ear.hears(b"one")
        assert set(valkey.run("KEYS", "*")) == {f"{deployment}:log".encode(), f"{deployment}:log:epoch".encode()}


async def test_a_database_of_its_own_is_used(redis_url: str, deployment: str, valkey: Valkey) -> None:
    async with listening(f"{redis_url}?db=3", deployment) as ear:
        await ear.hears(b"one")
        assert valkey.run("DBSIZE") == 0


@pytest.mark.parametrize("command", [["FLUSHALL"], ["DEL", "{}:log"], ["DEL", "{}:log:epoch"]])
async def test_a_wiped_log_is_noticed_without_an_error(
    redis_url: str, deployment: str, valkey: Valkey, command: list[str]
) -> None:
    async with (
        listening(redis_url, deployment, check_s=0) as one,
        listening(redis_url, deployment, check_s=0) as other,
    ):
        await one.hears(b"one")
        await other.has_heard(b"one")
        valkey.run(*[word.format(deployment) for word in command])
        await one.hears(b"two")
        await eventually(lambda: one.gaps and other.gaps)
        await other.hears(b"three")
        await one.has_heard(b"three")
        assert one.firsts == other.firsts == [b"one", b"two", b"three"]
        assert len(one.gaps) == len(other.gaps) == 1


async def test_what_was_trimmed_unread_is_told(redis_url: str, deployment: str, valkey: Valkey) -> None:
    key = f"{deployment}:log"
    unread = "for n = 1, 20 do redis.call('XADD', KEYS[1], '*', 'e', n) end redis.call('XTRIM', KEYS[1], 'MAXLEN', 5)"
    async with listening(redis_url, deployment, check_s=0) as ear:
        await ear.hears(b"first")
        valkey.run("EVAL", unread, 1, key)
        await eventually(lambda: ear.gaps)
        assert ear.gaps == ["trimmed"]
        assert ear.entries == [b"first", *numbered(5, 16)]


async def test_what_was_trimmed_after_it_was_heard_is_not_told(redis_url: str, deployment: str, valkey: Valkey) -> None:
    async with listening(redis_url, deployment, check_s=0) as ear:
        for entry in numbered(20):
            await ear.hears(entry)
        valkey.run("XTRIM", f"{deployment}:log", "MAXLEN", 0)
        for entry in numbered(3, 20):
            await ear.hears(entry)
        assert ear.entries == numbered(23)
        assert ear.gaps == []


async def test_a_reader_that_dies_is_started_again_and_misses_nothing(
    redis_url: str, deployment: str, valkey: Valkey
) -> None:
    async with listening(redis_url, deployment) as ear:
        await ear.hears(b"before")
        ear.log._reader._take = None  # type: ignore[assignment, method-assign]  # any bug in there
        valkey.run("XADD", f"{deployment}:log", "*", "e", "during")
        await eventually(lambda: ear.log.health().crashes)
        assert not ear.log.health().connected
        assert ear.log.health().last_error == "reader ended: TypeError"
        del ear.log._reader._take
        await ear.hears(b"after")
        assert ear.entries == [b"before", b"during", b"after"]
        assert ear.gaps == []
