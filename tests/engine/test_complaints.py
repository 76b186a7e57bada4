# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
import logging

from app.engine.complaints import Complaints


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_every_complaint_is_counted_and_few_are_written(caplog):
    """E25: a thousand bad frames write less than 10 kB."""
    clock = Clock()
    complaints = Complaints(logging.getLogger("test"), clock)
    for _ in range(1000):
        complaints.note("json", "192.0.2.1")
        clock.now += 0.001
    assert complaints.counts == {"json": 1000}
    assert len(caplog.records) <= 12
    assert len(caplog.text) < 10_000


def test_the_next_line_says_how_many_were_left_out(caplog):
    clock = Clock()
    complaints = Complaints(logging.getLogger("test"), clock)
    for _ in range(15):
        complaints.note("json", "192.0.2.1")
    clock.now += 1
    complaints.note("frame", "192.0.2.2")
    assert caplog.messages[-1] == "refused: frame from 192.0.2.2 and 5 more"
