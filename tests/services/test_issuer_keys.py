"""The published keys of an issuer: how often they are asked for, and what holds while they cannot be had."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from app.core.errors import Unauthenticated, Unavailable
from app.secure.keys import new_jwk, public_half
from app.services.issuer_keys import COOL_DOWN_S, FIRST_COOL_DOWN_S, TTL_S, PublishedKeys
from tests.helpers import eventually

ONE, OTHER = new_jwk("ES256"), new_jwk("ES256")


class Address:
    """Stands for what is behind the address; `gate` holds an answer back."""

    def __init__(self) -> None:
        self.jwks = [ONE]
        self.asked = 0
        self.now_s = 1000.0
        self.fails = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, _url: str) -> bytes:
        self.asked += 1
        await self.gate.wait()
        if self.fails:
            raise OSError("away")
        return json.dumps({"keys": [public_half(jwk) for jwk in self.jwks]}).encode()


@pytest.fixture
def address() -> Address:
    return Address()


@pytest.fixture
async def keys(address: Address) -> AsyncIterator[PublishedKeys]:
    made = PublishedKeys("https://x/jwks", ("ES256",), address.fetch, lambda: address.now_s)
    yield made
    made.close()


async def test_keys_are_fetched_when_the_first_token_comes(address: Address, keys: PublishedKeys) -> None:
    assert address.asked == 0
    assert (await keys.find(ONE["kid"])).kid == ONE["kid"]
    assert (await keys.find(ONE["kid"])).kid == ONE["kid"]
    assert address.asked == 1


async def test_a_thousand_unknown_keys_cost_one_fetch_a_cool_down(address: Address, keys: PublishedKeys) -> None:
    await keys.find(ONE["kid"])
    for round_ in range(3):
        address.now_s += COOL_DOWN_S
        refused = await asyncio.gather(*(keys.find(f"k{n}") for n in range(1000)), return_exceptions=True)
        assert {type(error) for error in refused} == {Unauthenticated}
        assert address.asked == 2 + round_
    address.now_s += COOL_DOWN_S - 1
    with pytest.raises(Unauthenticated):
        await keys.find("k")
    assert address.asked == 4


async def test_a_known_key_does_not_wait_for_the_fetch_of_an_unknown_one(address: Address, keys: PublishedKeys) -> None:
    await keys.find(ONE["kid"])
    address.now_s += COOL_DOWN_S
    address.gate.clear()
    stranger = asyncio.create_task(keys.find("unknown"))
    await eventually(lambda: address.asked == 2)
    async with asyncio.timeout(1):
        assert (await keys.find(ONE["kid"])).kid == ONE["kid"]
    address.gate.set()
    with pytest.raises(Unauthenticated):
        await stranger


async def test_who_gives_up_waiting_does_not_stop_the_fetch_for_others(address: Address, keys: PublishedKeys) -> None:
    address.gate.clear()
    first, second = asyncio.create_task(keys.find(ONE["kid"])), asyncio.create_task(keys.find(ONE["kid"]))
    await eventually(lambda: address.asked == 1)
    first.cancel()
    address.gate.set()
    assert (await second).kid == ONE["kid"]
    assert address.asked == 1


async def test_a_new_key_is_found_after_the_cool_down(address: Address, keys: PublishedKeys) -> None:
    await keys.find(ONE["kid"])
    address.jwks = [OTHER, ONE]
    with pytest.raises(Unauthenticated):
        await keys.find(OTHER["kid"])
    address.now_s += COOL_DOWN_S
    assert (await keys.find(OTHER["kid"])).kid == OTHER["kid"]


async def test_a_withdrawn_key_is_refused_once_the_keys_are_old(address: Address, keys: PublishedKeys) -> None:
    await keys.find(ONE["kid"])
    address.jwks = [OTHER]
    address.now_s += TTL_S
    with pytest.raises(Unauthenticated):
        await keys.find(ONE["kid"])


async def test_known_keys_stay_while_they_cannot_be_fetched(address: Address, keys: PublishedKeys) -> None:
    await keys.find(ONE["kid"])
    address.fails = True
    for _ in range(5):
        address.now_s += TTL_S
        assert (await keys.find(ONE["kid"])).kid == ONE["kid"]
        assert (await keys.find(ONE["kid"])).kid == ONE["kid"]
    assert address.asked == 6


async def test_nonsense_in_the_place_of_keys_changes_nothing(address: Address, keys: PublishedKeys) -> None:
    await keys.find(ONE["kid"])

    async def nonsense(_url: str) -> bytes:
        return b"[" * 60_000

    keys._fetch = nonsense
    address.now_s += TTL_S
    assert (await keys.find(ONE["kid"])).kid == ONE["kid"]


async def test_before_any_key_was_had_a_token_cannot_be_judged(address: Address, keys: PublishedKeys) -> None:
    address.fails = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            await keys.find(ONE["kid"])
    assert address.asked == 1
    address.fails = False
    address.now_s += FIRST_COOL_DOWN_S
    assert (await keys.find(ONE["kid"])).kid == ONE["kid"]


@pytest.mark.parametrize("kid", [None, 5, [], {}])
async def test_a_kid_that_is_no_text_is_unknown(keys: PublishedKeys, kid: object) -> None:
    await keys.find(ONE["kid"])
    with pytest.raises(Unauthenticated):
        await keys.find(kid)
