"""What ended is kept in a real Valkey, for nodes that were not there."""

import asyncio
import random

import pytest

from app.bus.revocations import MAX_WAITING, RevocationList
from tests.helpers import eventually
from tests.valkey import Valkey


def a_list(url: str, deployment: str) -> RevocationList:
    return RevocationList(url, deployment=deployment, chance=random.random)


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_remembered_is_read_by_another_node_until_it_is_over(redis_url: str, deployment: str) -> None:
    ours, theirs = a_list(redis_url, deployment), a_list(redis_url, deployment)
    tasks = [asyncio.create_task(kept.run()) for kept in (ours, theirs)]
    ours.remember(b"short", 1_000)
    ours.remember(b"long", 2_000)
    await ours.flush()

    assert sorted(await theirs.load(999)) == [b"long", b"short"]
    assert await theirs.load(1_500) == [b"long"]
    assert await theirs.load(0) == [b"long"]
    for task in tasks:
        await ended(task)


async def test_deployments_on_one_server_do_not_see_each_other(redis_url: str, deployment: str) -> None:
    ours, theirs = a_list(redis_url, deployment), a_list(redis_url, f"{deployment}-other")
    tasks = [asyncio.create_task(kept.run()) for kept in (ours, theirs)]
    ours.remember(b"entry", 1_000)
    await ours.flush()

    assert await theirs.load(0) == []
    for task in tasks:
        await ended(task)


async def test_what_was_remembered_while_redis_was_away_is_written_when_it_is_back(
    faulty_valkey: Valkey, deployment: str
) -> None:
    kept = a_list(faulty_valkey.url, deployment)
    task = asyncio.create_task(kept.run())
    faulty_valkey.kill()
    kept.remember(b"meanwhile", 1_000)
    with pytest.raises(OSError, match="cannot be read"):
        await kept.load(0)
    faulty_valkey.start()

    async def is_there() -> bool:
        return await kept.load(0) == [b"meanwhile"]

    await eventually(is_there)
    await ended(task)


async def test_what_waits_is_bounded(redis_url: str, deployment: str) -> None:
    kept = a_list(redis_url, deployment)
    for number in range(MAX_WAITING + 10):
        kept.remember(str(number).encode(), 1_000)
    task = asyncio.create_task(kept.run())
    await kept.flush()

    found = await kept.load(0)
    assert len(found) == MAX_WAITING
    assert b"9" not in found
    await ended(task)
