"""Ids and refresh tokens."""

import hashlib
import re

from app.core.ids import PREFIXES, is_id
from app.secure.ids import RefreshTokens, new_id

KEY = b"k" * 32


def test_every_kind_of_id_has_its_form() -> None:
    for prefix in PREFIXES:
        assert is_id(new_id(prefix), prefix)


def test_ids_do_not_repeat() -> None:
    assert len({new_id("msg") for _ in range(10_000)}) == 10_000


def test_a_first_token_is_256_bits_of_chance() -> None:
    tokens = RefreshTokens(KEY)
    drawn = {tokens.first() for _ in range(1000)}
    assert len(drawn) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in drawn)


def test_the_successor_of_a_token_is_the_same_whoever_asks_and_however_often() -> None:
    token = RefreshTokens(KEY).first()
    assert RefreshTokens(KEY).successor(token) == RefreshTokens(KEY).successor(token)


def test_another_key_gives_another_successor() -> None:
    token = RefreshTokens(KEY).first()
    assert RefreshTokens(KEY).successor(token) != RefreshTokens(b"l" * 32).successor(token)


def test_successors_are_as_long_as_a_first_token_and_never_come_back() -> None:
    tokens = RefreshTokens(KEY)
    chain = [tokens.first()]
    for _ in range(100):
        chain.append(tokens.successor(chain[-1]))
    assert len(set(chain)) == 101
    assert {len(token) for token in chain} == {43}


def test_a_successor_cannot_be_computed_from_what_is_stored() -> None:
    tokens = RefreshTokens(KEY)
    token = tokens.first()
    assert tokens.digest(token).hex() not in tokens.successor(token)
    assert tokens.successor(tokens.digest(token).hex()) != tokens.successor(token)


def test_a_token_is_stored_as_its_sha256() -> None:
    tokens = RefreshTokens(KEY)
    assert tokens.digest("token") == hashlib.sha256(b"token").digest()
    assert tokens.digest("token") != tokens.digest("token ")


def test_any_text_has_a_digest() -> None:
    tokens = RefreshTokens(KEY)
    assert {len(tokens.digest(text)) for text in ("", "\x00", "é", "\ud800", "a" * 10_000)} == {32}


def test_the_key_is_not_shown() -> None:
    assert KEY.decode() not in repr(RefreshTokens(KEY))
