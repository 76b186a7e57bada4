# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
import asyncio

import pytest

from app.engine.wheel import TimerWheel
from tests.helpers import eventually


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def wheel(clock):
    wheel = TimerWheel(clock, 0.02)
    yield wheel
    wheel.close()


async def test_a_deadline_runs_at_or_just_after_its_time_never_before(wheel, clock):
    ran = []
    wheel.after(0.05, lambda: ran.append(1))
    clock.now += 0.0499
    wheel._turn()
    assert ran == []
    clock.now += 0.0201
    wheel._turn()
    assert ran == [1]


async def test_deadlines_run_in_order_of_their_slots(wheel, clock):
    ran = []
    for delay_s in (3.0, 0.5, 100.0, 10.0, 5.2, 5.1):
        wheel.after(delay_s, lambda delay_s=delay_s: ran.append(delay_s))
    while len(ran) < 6:
        clock.now += 0.01
        wheel._turn()
        assert clock.now < 300
    assert ran == sorted(ran)


@pytest.mark.parametrize("delay_s", [0.0, 0.01, 1.0, 5.12, 6.0, 61.0, 601.3])
async def test_near_or_far_a_deadline_is_at_most_a_slot_late(wheel, clock, delay_s):
    ran = []
    due_s = clock.now + delay_s
    wheel.at(due_s, lambda: ran.append(clock.now))
    while not ran:
        clock.now += 0.005
        wheel._turn()
    assert due_s <= ran[0] + 1e-9
    assert ran[0] < due_s + 0.03


async def test_a_cancelled_deadline_never_runs(wheel, clock):
    ran = []
    timers = [wheel.after(delay_s, lambda: ran.append(1)) for delay_s in (0.1, 0.1, 50)]
    for timer in timers:
        timer.cancel()
        timer.cancel()
    clock.now += 100
    wheel._turn()
    assert ran == []
    assert len(wheel) == 0


async def test_a_neighbour_may_cancel_or_move_a_deadline_of_the_same_turn(wheel, clock):
    ran = []
    timers = []

    def run(number):
        ran.append(number)
        timers[1 - number].cancel()

    timers += [wheel.after(0.1, lambda: run(0)), wheel.after(0.1, lambda: run(1))]
    clock.now += 1
    wheel._turn()
    assert len(ran) == 1


async def test_a_moved_deadline_runs_once_at_its_new_time(wheel, clock):
    ran = []
    timer = wheel.after(0.1, lambda: ran.append(clock.now))
    timer.move(clock.now + 10)
    clock.now += 1
    wheel._turn()
    assert ran == []
    clock.now += 9.02
    wheel._turn()
    wheel._turn()
    assert len(ran) == 1


async def test_a_callback_may_set_its_own_deadline_again(wheel, clock):
    ran = []

    def beat():
        ran.append(1)
        timer.move(clock.now + 1)

    timer = wheel.after(1, beat)
    for _ in range(3):
        clock.now += 1.02
        wheel._turn()
    assert len(ran) == 3


async def test_a_failing_callback_is_logged_and_stops_no_other(wheel, clock, caplog):
    ran = []
    wheel.after(0.1, lambda: 1 / 0)
    wheel.after(0.1, lambda: ran.append(1))
    wheel.after(0.2, lambda: ran.append(2))
    clock.now += 1
    wheel._turn()
    assert ran == [1, 2]
    assert caplog.text.count("ZeroDivisionError") >= 1


async def test_many_far_deadlines_share_few_slots(wheel, clock):
    for number in range(10_000):
        wheel.at(clock.now + 600 + number / 100, lambda: None)
    assert len(wheel) == 10_000
    assert len(wheel._slots) < 100


async def test_setting_and_cancelling_leaves_nothing_behind(wheel):
    for _ in range(1000):
        wheel.after(5, lambda: None).cancel()
        wheel.after(500, lambda: None).cancel()
    assert len(wheel) == 0
    assert len(wheel._heap) < 10
    assert len(wheel._slots) < 10


async def test_the_loop_turns_the_wheel():
    loop = asyncio.get_running_loop()
    wheel = TimerWheel(loop.time)
    ran = []
    started = loop.time()
    wheel.after(0.3, lambda: ran.append(loop.time()))
    wheel.after(0.05, lambda: ran.append(loop.time()))
    await eventually(lambda: len(ran) == 2)
    assert ran[0] - started >= 0.049
    assert ran[1] - started >= 0.299
    wheel.close()
