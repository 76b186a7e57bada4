"""Counting together in a real Valkey, and alone while it is away."""

import asyncio
import logging
import time
from contextlib import AsyncExitStack

import pytest

from app.bus.limits import REST_S, Limits, open_limits
from app.core.allowance import Rule
from tests.valkey import Valkey

RULE = Rule("tries", 3, 60)


class Time:
    """A monotonic clock that stands."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def some(stack: AsyncExitStack, url: str, deployment: str, monotonic: Time | None = None) -> Limits:
    opened = open_limits(url, deployment=deployment, monotonic=monotonic or Time(), wall=time.time)
    return await stack.enter_async_context(opened)


async def test_nodes_count_together(redis_url: str, deployment: str) -> None:
    async with AsyncExitStack() as stack:
        ours, theirs = await some(stack, redis_url, deployment), await some(stack, redis_url, deployment)

        entered = [await limits.enter(RULE, "ana") for limits in (ours, theirs, ours, theirs)]

        assert [yes for yes, _ in entered] == [True, True, True, False]
        assert [allowance.remaining for _, allowance in entered] == [2, 1, 0, 0]
        assert {allowance.amount for _, allowance in entered} == {3}
        assert all(55_000 < allowance.reset_ms <= 60_000 for _, allowance in entered)
        assert (await ours.enter(RULE, "bo"))[0]
        assert (await ours.enter(Rule("others", 3, 60), "ana"))[0]
        assert ours.health() == (True, 0, None)


async def test_many_who_enter_at_once_are_counted_one_by_one(redis_url: str, deployment: str) -> None:
    async with AsyncExitStack() as stack:
        nodes = [await some(stack, redis_url, deployment) for _ in range(3)]

        entered = await asyncio.gather(*(nodes[index % 3].enter(RULE, "ana") for index in range(15)))

        assert sum(yes for yes, _ in entered) == 3


async def test_names_are_apart_and_deployments_too(redis_url: str, deployment: str) -> None:
    async with AsyncExitStack() as stack:
        ours = await some(stack, redis_url, deployment)
        theirs = await some(stack, redis_url, f"{deployment}-other")

        assert [await ours.count("failed", "a", "bc", for_s=60) for _ in range(2)] == [1, 2]
        assert await ours.count("failed", "ab", "c", for_s=60) == 1
        assert await theirs.count("failed", "a", "bc", for_s=60) == 1


async def test_counter_says_how_long_it_lasts_and_can_be_forgotten(redis_url: str, deployment: str) -> None:
    async with AsyncExitStack() as stack:
        limits = await some(stack, redis_url, deployment)
        await limits.count("waits", "ana", for_s=60)

        found, left_ms = await limits.counted("waits", "ana")
        await limits.forget("waits", "ana")

        assert found == 1
        assert 55_000 < left_ms <= 61_000
        assert await limits.counted("waits", "ana") == (0, 0)


async def test_no_name_or_address_is_stored_and_every_key_ends(valkey: Valkey, deployment: str) -> None:
    valkey.run("FLUSHALL")
    async with AsyncExitStack() as stack:
        limits = await some(stack, valkey.url, deployment)
        await limits.enter(RULE, "canary")
        await limits.count("failed", "canary", for_s=60)

    keys = [key.decode() for key in valkey.run("KEYS", "*")]

    assert len(keys) == 2
    assert all(key.startswith(f"{deployment}:limits:") and "canary" not in key for key in keys)
    assert all(0 < valkey.run("TTL", key) <= 60 for key in keys)


async def test_process_counts_alone_while_the_server_is_away(
    faulty_valkey: Valkey, deployment: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with AsyncExitStack() as stack:
        monotonic = Time()
        limits = await some(stack, faulty_valkey.url, deployment, monotonic)
        await limits.enter(RULE, "ana")
        faulty_valkey.kill()

        away = [(await limits.enter(RULE, "ana"))[0] for _ in range(5)]
        monotonic.now_s += REST_S
        away.append((await limits.enter(RULE, "ana"))[0])
        health = limits.health()
        faulty_valkey.start()
        monotonic.now_s += REST_S
        back = [(await limits.enter(RULE, "ana"))[0] for _ in range(3)]

    assert away == [True, True, True, False, False, False]
    assert (health.shared, health.alone) == (False, 6)
    assert health.last_error is not None
    assert back == [True, True, False]
    assert limits.health() == (True, 6, health.last_error)
    said = [record for record in caplog.records if "limits" in record.message]
    assert [record.levelno for record in said] == [logging.WARNING, logging.WARNING, logging.INFO]  # once per change


async def test_frozen_server_is_asked_for_a_second_and_then_left_alone(faulty_valkey: Valkey, deployment: str) -> None:
    async with AsyncExitStack() as stack:
        limits = await some(stack, faulty_valkey.url, deployment)
        await limits.enter(RULE, "ana")
        faulty_valkey.freeze()

        began_s = time.monotonic()
        first = (await limits.enter(RULE, "ana"))[0]
        asked_s = time.monotonic() - began_s
        began_s = time.monotonic()
        others = [(await limits.enter(RULE, "ana"))[0] for _ in range(4)]
        alone_s = time.monotonic() - began_s
        faulty_valkey.thaw()

    assert (first, others) == (True, [True, True, False, False])
    assert asked_s < 1.5
    assert alone_s < 0.5


@pytest.mark.parametrize("commands", ["@scripting", "@write"])
async def test_server_that_refuses_its_commands_is_one_that_is_away(
    faulty_valkey: Valkey, deployment: str, commands: str
) -> None:
    faulty_valkey.run("ACL", "SETUSER", "default", f"-{commands}")
    async with AsyncExitStack() as stack:
        limits = await some(stack, faulty_valkey.url, deployment)

        entered = [(await limits.enter(RULE, "ana"))[0] for _ in range(4)]

    assert entered == [True, True, True, False]
    assert not limits.health().shared
    assert limits.health().last_error is not None


async def test_forgetting_reaches_what_this_process_counted_alone(faulty_valkey: Valkey, deployment: str) -> None:
    async with AsyncExitStack() as stack:
        monotonic = Time()
        limits = await some(stack, faulty_valkey.url, deployment, monotonic)
        faulty_valkey.kill()
        await limits.count("failed", "ana", for_s=60)
        faulty_valkey.start()
        monotonic.now_s += REST_S

        await limits.forget("failed", "ana")
        faulty_valkey.kill()

        assert await limits.counted("failed", "ana") == (0, 0)
