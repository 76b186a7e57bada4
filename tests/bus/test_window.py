"""Counting in one process, held to the same answers as counting in a Valkey."""

import time
from collections.abc import AsyncIterator

import pytest
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.storage import Storage as Windows
from limits.aio.strategies import MovingWindowRateLimiter

from app.bus.connection import connect
from app.bus.window import OwnWindows


class Wall:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(params=["own", "shared"])
async def windows(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Windows]:
    if request.param == "own":
        yield OwnWindows(time.time)
        return
    redis = connect(redis_url)
    yield RedisStorage("redis://", implementation="redispy", connection_pool=redis.connection_pool)  # type: ignore[arg-type]
    await redis.aclose()


async def test_window_lets_in_what_fits_and_tells_what_is_left(windows: Windows) -> None:
    limiter, item = MovingWindowRateLimiter(windows), RateLimitItemPerSecond(3, 60)

    entered = [await limiter.hit(item, "a") for _ in range(5)]
    stats = await limiter.get_window_stats(item, "a")

    assert entered == [True, True, True, False, False]
    assert stats.remaining == 0
    assert stats.reset_time == pytest.approx(time.time() + 60, abs=5)
    assert (await limiter.get_window_stats(item, "b")).remaining == 3
    assert await limiter.hit(item, "b")


async def test_counter_counts_until_it_is_cleared(windows: Windows) -> None:
    assert [await windows.incr("a", 60) for _ in range(3)] == [1, 2, 3]
    assert await windows.get("a") == 3
    assert await windows.get_expiry("a") == pytest.approx(time.time() + 60, abs=5)

    await windows.clear("a")

    assert (await windows.get("a"), await windows.get("never")) == (0, 0)


async def test_own_window_moves_with_the_time() -> None:
    wall = Wall()
    limiter, item = MovingWindowRateLimiter(OwnWindows(wall)), RateLimitItemPerSecond(2, 10)

    first = await limiter.hit(item, "a")
    wall.now_s += 6
    second = await limiter.hit(item, "a")
    third = await limiter.hit(item, "a")
    wall.now_s += 4
    fourth = await limiter.hit(item, "a")
    stats = await limiter.get_window_stats(item, "a")

    assert (first, second, third, fourth) == (True, True, False, True)
    assert (stats.remaining, stats.reset_time) == (0, 1_016.0)


async def test_own_counter_ends_with_the_window_of_its_first_count() -> None:
    wall = Wall()
    windows = OwnWindows(wall)

    await windows.incr("a", 10)
    wall.now_s += 9
    later = await windows.incr("a", 10)
    ends_s = await windows.get_expiry("a")
    wall.now_s += 1

    assert (later, ends_s) == (2, 1_010.0)
    assert await windows.get("a") == 0
    assert await windows.incr("a", 10) == 1


async def test_own_windows_forget_the_names_longest_unused() -> None:
    windows = OwnWindows(Wall(), names=2)
    for name in ("a", "b", "a", "c"):
        await windows.incr(name, 10)
        await windows.acquire_entry(name, 5, 10)

    assert [await windows.get(name) for name in "abc"] == [2, 0, 1]
    assert [(await windows.get_moving_window(name, 5, 10))[1] for name in "abc"] == [2, 0, 1]
    assert await windows.reset() == 4
    assert await windows.get("a") == 0
