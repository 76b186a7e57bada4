"""A socket's lease on its token: a warning before the expiry, silence at it, the end after the grace.

While a lease is over the socket is suspended: nothing of a channel is delivered to it and its commands are refused,
until `auth.refresh` brings a newer token, which renews the lease in place.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.core import wire
from app.core.claims import Claims
from app.core.times import Clock
from app.engine import Connection

WARNING_S = 60.0


@dataclass(frozen=True, slots=True)
class Leases:
    """Sets the timers of a socket by the expiry of its claims; times are seconds, the clock is the time of day."""

    clock: Clock
    monotonic: Callable[[], float]
    leeway_s: int
    grace_s: float

    def renew(self, connection: Connection, claims: Claims) -> None:
        """Let the socket go on until these claims expire; timers of older claims find that they are no longer due."""
        now_ms, now_s = self.clock(), self.monotonic()
        left_s = claims.expires_at_s - now_ms / 1000
        lifetime_s = claims.expires_at_s - claims.issued_at_s
        warn_s = max(0.0, left_s - min(WARNING_S, lifetime_s / 2))
        end_s = left_s + self.leeway_s
        connection.resume()
        connection.call_at(now_s + warn_s, lambda: self._warn(connection, claims))
        connection.call_at(now_s + end_s, lambda: self._suspend(connection, claims))
        connection.call_at(now_s + end_s + self.grace_s, lambda: self._end(connection, claims))

    def _warn(self, connection: Connection, claims: Claims) -> None:
        if _holds(connection, claims):
            left_s = max(0, claims.expires_at_s - self.clock() // 1000)
            connection.emit(*self._notice(wire.AUTH_EXPIRING, {"expires_in_s": left_s}))

    def _suspend(self, connection: Connection, claims: Claims) -> None:
        if _holds(connection, claims):
            connection.suspend()

    def _end(self, connection: Connection, claims: Claims) -> None:
        if _holds(connection, claims):
            data = {"reason": "token_expired", "reconnect": True}
            connection.close("token_expired", self._notice(wire.CONNECTION_CLOSING, data), returns=True)

    def _notice(self, kind: str, data: dict[str, object]) -> tuple[str, bytes]:
        return kind, wire.notice(kind, at_ms=self.clock(), data=data)


def _holds(connection: Connection, claims: Claims) -> bool:
    return connection.session is not None and connection.session.claims.expires_at_s == claims.expires_at_s
