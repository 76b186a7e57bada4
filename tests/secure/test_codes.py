import hashlib

from app.secure.codes import Blind, code_digest, new_code


def test_codes_have_160_bits_differ_and_stand_in_an_address() -> None:
    codes = {new_code() for _ in range(100)}

    assert len(codes) == 100
    assert {len(code) for code in codes} == {27}
    assert all(char.isascii() and (char.isalnum() or char in "-_") for code in codes for char in code)


def test_what_is_stored_of_a_code_is_its_hash() -> None:
    assert code_digest("abc") == hashlib.sha256(b"abc").digest()
    assert code_digest("\ud800") != code_digest("abc")


def test_blinded_names_are_told_apart_and_not_read() -> None:
    blind, other = Blind(b"k" * 32), Blind(b"l" * 32)

    assert blind("hunter2") == blind("hunter2") != blind("hunter3")
    assert blind("hunter2") != other("hunter2")
    assert "hunter2" not in blind("hunter2")
    assert len(blind("\ud800")) == 32
