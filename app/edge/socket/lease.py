"""A socket's lease on its token: a warning before the expiry, silence at it, the end after the grace.

While a lease is over the socket is suspended: nothing of a channel is delivered to it and its commands are refused,
until `auth.refresh` brings a newer token, which renews the lease in place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from app.core import wire
from app.core.claims import Claims
from app.core.times import Clock
from app.engine import Connection, Timer

WARNING_S = 60.0


@dataclass(slots=True)
class Lease:
    """Where one socket stands: its deadlines, which of them is next, and the one timer that waits for it."""

    due_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    next: int = 0
    timer: Timer | None = None


@dataclass(frozen=True, slots=True)
class Leases:
    """Sets the deadlines of sockets by the expiry of their claims; times are seconds, the clock is the time of day."""

    clock: Clock
    monotonic: Callable[[], float]
    leeway_s: int
    grace_s: float

    def renew(self, connection: Connection, claims: Claims) -> None:
        """Let the socket go on until these claims expire; deadlines of older claims are off."""
        now_ms, now_s = self.clock(), self.monotonic()
        left_s = claims.expires_at_s - now_ms / 1000
        lifetime_s = claims.expires_at_s - claims.issued_at_s
        warn_s = now_s + max(0.0, left_s - min(WARNING_S, lifetime_s / 2))
        end_s = now_s + left_s + self.leeway_s
        lease: Lease = connection.session.lease
        lease.due_s, lease.next = (warn_s, end_s, end_s + self.grace_s), 0
        connection.resume()
        self._wait(connection, lease)

    def _wait(self, connection: Connection, lease: Lease) -> None:
        when_s = lease.due_s[lease.next]
        if lease.timer is not None and lease.timer.slot is not None:
            lease.timer.move(when_s)
        else:
            lease.timer = connection.call_at(when_s, partial(self._due, connection, lease))

    def _due(self, connection: Connection, lease: Lease) -> None:
        act = (self._warn, self._suspend, self._end)[lease.next]
        lease.next += 1
        if lease.next < len(lease.due_s):
            self._wait(connection, lease)
        act(connection)

    def _warn(self, connection: Connection) -> None:
        left_s = max(0, connection.session.claims.expires_at_s - self.clock() // 1000)
        connection.emit(*self._notice(wire.AUTH_EXPIRING, {"expires_in_s": left_s}))

    def _suspend(self, connection: Connection) -> None:
        connection.suspend()

    def _end(self, connection: Connection) -> None:
        data = {"reason": "token_expired", "reconnect": True}
        connection.close("token_expired", self._notice(wire.CONNECTION_CLOSING, data), returns=True)

    def _notice(self, kind: str, data: dict[str, object]) -> tuple[str, bytes]:
        return kind, wire.notice(kind, at_ms=self.clock(), data=data)
