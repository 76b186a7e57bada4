# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
import asyncio

import pytest
from aiohttp import WebSocketError
from aiohttp._websocket.reader_py import WebSocketDataQueue, WebSocketReader
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.frames import BINARY, CLOSE, PING, TEXT
from app.engine.reader import FrameError, FrameReader, close_code
from tests.engine.peers import client_frame


def read(data, limit=1000, step=None):
    """Feed bytes, in pieces of `step`, and return all messages."""
    reader = FrameReader(limit)
    messages = []
    for at in range(0, len(data), step or max(1, len(data))):
        reader.feed(data[at : at + (step or len(data))])
        while (message := reader.next()) is not None:
            messages.append((message[0], bytes(message[1])))
    return messages


def error_of(data, limit=1000):
    with pytest.raises(FrameError) as caught:
        read(data, limit)
    return caught.value.code


@pytest.mark.parametrize("step", [None, 1, 2, 3, 7])
def test_messages_arrive_whole_however_they_are_cut(step):
    data = client_frame(TEXT, b"hello") + client_frame(BINARY, b"\0" * 200) + client_frame(PING, b"p")
    data += client_frame(TEXT, b"fr", final=False) + client_frame(PING, b"") + client_frame(0, b"ag")
    assert read(data, step=step) == [
        (TEXT, b"hello"), (BINARY, b"\0" * 200), (PING, b"p"), (PING, b""), (TEXT, b"frag"),
    ]  # fmt: skip


def test_an_unmasked_frame_is_refused():
    assert error_of(client_frame(TEXT, b"x", mask=False)) == 1002


@pytest.mark.parametrize("rsv", [1, 2, 4])
def test_reserved_bits_are_refused(rsv):
    assert error_of(client_frame(TEXT, b"x", rsv=rsv)) == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_unknown_opcodes_are_refused(opcode):
    assert error_of(client_frame(opcode, b"")) == 1002


def test_control_frames_are_short_and_whole():
    assert error_of(client_frame(PING, b"x" * 126)) == 1002
    assert error_of(client_frame(PING, b"x", final=False)) == 1002
    assert error_of(client_frame(CLOSE, b"", final=False)) == 1002


def test_fragments_come_in_order():
    assert error_of(client_frame(0, b"x")) == 1002
    assert error_of(client_frame(TEXT, b"x", final=False) + client_frame(TEXT, b"y")) == 1002


def test_a_message_as_long_as_the_limit_is_read_and_a_longer_one_refused_before_it_arrives():
    assert read(client_frame(TEXT, b"x" * 1000)) == [(TEXT, b"x" * 1000)]
    assert error_of(client_frame(TEXT, b"x" * 1001)[:8]) == 1009
    assert error_of(b"\x81\xff" + (1 << 63).to_bytes(8, "big") + b"mask") == 1009


def test_the_limit_holds_for_all_fragments_together():
    parts = client_frame(TEXT, b"x" * 600, final=False) + client_frame(0, b"x" * 401)
    assert error_of(parts) == 1009


def test_a_million_empty_fragments_hold_no_memory():
    reader = FrameReader(1000)
    reader.feed(client_frame(TEXT, b"", final=False))
    empty = client_frame(0, b"", final=False) * 1000
    for _ in range(20):
        reader.feed(empty)
        assert reader.next() is None
    assert len(reader._message) == 0
    assert len(reader._data) == 0


def test_bytes_one_by_one_cost_as_much_as_they_are():
    """A 64 KiB message in 64 Ki reads must not be copied at every one of them."""
    data = client_frame(TEXT, b"x" * 65536)
    assert read(data, 65536, step=1) == [(TEXT, b"x" * 65536)]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_close_statuses_that_may_not_be_on_the_wire_are_refused(code):
    with pytest.raises(FrameError):
        close_code(bytearray(code.to_bytes(2, "big")))


def test_close_frames_are_answered_with_their_status():
    assert close_code(bytearray()) == 1000
    assert close_code(bytearray(b"\x03\xe9bye")) == 1001
    assert close_code(bytearray((4999).to_bytes(2, "big"))) == 4999
    with pytest.raises(FrameError):
        close_code(bytearray(b"\x03"))
    with pytest.raises(FrameError):
        close_code(bytearray(b"\x03\xe8\xff\xfe"))


class Protocol:
    _reading_paused = False

    def pause_reading(self):
        """Nothing to pause."""


def reference(data, limit):
    """Read with aiohttp's reader, as far as it comes; None where it finds an error."""
    loop = asyncio.new_event_loop()
    try:
        queue = WebSocketDataQueue(Protocol(), 1 << 20, loop=loop)
        reader = WebSocketReader(queue, limit + 1, compress=False, decode_text=False)
        reader.feed_data(data)
        found = [(int(message.type), message.data) for message, _ in queue._buffer]
        return None if isinstance(queue.exception(), WebSocketError) else found
    finally:
        loop.close()


def frame_of(opcode, payload, final, rsv):
    """Build a frame; an unfinished one is not empty, since the other reader forgets that it has begun."""
    return client_frame(opcode, payload or b"x" if not final else payload, final=final, rsv=rsv)


frames = st.builds(
    frame_of,
    st.sampled_from([0, TEXT, BINARY, PING, 10, 3, 11]),
    st.binary(max_size=300),
    st.booleans(),
    st.sampled_from([0, 0, 0, 0, 1]),
)


@settings(deadline=None)
@given(st.lists(frames, max_size=6), st.integers(1, 50))
def test_it_reads_what_another_reader_reads_and_refuses_what_that_refuses(parts, step):
    data = b"".join(parts)
    expected = reference(data, 400)
    try:
        found = read(data, 400, step)
    except FrameError:
        assert expected is None
    else:
        assert expected == found
