"""What one node says: in order, without waiting, and within bounds."""

import asyncio
import time

from tests.bus.ears import Ear, listening, numbered, running
from tests.bus.proxy import proxy_to
from tests.helpers import eventually
from tests.valkey import Valkey


async def test_what_is_appended_in_one_tick_arrives_together_and_in_order(redis_url: str, deployment: str) -> None:
    async with listening(redis_url, deployment) as ear:
        for entry in numbered(200):
            ear.log.append(entry)
        await ear.has_heard(b"199")
        assert ear.entries == numbered(200)
        assert ear.calls <= 3


async def test_any_bytes_arrive_as_they_were_sent(redis_url: str, deployment: str) -> None:
    odd = [b"", b"\x00", b"\r\n$5\r\n", bytes(range(256)), b"x" * 262_144]
    async with listening(redis_url, deployment) as ear:
        for entry in odd:
            ear.log.append(entry)
        await eventually(lambda: len(ear.entries) == len(odd))
        assert ear.entries == odd


async def test_a_burst_larger_than_a_batch_arrives_in_order(redis_url: str, deployment: str) -> None:
    large = [b"%d " % number + b"x" * 60_000 for number in range(60)]
    async with listening(redis_url, deployment) as ear:
        for entry in large:
            ear.log.append(entry)
        await ear.has_heard(large[-1])
        assert ear.entries == large


async def test_a_flushed_log_has_everything(redis_url: str, deployment: str, valkey: Valkey) -> None:
    async with listening(redis_url, deployment) as ear:
        for entry in numbered(1200):
            ear.log.append(entry)
        assert await ear.log.flush(5)
        assert valkey.run("XLEN", f"{deployment}:log") == 1200
        assert ear.log.health().pending == 0


async def test_a_log_without_work_is_flushed_at_once(redis_url: str, deployment: str) -> None:
    assert await Ear(redis_url, deployment).log.flush(0)


async def test_a_flush_gives_up_in_time(tmp_path: object, deployment: str) -> None:
    ear = Ear(f"unix://{tmp_path}/nobody.sock", deployment)
    async with running(ear):
        ear.log.append(b"waits")
        assert not await ear.log.flush(0.05)
        assert ear.log.health().pending == 1


async def test_the_stream_is_capped(redis_url: str, deployment: str, valkey: Valkey) -> None:
    async with listening(redis_url, deployment, maxlen=1000) as ear:
        for start in range(0, 5000, 500):
            for entry in numbered(500, start):
                ear.log.append(entry)
            await ear.has_heard(b"%d" % (start + 499))
        assert 1000 <= valkey.run("XLEN", f"{deployment}:log") < 1200
        assert ear.entries == numbered(5000)
        assert ear.gaps == []


async def test_too_many_entries_drop_the_oldest_and_every_node_is_told(redis_url: str, deployment: str) -> None:
    async with listening(redis_url, deployment) as other:
        late = Ear(redis_url, deployment, max_pending=10)
        for entry in numbered(25):
            late.log.append(entry)
        assert (late.log.health().pending, late.log.health().dropped) == (10, 15)
        async with running(late):
            await eventually(lambda: len(late.entries) == 10 and len(other.entries) == 10)
        assert late.entries == other.entries == numbered(10, 15)
        assert late.gaps == other.gaps == ["dropped"]


async def test_too_many_bytes_drop_the_oldest(redis_url: str, deployment: str) -> None:
    ear = Ear(redis_url, deployment, max_pending_bytes=100)
    for entry in [b"a" * 60, b"b" * 60, b"c" * 30]:
        ear.log.append(entry)
    assert ear.log.health().pending_bytes == 90
    async with running(ear):
        await ear.has_heard(b"c" * 30)
    assert ear.entries == [b"b" * 60, b"c" * 30]
    assert ear.gaps == ["dropped"]


async def test_an_entry_that_is_too_large_is_dropped_and_told(redis_url: str, deployment: str) -> None:
    async with listening(redis_url, deployment, max_entry_bytes=100) as ear:
        ear.log.append(b"x" * 101)
        await eventually(lambda: ear.gaps == ["dropped"])
        await ear.hears(b"x" * 100)
        assert ear.entries == [b"x" * 100]
        assert ear.log.health().dropped == 1


async def test_a_node_that_drops_all_the_time_says_so_once_a_second(redis_url: str, deployment: str) -> None:
    async with listening(redis_url, deployment, max_pending=600) as ear:
        begin = time.monotonic()
        while time.monotonic() - begin < 1.5:
            for entry in numbered(700):
                ear.log.append(entry)
            await asyncio.sleep(0)
        assert await ear.log.flush(5)
        ear.log.append(b"last")
        await ear.has_heard(b"last")
        assert 1 <= len(ear.gaps) <= time.monotonic() - begin + 2


async def test_a_batch_too_large_for_a_slow_network_is_sent_in_parts(valkey: Valkey, deployment: str) -> None:
    large = [b"%d " % number + b"x" * 50_000 for number in range(20)]
    async with (
        listening(valkey.url, deployment) as other,
        proxy_to(valkey.socket) as proxy,
        listening(proxy.url, deployment) as slow,
    ):
        proxy.bytes_per_s = 400_000
        for entry in large:
            slow.log.append(entry)
        assert await slow.log.flush(20)
        assert "publisher: TimeoutError" in str(slow.log.health().last_error)
        await other.has_heard(large[-1])
        assert other.firsts == large


async def test_a_server_without_memory_gets_room_by_trimming(faulty_valkey: Valkey, deployment: str) -> None:
    used = int(faulty_valkey.run("INFO", "memory")["used_memory"])
    faulty_valkey.run("CONFIG", "SET", "maxmemory", used + 12_000_000)
    async with listening(faulty_valkey.url, deployment, max_pending=100_000) as ear:
        for start in range(0, 3000, 100):
            for entry in numbered(100, start):
                ear.log.append(entry.rjust(10_000))
            assert await ear.log.flush(10)
        await eventually(lambda: int(ear.entries[-1]) == 2999)
        assert [int(one) for one in ear.firsts] == list(range(3000))
        assert "OutOfMemoryError" in str(ear.log.health().last_error)
        assert faulty_valkey.run("XLEN", f"{deployment}:log") < 2000
