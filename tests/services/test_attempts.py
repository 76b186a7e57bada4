"""Guessing passwords is slowed down, and locks nobody out of where they are known."""

import time
from collections.abc import AsyncIterator

import pytest

from app.bus.limits import Limits, open_limits
from app.core.allowance import Exceeded, Rule
from app.services.attempts import MAX_FAILURES, Attempts, Place
from app.services.throttle import Throttle

HOME, CAFE, EVIL = "192.0.2.1", "192.0.2.2", "198.51.100.1"
KNOWN = frozenset({HOME})


class Wall:
    """The machine's clock for a process that counts alone, because its server is away."""

    def __init__(self) -> None:
        self.now_s = time.time()

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def limits(wall: Wall) -> AsyncIterator[Limits]:
    async with open_limits("unix:///nobody/there", deployment="a", monotonic=time.monotonic, wall=wall) as limits:
        yield limits


def attempts_of(limits: Limits, per_min: int = 1000) -> Attempts:
    return Attempts(limits, Throttle(limits, Rule("login-account", per_min, 60)))


async def fails(attempts: Attempts, address: str, account: str = "ana") -> Place:
    place = await attempts.begin(account, address, KNOWN)
    await attempts.failed(place)
    return place


async def wait_of(attempts: Attempts, address: str, account: str = "ana") -> int:
    """Tell how many seconds the next try has to wait, 0 if it may come."""
    try:
        await attempts.begin(account, address, KNOWN)
    except Exceeded as error:
        return round(error.allowance.reset_ms / 1000)
    return 0


@pytest.mark.parametrize("address", [HOME, EVIL])
async def test_each_failure_doubles_the_wait(limits: Limits, wall: Wall, address: str) -> None:
    attempts, waits = attempts_of(limits), []
    for _ in range(14):
        await fails(attempts, address)
        waits.append(await wait_of(attempts, address))
        wall.now_s += waits[-1] + 1

    assert waits == [0, 0, 0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900]


async def test_success_forgives_the_failures_of_its_own_address_only(limits: Limits) -> None:
    attempts = attempts_of(limits)
    for _ in range(4):
        await fails(attempts, HOME)
        await fails(attempts, EVIL)

    await attempts.succeeded(await attempts.begin("ana", HOME, KNOWN))
    await fails(attempts, HOME)
    await fails(attempts, EVIL)

    assert await wait_of(attempts, HOME) == 0
    assert await wait_of(attempts, EVIL) == 5


async def test_failures_elsewhere_do_not_lock_the_owner_out_of_a_known_address(limits: Limits) -> None:
    attempts = attempts_of(limits)
    for n in range(MAX_FAILURES):
        await fails(attempts, f"198.51.100.{n}")

    assert await wait_of(attempts, HOME) == 0
    assert 86_000 < await wait_of(attempts, EVIL) <= 86_400
    assert 86_000 < await wait_of(attempts, CAFE) <= 86_400
    assert await wait_of(attempts, EVIL, "bo") == 0


async def test_strangers_get_a_hundred_failures_a_day_however_many_addresses_they_have(
    limits: Limits, wall: Wall
) -> None:
    attempts, tried = attempts_of(limits), 0
    for n in range(MAX_FAILURES + 20):
        try:
            await fails(attempts, f"198.51.100.{n}")
            tried += 1
        except Exceeded:
            pass

    assert tried == MAX_FAILURES
    wall.now_s += 86_400
    assert await wait_of(attempts, EVIL) == 0


async def test_stranger_who_knows_the_password_does_not_open_the_door_to_other_strangers(limits: Limits) -> None:
    attempts = attempts_of(limits)
    for n in range(MAX_FAILURES - 1):
        await fails(attempts, f"198.51.100.{n}")

    await attempts.succeeded(await attempts.begin("ana", CAFE, KNOWN))
    await fails(attempts, EVIL)

    assert await wait_of(attempts, CAFE) > 0


async def test_rate_of_strangers_is_not_taken_from_known_addresses(limits: Limits) -> None:
    attempts = attempts_of(limits, per_min=3)
    for _ in range(3):
        await attempts.begin("ana", EVIL, KNOWN)

    assert await wait_of(attempts, CAFE) > 0
    assert await wait_of(attempts, HOME) == 0


async def test_neighbours_in_one_ipv6_network_are_one_address(limits: Limits) -> None:
    attempts, known = attempts_of(limits), frozenset({"2001:db8::1"})

    place = await attempts.begin("ana", "2001:db8::2", known)
    stranger = await attempts.begin("ana", "2001:db8:0:1::2", known)

    assert (place.known, stranger.known) == (True, False)
