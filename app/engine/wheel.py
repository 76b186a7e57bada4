"""One timer wheel for every deadline of a server, in place of a sleeping task or a loop timer each.

Deadlines fall into slots of the monotonic clock; the loop holds one timer, for the earliest slot in use. Far
deadlines share coarse slots until they are near, so ten thousand of them do not make ten thousand slots.
A callback runs at or up to one slot after its time, never before. Nothing here knows what the deadlines are for.
"""

import asyncio
import heapq
import logging
import math
from collections.abc import Callable
from typing import Final

_log = logging.getLogger(__name__)
_COARSE: Final = 64
_FAR: Final = 4 * _COARSE


class Timer:
    """One deadline; `cancel` takes it off the wheel and may be called at any time."""

    __slots__ = ("callback", "due", "slot", "wheel")

    def __init__(self, wheel: "TimerWheel", callback: Callable[[], None]) -> None:
        self.wheel = wheel
        self.callback = callback
        self.due = 0
        self.slot: int | None = None

    def cancel(self) -> None:
        """Take the deadline back; nothing happens if it has run or was cancelled."""
        self.wheel.remove(self)

    def move(self, when_s: float) -> None:
        """Set the deadline (again) to a moment of the wheel's clock, in seconds."""
        self.wheel.place(self, when_s)


class TimerWheel:
    """Runs callbacks at moments of a monotonic clock.

    clock: returns seconds. slot_s: how late a callback may be.
    Ordering: slots run in order; within one slot in no particular order. A callback that raises is logged.
    """

    def __init__(self, clock: Callable[[], float], slot_s: float = 0.02) -> None:
        self.clock = clock
        self._slot_s = slot_s
        self._slots: dict[int, set[Timer] | None] = {}
        self._heap: list[int] = []
        self._handle: asyncio.TimerHandle | None = None
        self._armed = 0

    def at(self, when_s: float, callback: Callable[[], None]) -> Timer:
        """Run a callback at a moment of the clock, in seconds; return the timer that can cancel it."""
        timer = Timer(self, callback)
        self.place(timer, when_s)
        return timer

    def after(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Run a callback that many seconds from now; return the timer that can cancel it."""
        return self.at(self.clock() + delay_s, callback)

    def place(self, timer: Timer, when_s: float) -> None:
        """Put a timer into the slot of its moment, out of the one where it was."""
        if timer.slot is not None:
            self.remove(timer)
        due = timer.due = math.ceil(when_s / self._slot_s)
        far = due - self.clock() / self._slot_s > _FAR
        self._insert(timer, due - due % _COARSE if far else due)

    def remove(self, timer: Timer) -> None:
        """Take a timer off the wheel; nothing happens if it is not on it."""
        slot, timer.slot = timer.slot, None
        if slot is None:
            return
        timers = self._slots.get(slot)
        if timers is not None:
            timers.discard(timer)
            if not timers:
                self._slots[slot] = None

    def close(self) -> None:
        """Forget every deadline and release the loop's timer."""
        self._slots.clear()
        self._heap.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def __len__(self) -> int:
        return sum(len(timers) for timers in self._slots.values() if timers)

    def _insert(self, timer: Timer, slot: int) -> None:
        timer.slot = slot
        timers = self._slots.get(slot)
        if timers:
            timers.add(timer)
            return
        if slot not in self._slots:
            heapq.heappush(self._heap, slot)
        self._slots[slot] = {timer}
        self._arm()

    def _arm(self) -> None:
        """Hold the loop's one timer at the earliest slot in use."""
        while self._heap and self._slots[self._heap[0]] is None:
            del self._slots[heapq.heappop(self._heap)]
        if not self._heap or (self._handle is not None and self._armed <= self._heap[0]):
            return
        if self._handle is not None:
            self._handle.cancel()
        self._armed = self._heap[0]
        delay_s = self._armed * self._slot_s - self.clock()
        self._handle = asyncio.get_running_loop().call_later(max(0.0, delay_s), self._turn)

    def _turn(self) -> None:
        self._handle = None
        now = self.clock() / self._slot_s
        while self._heap and self._heap[0] <= now:
            slot = heapq.heappop(self._heap)
            for timer in self._slots.pop(slot) or ():
                if timer.slot != slot:  # a neighbour of this turn has cancelled or moved it
                    continue
                timer.slot = None
                if timer.due > slot:
                    self._insert(timer, timer.due)
                else:
                    self._run(timer)
        self._arm()

    def _run(self, timer: Timer) -> None:
        try:
            timer.callback()
        except Exception:  # noqa: BLE001  one deadline's failure is not the others'
            _log.exception("a timer's callback failed")
