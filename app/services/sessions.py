"""Sessions: what signing in starts, refreshing prolongs and signing out ends. Passwords are not known here."""

from collections.abc import Collection
from dataclasses import dataclass, field

from app.core import audit
from app.core.audit import Actor, actor_of
from app.core.claims import Claims
from app.core.entries import Ended
from app.core.errors import NotFound, Unauthenticated
from app.core.ids import NewId, require_id
from app.core.model import Session, User
from app.core.policy import permissions_of, under
from app.core.refresh import judge
from app.core.times import Clock
from app.secure.ids import RefreshTokens
from app.secure.tokens import AccessTokens
from app.services.deeds import record
from app.services.issuers import Issuers
from app.services.outbox import Outbox
from app.services.revoked import Revoked
from app.services.throttle import Throttle
from app.store import sessions as store
from app.store.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long tokens and sessions live, in seconds."""

    access_s: int
    refresh_idle_s: int
    refresh_max_s: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What a signed-in device gets; the refresh token is known to nobody else and stored nowhere."""

    user: User
    session_id: str
    access_token: str = field(repr=False)
    expires_in_s: int
    refresh_token: str = field(repr=False)
    refresh_expires_in_s: int


@dataclass(frozen=True, slots=True)
class Sessions:
    """Starts, prolongs and ends sessions, and tells all nodes of those that end."""

    database: Database
    outbox: Outbox
    revoked: Revoked
    access: AccessTokens
    refresh_tokens: RefreshTokens
    lifetimes: Lifetimes
    refreshes: Throttle
    clock: Clock
    new_id: NewId
    issuers: Issuers | None = None
    """Other issuers whose tokens are taken; None where there are none."""

    async def verify(self, token: str) -> Claims:
        """Verify an access token of ours, or of an issuer that we trust; ours wait for nothing.

        Raises `Unauthenticated`, whose reason is for the log; `Unavailable` where an issuer's keys cannot be had, or
        the store for one of its subjects.
        """
        if self.issuers is not None and self.issuers.issuer_of(token) is not None:
            return await self.issuers.admit(token)
        return self.access.verify(token)

    async def authenticate(self, token: str) -> Claims:
        """Verify an access token and that its session still lives; the claims are those of today's roles.

        Raises `Unauthenticated`, whose reason is for the log; `Unavailable` where the store cannot be asked.
        """
        claims = await self.verify(token)
        return under(claims, (await self.require_living(claims)).roles)

    async def require_living(self, claims: Claims) -> User:
        """Fetch the user of verified claims.

        Raises `Unauthenticated` where their session has ended or the user is suspended.
        """
        self.revoked.require_not(claims)
        user = await self._user_of(claims)
        if user is None:
            raise Unauthenticated("session ended", code="session_revoked")
        return user

    async def standing(self, claims: Claims) -> Claims | None:
        """Give claims that are in use as the store sees them now: with today's roles, or None where they are over."""
        user = await self._user_of(claims)
        return None if user is None else under(claims, user.roles)

    async def _user_of(self, claims: Claims) -> User | None:
        async with self.database.reading() as conn:
            found = await store.get_live(conn, claims.session_id, self.clock())
        return None if found is None or found[1].id != claims.subject else found[1]

    async def living(self, session_ids: Collection[str]) -> frozenset[str]:
        """Tell which of these sessions still live."""
        async with self.database.reading() as conn:
            return await store.living(conn, session_ids, self.clock())

    async def start(self, conn: Connection, user: User, *, ip: str, device_name: str | None) -> Grant:
        """Start a session within the caller's transaction and return its first tokens."""
        now_ms = self.clock()
        session = Session(
            id=self.new_id("ses"),
            user_id=user.id,
            device_name=device_name,
            ip=ip,
            created_at_ms=now_ms,
            last_seen_at_ms=now_ms,
            expires_at_ms=now_ms + self.lifetimes.refresh_max_s * 1000,
        )
        await store.add(conn, session)
        return await self._hand_out(conn, user, session, self.refresh_tokens.first(), now_ms)

    async def refresh(self, token: str, *, ip: str) -> Grant:
        """Exchange a refresh token for a new access token and its one successor.

        A token spent a moment ago gives the same successor again, so two tabs may both ask. One spent before that
        ends the session on every node. Raises `Unauthenticated` for every token that is not good, `Exceeded` where one
        session refreshes too often.
        """
        digest, now_ms = self.refresh_tokens.digest(token), self.clock()
        async with self.database.reading() as conn:
            known = await store.token(conn, digest)
        if known is not None:  # counted outside of the transaction, which must not wait for Redis
            await self.refreshes.take(known.session.id)
        async with self.database.transaction() as conn:
            held = await store.token(conn, digest)
            if held is None:
                raise Unauthenticated("unknown refresh token")
            session, user = held.session, held.user
            verdict = judge(
                now_ms=now_ms,
                expires_at_ms=min(held.expires_at_ms, session.expires_at_ms),
                spent_at_ms=held.spent_at_ms,
                session_lives=session.revoked_at_ms is None and user.suspended_at_ms is None,
            )
            if verdict in ("rotate", "again"):
                await store.touch(conn, session.id, now_ms, ip)
                successor = self.refresh_tokens.successor(token)
                fresh = verdict == "rotate" and await store.spend(conn, digest, now_ms)
                return await self._hand_out(conn, user, session, successor, now_ms, stored=not fresh)
            if verdict == "reuse":
                await store.revoke(conn, session.id, user.id, now_ms, "refresh_token_reused")
                reused = Actor(ip=ip, session_id=session.id).did(audit.REFRESH_TOKEN_REUSED, user.id)
                await record(conn, now_ms, self.new_id, reused)
        if verdict == "reuse":
            self._tell_ended(user.id, "refresh_token_reused", session.id)
        raise Unauthenticated(f"refresh token: {verdict}")

    async def list_for(self, claims: Claims) -> list[Session]:
        """List the living sessions of the caller."""
        async with self.database.reading() as conn:
            return await store.list_for(conn, claims.subject, self.clock())

    async def end(self, claims: Claims, session_id: str, *, ip: str | None = None) -> None:
        """End one session of the caller: its tokens, on every node, and its sockets. Raises `NotFound`."""
        require_id(session_id, "ses")
        async with self.database.transaction() as conn:
            if not await store.revoke(conn, session_id, claims.subject, self.clock(), "signed_out"):
                raise NotFound(session_id)
            deed = actor_of(claims, ip).did(audit.SESSION_ENDED, claims.subject, ended_session_id=session_id)
            await record(conn, self.clock(), self.new_id, deed)
        self._tell_ended(claims.subject, "signed_out", session_id)

    async def end_all(self, claims: Claims, *, ip: str | None = None) -> None:
        """End all sessions of the caller."""
        async with self.database.transaction() as conn:
            ended = await self.revoke_all(conn, claims.subject, "signed_out")
            deed = actor_of(claims, ip).did(audit.SESSIONS_ENDED, claims.subject)
            await record(conn, self.clock(), self.new_id, deed)
        self.outbox.publish(ended)

    async def revoke_all(self, conn: Connection, user_id: str, reason: str, *, except_id: str | None = None) -> Ended:
        """End all sessions of a user within the caller's transaction; what it returns is to be published after it."""
        now_ms = self.clock()
        await store.revoke_all(conn, user_id, now_ms, reason, except_id)
        return Ended(user_id=user_id, reason=reason, at_ms=now_ms, except_id=except_id)

    def _tell_ended(self, user_id: str, reason: str, session_id: str) -> None:
        self.outbox.publish(Ended(user_id=user_id, reason=reason, at_ms=self.clock(), session_id=session_id))

    async def _hand_out(
        self, conn: Connection, user: User, session: Session, token: str, now_ms: int, *, stored: bool = False
    ) -> Grant:
        """Sign an access token; unless it is stored already, store the digest of the refresh token beside it."""
        expires_at_ms = min(now_ms + self.lifetimes.refresh_idle_s * 1000, session.expires_at_ms)
        if not stored:
            await store.add_token(conn, self.refresh_tokens.digest(token), session.id, now_ms, expires_at_ms)
        return Grant(
            user=user,
            session_id=session.id,
            access_token=self.access.sign(self._claims(user, session, now_ms)),
            expires_in_s=self.lifetimes.access_s,
            refresh_token=token,
            refresh_expires_in_s=(expires_at_ms - now_ms) // 1000,
        )

    def _claims(self, user: User, session: Session, now_ms: int) -> Claims:
        return Claims(
            issuer=self.access.issuer,
            subject=user.id,
            session_id=session.id,
            token_id=self.new_id("tok"),
            issued_at_s=now_ms // 1000,
            expires_at_s=now_ms // 1000 + self.lifetimes.access_s,
            name=user.display_name,
            roles=user.roles,
            scope=permissions_of(user.roles),
        )
