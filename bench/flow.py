"""Messages through a swarm: senders ask, everyone in the room hears, deliveries are counted.

`keep` is the closed loop that asks how much a server can do; `offer` is the open loop that asks how late it is.
"""

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle

from bench import wire
from bench.swarm import EVENTS, ROOM, SILENCE_S, Silence, Swarm

DRAIN_S = 15.0
TWICE_S = 0.05


@dataclass(frozen=True, slots=True)
class Window:
    """What was delivered within a time. seconds: how long it was; cpu_s: what the server's process used in it."""

    deliveries: float
    seconds: float
    cpu_s: float

    @property
    def cpu_us(self) -> float:
        """Microseconds of the server's CPU per delivery."""
        return self.cpu_s / self.deliveries * 1e6

    @property
    def per_s(self) -> float:
        """Deliveries per second of the clock."""
        return self.deliveries / self.seconds


@dataclass(slots=True)
class Flow:
    """Messages of one size from senders to recipients that are all in one swarm.

    cpu: returns the seconds of CPU that the server's process has used so far.
    """

    swarm: Swarm
    senders: Sequence[socket.socket]
    recipients: Sequence[socket.socket]
    size_bytes: int
    cpu: Callable[[], float]

    def once(self) -> None:
        """Send one message and wait until everyone has it; raise if somebody gets it twice."""
        self.senders[0].send(wire.say(self.size_bytes))
        self._drain(wire.said_bytes(self.size_bytes) * len(self.recipients))
        if self._take(TWICE_S):
            raise ConnectionError("a message has come twice")

    def keep(self, in_flight: int, warm_s: float, seconds: float) -> Window:
        """Keep that many messages in flight: a new one is sent when all recipients have one more.

        The first warm_s seconds do not count. One message goes alone before, to see that it reaches everyone once, and
        at the end everything in flight is waited for. Raises Silence or ConnectionError when it is not so.
        """
        self.once()
        per_message = wire.said_bytes(self.size_bytes) * len(self.recipients)
        senders = cycle(self.senders[:in_flight])
        frame = wire.say(self.size_bytes)
        sent = got = got_at_start = 0
        cpu_s, cpu, clock = 0.0, self.cpu, time.monotonic
        start_s = clock() + warm_s
        end_s = start_s + seconds
        started = False
        while (now_s := clock()) < end_s:
            if not started and now_s >= start_s:
                started, start_s, cpu_s, got_at_start = True, now_s, cpu(), got
            while sent * per_message - got <= (in_flight - 1) * per_message:
                next(senders).send(frame)
                sent += 1
            got += self._take(0.1)
        window = Window((got - got_at_start) / per_message * len(self.recipients), now_s - start_s, cpu() - cpu_s)
        self._drain(sent * per_message - got)
        return window

    def offer(self, per_s: float, seconds: float, sampled: Sequence[socket.socket]) -> list[float]:
        """Send messages on a schedule, whatever the server does; return how late each was, in seconds.

        per_s: messages a second. sampled: the recipients whose deliveries are timed, from the moment at which a
        message was due to be sent. A delivery that does not come within the limit raises Silence.
        """
        count = int(per_s * seconds)
        frame_bytes = wire.said_bytes(self.size_bytes)
        counts = {client.fileno(): [0, 0] for client in sampled}
        late: list[float] = []
        senders, frame, clock = cycle(self.senders), wire.say(self.size_bytes), time.monotonic
        start_s = clock() + 0.05
        got, sent, all_bytes = 0, 0, count * frame_bytes * len(self.recipients)
        end_s = start_s + seconds + DRAIN_S
        while got < all_bytes:
            now_s = clock()
            while sent < count and now_s >= start_s + sent / per_s:
                next(senders).send(frame)
                sent += 1
            due_ms = int((start_s + sent / per_s - now_s) * 1000) - 1
            for number, _ in self.swarm.epoll.poll(max(0, due_ms) / 1000, EVENTS):
                size = self._discard(number)
                got += size
                if number in counts:
                    now_s, tally = clock(), counts[number]
                    tally[0] += size
                    while tally[1] < tally[0] // frame_bytes:
                        late.append(now_s - start_s - tally[1] / per_s)
                        tally[1] += 1
            if now_s > end_s:
                raise Silence(f"{1 - got / all_bytes:.0%} of the deliveries were not made in time")
        return late

    def _discard(self, number: int) -> int:
        size = self.swarm.clients[number].recv_into(ROOM, 0, socket.MSG_TRUNC)
        if size <= 0:
            raise ConnectionError("the server closed a connection")
        return size

    def _take(self, limit_s: float) -> int:
        clients, got = self.swarm.clients, 0
        for number, _ in self.swarm.epoll.poll(limit_s, EVENTS):
            size = clients[number].recv_into(ROOM, 0, socket.MSG_TRUNC)
            if size <= 0:
                raise ConnectionError("the server closed a connection")
            got += size
        return got

    def _drain(self, missing: int) -> None:
        end_s = time.monotonic() + SILENCE_S
        while missing > 0:
            missing -= self._take(1.0)
            if time.monotonic() > end_s:
                raise Silence(f"{missing} bytes of what was delivered have not come")
        if missing < 0:
            raise ConnectionError(f"{-missing} bytes more have come than were asked for")
