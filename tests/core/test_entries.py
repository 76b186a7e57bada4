"""Entries of the log: ours survive the way there and back, and nothing else is taken or raises."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.entries import (
    MAX_PACKET_BYTES,
    Ended,
    Entry,
    Granted,
    Happened,
    RolesChanged,
    Told,
    decode_entry,
    encode_entry,
)
from tests.core.laws import law
from tests.core.values import CHANNEL, SESSION, USER, an_id

ENTRIES: list[Entry] = [
    Happened(channel_id=CHANNEL, seq=1, type="message.created", envelope=b"{}"),
    Happened(channel_id=CHANNEL, seq=2**53 - 1, type="t" * 64, envelope=b"\x00\xff" * (MAX_PACKET_BYTES // 2)),
    Told(user_id=USER, type="channel.added", envelope=b""),
    Granted(user_id=USER, channel_id=CHANNEL, seq=0),
    Ended(user_id=USER, reason="signed_out", at_ms=0, session_id=SESSION),
    Ended(user_id=USER, reason="password_changed", at_ms=2**53 - 1, except_id=SESSION),
    RolesChanged(user_id=USER),
]
FACT = {"kind": "fact", "channel_id": CHANNEL, "seq": 1, "type": "message.created", "envelope": b"{}"}
ENDED = {"kind": "ended", "user_id": USER, "reason": "r", "at_ms": 1}


def packed(value: object) -> bytes:
    return msgspec.msgpack.encode(value)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: type(entry).__name__)
def test_an_entry_is_read_as_it_was_written(entry: Entry) -> None:
    assert decode_entry(encode_entry(entry)) == entry


@law
@given(st.binary(max_size=200))
@example(b"")
@example(b"\xc1")
@example(b"\x91" * 100_000)
@example(b"\x81\xa1a" * 100_000)
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xdb\xff\xff\xff\xffabc")
@example(b"\xd9\x02\xc3\x28")
@example(b"\xd7\xff\xff\xff\xff\xff\xff\xff\xff\xff")
def test_arbitrary_bytes_are_no_entry_and_never_raise(raw: bytes) -> None:
    assert decode_entry(raw) is None


@law
@given(st.sampled_from(ENTRIES[:1] + ENTRIES[2:]), st.data())
def test_a_damaged_entry_never_raises(entry: Entry, data: st.DataObject) -> None:
    raw = bytearray(encode_entry(entry))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    decode_entry(bytes(raw))
    assert decode_entry(bytes(raw[:cut])) is None or cut == len(raw)


@law
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_other_peoples_values_are_no_entry(value: Any) -> None:
    assert decode_entry(packed(value)) is None


@pytest.mark.parametrize(
    "raw",
    [
        FACT | {"kind": "fakt"},
        FACT | {"extra": 1},
        FACT | {"seq": 0},
        FACT | {"seq": 2**53},
        FACT | {"seq": "1"},
        FACT | {"seq": 1.0},
        FACT | {"type": "t" * 65},
        FACT | {"envelope": b"x" * (MAX_PACKET_BYTES + 1)},
        FACT | {"channel_id": "news"},
        FACT | {"channel_id": USER},
        FACT | {"channel_id": CHANNEL + "\n"},
        FACT | {"channel_id": CHANNEL.lower()},
        FACT | {"channel_id": "chn_8" + "0" * 25},
        FACT | {"channel_id": " " + CHANNEL},
        ENDED | {"user_id": None},
        ENDED | {"at_ms": -1},
        ENDED | {"reason": "r" * 65},
        ENDED | {"session_id": USER},
        ENDED | {"except_id": SESSION + "\n"},
        {"kind": "granted", "user_id": USER, "channel_id": CHANNEL, "seq": -1},
        {"kind": "told", "user_id": "*", "type": "hello", "envelope": b"{}"},
        {"kind": "roles"},
        {"kind": "roles", "user_id": an_id("usr", 1) + "0"},
    ],
)
def test_an_entry_outside_of_its_bounds_is_no_entry(raw: dict[str, Any]) -> None:
    assert decode_entry(packed(raw)) is None


def test_the_values_that_bounds_are_tried_on_are_entries_themselves() -> None:
    assert decode_entry(packed(FACT)) == ENTRIES[0]
    assert isinstance(decode_entry(packed(ENDED)), Ended)
