"""Entries of the log are believed only from those who have the deployment's key."""

from hypothesis import given
from hypothesis import strategies as st

from app.secure.seals import MARK_BYTES, Seal

SEAL = Seal(b"k" * 32)


@given(st.binary())
def test_sealed_entry_opens_to_what_it_was(entry: bytes) -> None:
    assert SEAL.open(SEAL.close(entry)) == entry


@given(st.binary(), st.integers(min_value=0))
def test_any_changed_bit_keeps_it_shut(entry: bytes, place: int) -> None:
    sealed = bytearray(SEAL.close(entry))
    sealed[place % len(sealed)] ^= 1 << place % 8

    assert SEAL.open(bytes(sealed)) is None


@given(st.binary())
def test_what_was_never_sealed_does_not_open(raw: bytes) -> None:
    assert SEAL.open(raw) is None


def test_another_deployment_s_seal_is_not_ours() -> None:
    assert Seal(b"x" * 32).open(SEAL.close(b"entry")) is None


def test_truncated_entries_do_not_open() -> None:
    sealed = SEAL.close(b"entry")

    assert all(SEAL.open(sealed[:length]) is None for length in range(len(sealed)))
    assert len(sealed) == MARK_BYTES + len(b"entry")
