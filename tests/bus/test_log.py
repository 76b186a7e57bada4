"""The log as nodes use it: one order, nothing lost, nothing left behind."""

import asyncio
import dataclasses
import gc
import statistics
import time

import pytest

from app.bus.connection import BadRedisUrl
from app.bus.log import Log
from tests.bus.ears import Ear, listening, numbered, running
from tests.helpers import eventually
from tests.valkey import Valkey


async def test_ten_thousand_entries_of_two_nodes_arrive_complete_and_in_one_order(
    redis_url: str, deployment: str
) -> None:
    async with listening(redis_url, deployment) as one, listening(redis_url, deployment) as other:
        for start in range(0, 5000, 50):
            for number in range(start, start + 50):
                one.log.append(b"one %d" % number)
                other.log.append(b"other %d" % number)
            await asyncio.sleep(0)
        await eventually(lambda: len(one.entries) == len(other.entries) == 10_000)
        assert one.entries == other.entries
        assert [entry for entry in one.entries if entry.startswith(b"one")] == [b"one %d" % n for n in range(5000)]
        assert [entry for entry in one.entries if entry.startswith(b"other")] == [b"other %d" % n for n in range(5000)]
        assert one.gaps == other.gaps == []


async def test_an_entry_is_heard_within_a_few_milliseconds(redis_url: str, deployment: str) -> None:
    heard = asyncio.Event()
    async with listening(redis_url, deployment, on_entries=lambda _: heard.set()) as ear:
        times_s = []
        for entry in numbered(200):
            begin = time.perf_counter()
            ear.log.append(entry)
            await heard.wait()
            heard.clear()
            times_s.append(time.perf_counter() - begin)
    assert statistics.median(times_s) < 0.01


async def test_health_tells_how_the_log_is(redis_url: str, deployment: str) -> None:
    async with listening(redis_url, deployment) as ear:
        await ear.hears(b"one")
        health = ear.log.health()
        assert (health.connected, health.pending, health.pending_bytes, health.last_error) == (True, 0, 0, None)
        assert (health.dropped, health.skipped, health.gaps, health.failures, health.crashes) == (0,) * 5
        assert health.position
        assert health.lag_s < 3
        with pytest.raises(dataclasses.FrozenInstanceError):
            health.connected = False  # type: ignore[misc]


async def test_a_cancelled_log_leaves_no_connection_and_no_task(
    redis_url: str, deployment: str, valkey: Valkey
) -> None:
    before = len(asyncio.all_tasks())
    async with listening(redis_url, deployment) as ear:
        await ear.hears(b"one")
        assert len(valkey.run("CLIENT", "LIST").splitlines()) == 3  # reader, publisher and this question
    await eventually(lambda: len(valkey.run("CLIENT", "LIST").splitlines()) == 1)
    assert len(asyncio.all_tasks()) == before
    del ear
    gc.collect()  # what was not closed warns now


async def test_a_log_cancelled_before_it_connected_leaves_nothing(tmp_path: object, deployment: str) -> None:
    before = len(asyncio.all_tasks())
    async with running(Ear(f"unix://{tmp_path}/nobody.sock", deployment)):
        pass
    assert len(asyncio.all_tasks()) == before
    gc.collect()


async def test_a_log_cancelled_while_its_server_is_frozen_ends_in_time(faulty_valkey: Valkey, deployment: str) -> None:
    async with listening(faulty_valkey.url, deployment) as ear:
        faulty_valkey.freeze()
        ear.log.append(b"never sent")
        await eventually(lambda: not ear.log.health().connected)
        begin = time.monotonic()
    assert time.monotonic() - begin < 3


@pytest.mark.parametrize("part", ["reader", "publisher"])
async def test_a_part_that_is_cancelled_alone_is_started_again(redis_url: str, deployment: str, part: str) -> None:
    async with listening(redis_url, deployment) as ear:
        await ear.hears(b"before")
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == f"log {part}"]
        task.cancel()
        await eventually(lambda: ear.log.health().crashes == 1)
        await ear.hears(b"after")
        assert ear.entries == [b"before", b"after"]
        assert ear.log.health().last_error == f"{part} ended: cancelled"
        await eventually(lambda: ear.log.health().connected)


def test_a_bad_url_is_refused_at_once() -> None:
    with pytest.raises(BadRedisUrl):
        Log("amqp://:hunter2@example.org", deployment="x", maxlen=1, on_entries=print, on_gap=print)
