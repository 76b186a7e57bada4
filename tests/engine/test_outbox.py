# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
import sys

from app.engine.frames import text_frame
from app.engine.outbox import Outbox

FRAME = text_frame(b"x" * 98)


def test_what_is_put_in_comes_out_in_order():
    outbox = Outbox(10_000, 100)
    chunks = [text_frame(str(i).encode()) for i in range(10)]
    for chunk in chunks:
        assert outbox.put(chunk)
    assert (outbox.frames, outbox.bytes) == (10, 30)
    assert outbox.take(1) == chunks[0]
    assert outbox.take(4) == b"".join(chunks[1:3])
    assert outbox.take(outbox.bytes) == b"".join(chunks[3:])
    assert (outbox.frames, outbox.bytes, len(outbox)) == (0, 0, 0)


def test_it_is_full_beyond_its_bytes():
    outbox = Outbox(250, 100)
    assert outbox.put(FRAME)
    assert outbox.put(FRAME)
    assert not outbox.put(FRAME)


def test_it_is_full_beyond_its_frames_which_are_counted_in_joined_chunks():
    outbox = Outbox(100_000, 10)
    assert outbox.put(FRAME * 9)
    assert outbox.put(FRAME)
    assert not outbox.put(FRAME)


def test_what_may_be_lost_has_a_quarter_of_the_room():
    outbox = Outbox(1000, 100)
    assert outbox.roomy()
    outbox.put(FRAME * 2)
    assert outbox.roomy()
    outbox.put(FRAME)
    assert not outbox.roomy()


def test_many_slow_readers_share_the_bytes():
    """A thousand of them hold references, not copies."""
    references = sys.getrefcount(FRAME)
    outboxes = [Outbox(1000, 100) for _ in range(1000)]
    for outbox in outboxes:
        outbox.put(FRAME)
    assert sys.getrefcount(FRAME) >= references + 1000
