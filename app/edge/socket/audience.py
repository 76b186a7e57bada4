"""The sockets of this node and what each of them follows. Turns the feed into deliveries; decides nothing.

A socket is registered before its session and its memberships are read, so that a change which commits meanwhile finds
it; and what changed during a reading counts more than what was read. No call waits for a recipient: the engine writes,
bounds and closes.
"""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace

from app.core import wire
from app.core.claims import Claims
from app.core.entries import Ended
from app.core.errors import AppError, NotFound
from app.core.model import Fact
from app.core.sequencer import Sequencer
from app.core.times import Clock
from app.engine import Connection, Server, encode_event
from app.services.channels import Channels
from app.services.sessions import Sessions

logger = logging.getLogger("heliograph.audience")

RETRY_S = 1.0


class Audience:
    """Who listens on this node, by user; the sink of the feed."""

    def __init__(self, server: Server, sequencer: Sequencer, clock: Clock) -> None:
        self._server = server
        self._sequencer = sequencer
        self._clock = clock
        self._sockets: dict[str, set[Connection]] = {}
        self._followed: dict[Connection, set[str]] = {}
        self._visited: dict[Connection, set[str]] = {}
        self._readings: dict[Connection, list[set[str]]] = {}
        self._doubted: dict[Connection, str] = {}
        self._doubt = asyncio.Event()

    def __len__(self) -> int:
        return sum(map(len, self._sockets.values()))

    def count_of(self, user_id: str) -> int:
        """Tell how many sockets a user has here."""
        return len(self._sockets.get(user_id, ()))

    def enter(self, connection: Connection, user_id: str) -> None:
        """Register a socket of a user; from now on changes of memberships and sessions reach it."""
        self._sockets.setdefault(user_id, set()).add(connection)
        self._followed[connection] = set()

    def exit(self, connection: Connection, user_id: str) -> None:
        """Forget a socket and what it followed."""
        sockets = self._sockets.get(user_id, set())
        sockets.discard(connection)
        if not sockets:
            self._sockets.pop(user_id, None)
        for channel_id in self._followed.pop(connection, ()):
            self._sequencer.unwatch(channel_id)
        self._visited.pop(connection, None)
        self._doubted.pop(connection, None)

    def followed_by(self, connection: Connection) -> frozenset[str]:
        """Tell which channels a socket hears."""
        return frozenset(self._followed.get(connection, ()))

    def follow(self, connection: Connection, channel_id: str, seq: int) -> None:
        """Let one socket hear a channel; `seq` is the channel's newest, read just now."""
        followed = self._followed.get(connection)
        if followed is not None and channel_id not in followed:
            followed.add(channel_id)
            connection.join(channel_id)
            self._sequencer.watch(channel_id, seq)

    def visited_by(self, connection: Connection) -> frozenset[str]:
        """Tell which channels a socket hears without its user's being a member."""
        return frozenset(self._visited.get(connection, ()))

    def visit(self, connection: Connection, channel_id: str, seq: int) -> None:
        """Let one socket hear a channel of which its user is no member, as in `follow`."""
        if connection in self._followed:
            self._visited.setdefault(connection, set()).add(channel_id)
            self.follow(connection, channel_id, seq)

    def unfollow(self, connection: Connection, channel_id: str) -> None:
        """Stop one socket hearing a channel."""
        followed = self._followed.get(connection)
        if followed is not None and channel_id in followed:
            self._no_visit(connection, channel_id)
            followed.remove(channel_id)
            connection.leave(channel_id)
            self._sequencer.unwatch(channel_id)

    def deliver(self, fact: Fact) -> None:
        """Write a durable fact to everyone who follows its channel: encoded once, the same bytes for all."""
        self._server.deliver(wire.CHAT, fact.channel_id, encode_event(wire.CHAT, fact.type, fact.envelope))

    def admit(self, user_id: str, channel_id: str, seq: int) -> None:
        """Let all sockets of a user hear a channel from behind `seq`."""
        for connection in self._of(user_id):
            self._note_change(connection, channel_id)
            self._no_visit(connection, channel_id)
            self.follow(connection, channel_id, seq)

    def expel(self, user_id: str, channel_id: str) -> None:
        """Stop all sockets of a user hearing a channel."""
        for connection in self._of(user_id):
            self._note_change(connection, channel_id)
            self.unfollow(connection, channel_id)

    def tell(self, user_id: str, kind: str, envelope: bytes) -> None:
        """Write a passing fact to all sockets of a user, but those that are not let in yet or are suspended."""
        for connection in self._of(user_id):
            if connection.connected and not connection.suspended:
                connection.emit(kind, envelope)

    def end(self, ended: Ended) -> None:
        """Close the sockets of the sessions that ended, telling them why and not to come back.

        News that all sessions ended may come late: whoever may have signed in since is compared with the store first.
        """
        for connection in self._of(ended.user_id):
            claims = connection.session.claims
            if claims.session_id == ended.except_id or ended.session_id not in (None, claims.session_id):
                continue
            if ended.session_id is not None or _is_older(claims, ended.at_ms):
                self.close(connection, ended.reason)
            else:
                self._doubted[connection] = ended.reason
                self._doubt.set()

    def close(self, connection: Connection, reason: str) -> None:
        """Close one socket because its session is over; one that is not let in yet will be refused."""
        if not connection.connected:
            connection.session = replace(connection.session, over=reason)
            return
        data = {"reason": reason, "reconnect": False}
        connection.close(
            reason, (wire.SESSION_REVOKED, wire.notice(wire.SESSION_REVOKED, at_ms=self._clock(), data=data))
        )

    def require_sync(self, channel_id: str) -> None:
        """Tell everyone who follows a channel that live facts of it were skipped."""
        data = {"channel_id": channel_id}
        envelope = wire.notice(wire.SYNC_REQUIRED, at_ms=self._clock(), data=data, channel_id=channel_id)
        self._server.deliver(wire.CHAT, channel_id, encode_event(wire.CHAT, wire.SYNC_REQUIRED, envelope))

    def doubt(self, user_id: str | None) -> None:
        """Mark a user's sockets, or all of them, for comparison with the store."""
        users = list(self._sockets) if user_id is None else [user_id]
        for connection in (connection for user in users for connection in self._of(user)):
            self._doubted.setdefault(connection, "session_ended")
        self._doubt.set()

    def session_ids(self) -> set[str]:
        """Tell the sessions that have sockets here."""
        return {connection.session.claims.session_id for connection in self._followed}

    def doubt_sessions(self, session_ids: frozenset[str]) -> None:
        """Mark the sockets of these sessions for comparison with the store."""
        if not session_ids:
            return
        for connection in self._followed:
            if connection.session.claims.session_id in session_ids:
                self._doubted.setdefault(connection, "session_ended")
        self._doubt.set()

    async def recheck(self, sessions: Sessions, channels: Channels) -> None:
        """Compare doubted sockets with the store until cancelled: session, roles, channels."""
        while True:
            await self._doubt.wait()
            self._doubt.clear()
            while self._doubted:
                connection, reason = self._doubted.popitem()
                try:
                    await self._compare(connection, reason, sessions, channels)
                except AppError as error:
                    logger.warning("cannot compare a socket with the store: %s", error)
                    if connection in self._followed:
                        self._doubted.setdefault(connection, reason)
                    await asyncio.sleep(RETRY_S)

    async def align(self, connection: Connection, channels: Channels) -> None:
        """Let a socket follow its user's channels as the store says; what changes meanwhile stays as it changed."""
        changed: set[str] = set()
        self._readings.setdefault(connection, []).append(changed)
        try:
            mine = await channels.followed_by(connection.session.claims.subject)
        finally:
            readings = self._readings[connection]
            readings.remove(changed)
            if not readings:
                del self._readings[connection]
        for channel_id in mine.keys() - changed:
            self.follow(connection, channel_id, mine[channel_id])
        for channel_id in self.followed_by(connection) - mine.keys() - changed - self.visited_by(connection):
            self.unfollow(connection, channel_id)

    async def _compare(self, connection: Connection, reason: str, sessions: Sessions, channels: Channels) -> None:
        standing = await sessions.standing(connection.session.claims)
        if connection not in self._followed:
            return
        if standing is None:
            self.close(connection, reason)
            return
        connection.session = connection.session.under(standing)
        await self.align(connection, channels)
        for channel_id in self.visited_by(connection):
            try:
                await channels.get(standing, channel_id)
            except NotFound:
                self.unfollow(connection, channel_id)

    def _note_change(self, connection: Connection, channel_id: str) -> None:
        for changed in self._readings.get(connection, ()):
            changed.add(channel_id)

    def _no_visit(self, connection: Connection, channel_id: str) -> None:
        visited = self._visited.get(connection)
        if visited is not None:
            visited.discard(channel_id)

    def _of(self, user_id: str) -> Iterator[Connection]:
        return iter(tuple(self._sockets.get(user_id, ())))


def _is_older(claims: Claims, at_ms: int) -> bool:
    """Tell whether a token was surely made before a moment; it says the second only."""
    return (claims.issued_at_s + 1) * 1000 <= at_ms
