"""Passwords: every character counts, nobody learns who exists, and nobody waits without end."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import bcrypt
import pytest

from app.core.errors import Unavailable
from app.secure.passwords import MAX_WAITING, Passwords
from tests.helpers import LIMIT_S, eventually

COST = 4
PEPPER = b"p" * 32
PASSWORD = "correct horse battery"


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords(PEPPER, COST)
    yield made
    made.close()


class Gate:
    """Holds the one worker until it is opened, in place of a slow hash."""

    def __init__(self, passwords: Passwords) -> None:
        self._opened = threading.Event()
        self.entered = threading.Event()
        self.held = asyncio.ensure_future(passwords._run(self._hold))

    def open(self) -> None:
        self._opened.set()

    def _hold(self) -> bool:
        self.entered.set()
        return self._opened.wait(LIMIT_S)


async def test_a_password_matches_its_own_hash_only(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)
    assert await passwords.matches(PASSWORD, stored)
    for other in ("", PASSWORD[:-1], PASSWORD + " ", PASSWORD.upper(), "x" + PASSWORD):
        assert not await passwords.matches(other, stored)


async def test_two_hashes_of_one_password_differ(passwords: Passwords) -> None:
    assert await passwords.hash(PASSWORD) != await passwords.hash(PASSWORD)


async def test_a_hash_is_bcrypt_of_the_configured_cost_and_does_not_hold_the_password(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)
    assert stored.startswith("$2b$04$")
    assert len(stored) == 60
    assert not bcrypt.checkpw(PASSWORD.encode(), stored.encode())


@pytest.mark.parametrize("length", [72, 73, 100, 1024])
@pytest.mark.parametrize("char", ["a", "é", "😀"])
async def test_the_last_character_of_a_long_password_counts(passwords: Passwords, char: str, length: int) -> None:
    stored = await passwords.hash(char * length)
    assert await passwords.matches(char * length, stored)
    assert not await passwords.matches(char * (length - 1) + "b", stored)
    assert not await passwords.matches(char * (length - 1), stored)
    assert not await passwords.matches(char * (length + 1), stored)


async def test_a_nul_counts_like_any_character(passwords: Passwords) -> None:
    stored = await passwords.hash("abc\x00def")
    assert await passwords.matches("abc\x00def", stored)
    for other in ("abc", "abc\x00", "abc\x00deg", "abcdef"):
        assert not await passwords.matches(other, stored)


async def test_any_text_is_a_password(passwords: Passwords) -> None:
    for password in ("", " ", "\ud800", "пароль", "\x00"):
        assert await passwords.matches(password, await passwords.hash(password))


async def test_another_pepper_makes_every_hash_void(passwords: Passwords) -> None:
    other = Passwords(b"q" * 32, COST)
    try:
        assert not await other.matches(PASSWORD, await passwords.hash(PASSWORD))
    finally:
        other.close()


@pytest.mark.parametrize("password", [PASSWORD, "nobody", ""])
@pytest.mark.parametrize(
    "stored",
    [
        None,
        "",
        " ",
        "x",
        "nobody",
        "$2b$",
        "$2b$04$",
        "$2b$04$short",
        "$2b$99$" + "a" * 53,
        "$2b$xx$" + "a" * 53,
        "$9z$04$" + "a" * 53,
        "é" * 60,
        "\x00" * 60,
    ],
)
async def test_what_is_no_hash_matches_nothing(passwords: Passwords, stored: str | None, password: str) -> None:
    assert await passwords.matches(password, stored) is False


async def test_an_unknown_user_costs_the_same_work(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = await passwords.hash(PASSWORD)
    costs: list[bytes] = []
    check = bcrypt.checkpw

    def counted(password: bytes, hashed: bytes) -> bool:
        costs.append(hashed[:7])
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    assert not await passwords.matches("wrong", stored)
    known = costs.copy()
    costs.clear()
    assert not await passwords.matches("wrong", None)
    assert known == costs == [b"$2b$04$"]


async def test_hashing_does_not_hold_up_the_event_loop() -> None:
    slow = Passwords(PEPPER, 11)
    try:
        ticks = 0
        work = asyncio.ensure_future(slow.hash(PASSWORD))
        while not work.done():
            await asyncio.sleep(0)
            ticks += 1
        assert ticks > 5
    finally:
        slow.close()


async def test_a_full_queue_is_unavailable_at_once_and_free_again_after(passwords: Passwords) -> None:
    gate = Gate(passwords)
    waiting = [asyncio.ensure_future(passwords.hash(PASSWORD)) for _ in range(MAX_WAITING - 1)]
    await asyncio.sleep(0)
    for refused in (passwords.hash(PASSWORD), passwords.matches(PASSWORD, None)):
        before = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await refused
        assert time.monotonic() - before < 1
        assert caught.value.retry_after_ms is not None
    gate.open()
    assert all(await asyncio.gather(*waiting))
    assert await passwords.hash(PASSWORD)


async def test_who_gives_up_waiting_keeps_no_place_in_the_queue(passwords: Passwords) -> None:
    gate = Gate(passwords)
    await eventually(gate.entered.is_set)
    waiting = [asyncio.ensure_future(passwords.hash(PASSWORD)) for _ in range(MAX_WAITING - 1)]
    await asyncio.sleep(0)
    for task in (*waiting, gate.held):
        task.cancel()
    assert all(
        isinstance(outcome, asyncio.CancelledError)
        for outcome in await asyncio.gather(*waiting, gate.held, return_exceptions=True)
    )
    with pytest.raises(Unavailable):
        await passwords.hash(PASSWORD)

    gate.open()
    await eventually(lambda: passwords._waiting == 0)
    again = [asyncio.ensure_future(passwords.hash(PASSWORD)) for _ in range(MAX_WAITING)]
    assert all(await asyncio.gather(*again))


async def test_work_that_fails_frees_its_place(passwords: Passwords) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    for _ in range(MAX_WAITING + 1):
        with pytest.raises(ZeroDivisionError):
            await passwords._run(fail)


async def test_closing_ends_what_waits() -> None:
    closing = Passwords(PEPPER, COST)
    gate = Gate(closing)
    await eventually(gate.entered.is_set)
    waiting = asyncio.ensure_future(closing.hash(PASSWORD))
    await asyncio.sleep(0)
    ended = asyncio.get_running_loop().run_in_executor(None, closing.close)
    gate.open()
    await ended
    assert await gate.held
    async with asyncio.timeout(LIMIT_S):
        (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError | str)
