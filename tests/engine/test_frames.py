# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.frames import BINARY, TEXT, close_frame, count, frame, split, text_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_every_size_of_payload_comes_out_as_it_went_in(size):
    payload = b"x" * size
    assert list(split(text_frame(payload))) == [(TEXT, payload)]


def test_the_shortest_header_is_used():
    assert frame(TEXT, b"a" * 125)[:2] == b"\x81\x7d"
    assert frame(TEXT, b"a" * 126)[:4] == b"\x81\x7e\x00\x7e"
    assert frame(BINARY, b"a" * 65536)[:10] == b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"


def test_a_close_frame_carries_its_status():
    assert close_frame(1008) == b"\x88\x02\x03\xf0"


@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY]), st.binary(max_size=300)), max_size=20))
def test_a_chunk_of_frames_is_counted_and_taken_apart_again(messages):
    chunk = b"".join(frame(*message) for message in messages)
    assert list(split(chunk)) == messages
    assert count(chunk) == len(messages)
