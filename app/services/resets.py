"""Codes that let somebody choose a new password, given out by an administrator or an operator."""

from dataclasses import dataclass

from app.core import audit
from app.core.audit import Actor
from app.core.commands import ResetPassword
from app.core.errors import AppError, NotFound, Unauthenticated
from app.core.ids import require_id
from app.core.model import User
from app.core.text import name_key
from app.secure.codes import code_digest, new_code
from app.services.credentials import Credentials
from app.services.deeds import record
from app.services.sessions import Grant, Sessions
from app.store import resets as store
from app.store import users
from app.store.database import Database

TTL_S = 3600


@dataclass(frozen=True, slots=True)
class Resets:
    """A code is shown once, stored as a hash, good for one hour and for one use."""

    database: Database
    sessions: Sessions
    credentials: Credentials

    async def issue(self, by: Actor, user_id: str) -> tuple[str, int]:
        """Make a code for an account; one that it had before is void. Returns it and when it ends, in milliseconds.

        Raises `NotFound`, `AppError("conflict")` for an account that has no password because it signs in elsewhere.
        """
        require_id(user_id, "usr")
        code, now_ms = new_code(), self.sessions.clock()
        expires_at_ms = now_ms + TTL_S * 1000
        async with self.database.transaction() as conn:
            user = await users.lock(conn, user_id)
            found = None if user is None else await users.credentials(conn, name_key(user.username))
            if found is None:
                raise NotFound(user_id)
            if found[1] is None:
                raise AppError("conflict", "This account has no password; it signs in elsewhere.")
            await store.put(conn, user_id, code_digest(code), now_ms, expires_at_ms)
            await record(conn, now_ms, self.sessions.new_id, by.did(audit.PASSWORD_RESET_ISSUED, user_id))
        return code, expires_at_ms

    async def issue_to(self, by: Actor, username: str) -> tuple[User, str]:
        """Make a code for the account of a name, as in `issue`."""
        async with self.database.reading() as conn:
            found = await users.credentials(conn, name_key(username))
        if found is None:
            raise NotFound(username)
        return found[0], (await self.issue(by, found[0].id))[0]

    async def finish(self, command: ResetPassword, *, ip: str) -> Grant:
        """Replace the password of the one whose code this is, end every session, and sign in.

        A password that is refused leaves the code good. Raises `Unauthenticated` for a code that is unknown, used,
        expired or of a suspended account alike, `Invalid`, `Unavailable`.
        """
        digest = code_digest(command.code)
        async with self.database.reading() as conn:
            user = await store.find(conn, digest, self.sessions.clock())
        if user is None:
            raise Unauthenticated("reset code")
        hashed = await self.credentials.hash_new(command.new_password, user, "new_password")
        async with self.database.transaction() as conn:
            now_ms = self.sessions.clock()
            user = await store.find(conn, digest, now_ms)
            if user is None or await store.take(conn, digest, now_ms) != user.id:
                raise Unauthenticated("reset code was used meanwhile")
            grant, ended = await self.credentials.replace(conn, user, hashed, "password_reset", ip=ip)
            by = Actor(id=user.id, ip=ip, session_id=grant.session_id)
            await record(conn, now_ms, self.sessions.new_id, by.did(audit.PASSWORD_RESET, user.id))
        self.sessions.outbox.publish(ended)
        return grant
