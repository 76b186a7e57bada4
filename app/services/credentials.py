"""New passwords: judged, hashed, and put in the place of old ones. Who may do that is decided by the callers."""

from dataclasses import dataclass

from app.core.entries import Ended
from app.core.errors import FieldError, Invalid
from app.core.model import User
from app.secure.passwords import Passwords
from app.secure.strength import Strength
from app.services.sessions import Grant, Sessions
from app.store import resets, users
from app.store.database import Connection


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one way in which a password becomes a hash."""

    passwords: Passwords
    strength: Strength
    sessions: Sessions

    async def hash_new(self, password: str, user: User, path: str = "password") -> str:
        """Hash a password that somebody has chosen; `path` is the field that it came in.

        Raises `Invalid` with the code `password_too_weak`, whose fields say why: `too_short`, `too_long`,
        `too_common`, `contains_name`, `too_guessable`; and `Unavailable` where too many wait.
        """
        names = (user.username, user.display_name)
        if faults := self.strength.faults(password, names, path):
            raise Invalid(*faults, code="password_too_weak")
        return await self.passwords.hash(password, lambda: self._require_unguessable(password, names, path))

    async def replace(self, conn: Connection, user: User, hashed: str, reason: str, *, ip: str) -> tuple[Grant, Ended]:
        """Put a new hash in place within the caller's transaction, and start the one session that goes on.

        All others end, and a reset code that is still out is void. Returns the new session and what is to be published
        after the commit.
        """
        await users.set_password(conn, user.id, hashed)
        await resets.drop(conn, user.id)
        grant = await self.sessions.start(conn, user, ip=ip, device_name=None)
        return grant, await self.sessions.revoke_all(conn, user.id, reason, except_id=grant.session_id)

    def _require_unguessable(self, password: str, names: tuple[str, ...], path: str) -> None:
        if self.strength.is_guessable(password, names):
            raise Invalid(FieldError(path, "too_guessable"), code="password_too_weak")
