import pytest

from app.engine import encode_event, strict_json
from app.engine.frames import text_frame
from bench import wire
from bench.peers.floor import unmasked


@pytest.mark.parametrize("size", [0, 1, 5, 125, 126, 1000, 65535])
def test_a_masked_frame_holds_what_was_put_into_it(size: int) -> None:
    payload = bytes(range(256)) * 256

    assert unmasked(wire.masked(0x1, payload[:size])) == [payload[:size]]


def test_frames_of_one_chunk_are_told_apart() -> None:
    assert unmasked(wire.text("40") + wire.say(200) + wire.text("3"))[::2] == [b"40", b"3"]


@pytest.mark.parametrize("size_bytes", [1, 100, 103, 104, 105, 1024, 65_513, 65_514, 100_000])
def test_a_delivery_is_as_long_as_the_engine_makes_it(size_bytes: int) -> None:
    packet = encode_event("/", "said", strict_json.dumps({"text": "x" * size_bytes}))

    assert wire.said_bytes(size_bytes) == len(text_frame(b"4" + packet))


def test_a_client_waits_for_each_answer_before_it_goes_on() -> None:
    script = wire.by_websocket(b"connect")
    opened = b'HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x100{"sid":"a"}'

    assert next(script) == wire.REQUEST
    assert script.send(b"HTTP/1.1 101 Switching Protocols\r\n\r\n") == b""
    assert script.send(opened) == b"connect"
    assert script.send(opened + b'\x81\x0b40{"sid":') == b""
    with pytest.raises(StopIteration):
        script.send(opened + b'\x81\x0b40{"sid":"b"}')


def test_a_refused_client_is_an_error() -> None:
    script = wire.by_websocket(b"connect")
    opened = b'HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x100{"sid":"a"}'
    next(script)
    script.send(opened)

    with pytest.raises(ConnectionError, match="auth_failed"):
        script.send(opened + b'\x81\x1844{"message":"auth_failed"}')
