"""Accounts: registering, signing in, one's own profile, and what an administrator does to others."""

from dataclasses import dataclass
from typing import Literal

from app.core import audit
from app.core.audit import OPERATOR, Actor, Deed
from app.core.claims import Claims
from app.core.commands import ChangePassword, Login, Register
from app.core.errors import AppError, FieldError, Invalid, NotFound, Unauthenticated
from app.core.ids import NewId
from app.core.model import User
from app.core.policy import ROLES
from app.core.text import check_display_name, check_username, name_key
from app.core.times import Clock
from app.secure.codes import Blind
from app.secure.passwords import Passwords
from app.services.attempts import Attempts
from app.services.audit import Audit
from app.services.credentials import Credentials
from app.services.deeds import record
from app.services.invites import Invites
from app.services.outbox import Outbox
from app.services.sessions import Grant, Sessions
from app.services.standing import change
from app.store import addresses
from app.store import users as store
from app.store.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of the service. Names are compared case-folded; a password is never kept or logged."""

    database: Database
    outbox: Outbox
    sessions: Sessions
    passwords: Passwords
    attempts: Attempts
    credentials: Credentials
    invites: Invites
    audit: Audit
    blind: Blind
    registration: Literal["open", "invite", "closed"]
    clock: Clock
    new_id: NewId

    async def register(self, command: Register, *, ip: str) -> Grant:
        """Make an account and sign in to it. An invitation counts as used where the account is made, and only then.

        Raises `AppError("registration_closed")`, `AppError("invite_expired")` for an invitation that lets nobody in,
        `AppError("already_exists")` for a name that is taken, `Invalid`.
        """
        if self.registration == "closed" or (self.registration == "invite" and command.invite is None):
            raise AppError("registration_closed")
        if command.invite is not None:
            await self.invites.require_open(command.invite)
        user = self._new_user(command.username, command.display_name, ("member",))
        hashed = await self.credentials.hash_new(command.password, user)
        async with self.database.transaction() as conn:
            await store.add(conn, user, name_key(user.username), hashed)
            grant = await self.sessions.start(conn, user, ip=ip, device_name=None)
            by = Actor(id=user.id, ip=ip, session_id=grant.session_id)
            said = {"invite_id": await self.invites.use(conn, command.invite, by)} if command.invite else {}
            await self._record(conn, by.did(audit.USER_REGISTERED, user.id, **said))
        return grant

    async def create(self, username: str, password: str, roles: tuple[str, ...]) -> User:
        """Make an account from the command line, whatever `REGISTRATION` says."""
        user = self._new_user(username, None, self._check_roles(roles))
        hashed = await self.credentials.hash_new(password, user)
        async with self.database.transaction() as conn:
            await store.add(conn, user, name_key(username), hashed)
            await self._record(conn, OPERATOR.did(audit.USER_CREATED, user.id, roles=list(roles)))
        return user

    async def login(self, command: Login, *, ip: str) -> Grant:
        """Sign in. An unknown name, a wrong password and a suspended account are one answer that takes one time.

        Raises `Unauthenticated`, `RateLimited`, and `Unavailable` where too many sign in at once.
        """
        key = name_key(command.username)
        async with self.database.reading() as conn:
            found, known = await store.credentials(conn, key), await addresses.known_for(conn, key)
        place = await self.attempts.begin(key, ip, known)
        user, stored = found or (None, None)
        matches = await self.passwords.matches(command.password, stored)
        if user is None or not matches or user.suspended_at_ms is not None:
            await self.attempts.failed(place)
            reason = "suspended" if matches else "unknown_name" if user is None else "wrong_password"
            await self._note_refusal(reason, user, key, ip)
            raise Unauthenticated(reason)
        await self.attempts.succeeded(place)
        async with self.database.transaction() as conn:
            if await store.credentials(conn, key) != found:
                raise Unauthenticated("changed while the password was checked")
            grant = await self.sessions.start(conn, user, ip=ip, device_name=command.device_name)
            by = Actor(id=user.id, ip=ip, session_id=grant.session_id)
            await self._record(conn, by.did(audit.SESSION_STARTED, user.id))
        return grant

    async def change_password(self, claims: Claims, command: ChangePassword, *, ip: str) -> Grant:
        """Replace the caller's password and end every session; the caller goes on in a new one.

        All of it happens or nothing. Raises `Unauthenticated` for a wrong current password, which counts as a sign-in
        does, `Invalid`, `RateLimited`, `Unavailable`.
        """
        user = await self.get(claims.subject)
        key = name_key(user.username)
        async with self.database.reading() as conn:
            found, known = await store.credentials(conn, key), await addresses.known_for(conn, key)
        place = await self.attempts.begin(key, ip, known)
        if not await self.passwords.matches(command.current_password, found[1] if found else None):
            await self.attempts.failed(place)
            await self._note_refusal("wrong_password", user, key, ip)
            raise Unauthenticated("wrong current password")
        await self.attempts.succeeded(place)
        hashed = await self.credentials.hash_new(command.new_password, user, "new_password")
        async with self.database.transaction() as conn:
            if await store.credentials(conn, key) != found:
                raise Unauthenticated("changed while the password was checked")
            grant, ended = await self.credentials.replace(conn, user, hashed, "password_changed", ip=ip)
            by = Actor(id=user.id, ip=ip, session_id=claims.session_id)
            await self._record(conn, by.did(audit.PASSWORD_CHANGED, user.id))
        self.outbox.publish(ended)
        return grant

    async def get(self, user_id: str) -> User:
        """Fetch an account by its id. Raises `NotFound`."""
        async with self.database.reading() as conn:
            user = await store.get(conn, user_id)
        if user is None:
            raise NotFound(user_id)
        return user

    async def rename(self, claims: Claims, display_name: str) -> User:
        """Change the caller's display name."""
        async with self.database.transaction() as conn:
            await store.set_display_name(conn, claims.subject, check_display_name(display_name))
        return await self.get(claims.subject)

    async def set_roles(self, username: str, roles: tuple[str, ...]) -> User:
        """Replace the roles of an account, on live sockets too. Raises `NotFound`."""
        return await self._change(username, roles=self._check_roles(roles))

    async def suspend(self, username: str, *, suspended: bool = True) -> User:
        """Suspend an account and end its sessions, or lift the suspension. Raises `NotFound`."""
        return await self._change(username, suspended=suspended)

    async def _change(
        self, username: str, *, roles: tuple[str, ...] | None = None, suspended: bool | None = None
    ) -> User:
        async with self.database.transaction() as conn:
            found = await store.credentials(conn, name_key(username))
            user = None if found is None else await store.lock(conn, found[0].id)
            if user is None:
                raise NotFound(username)
            news = await change(conn, self.sessions, user, OPERATOR, roles=roles, suspended=suspended)
        self.outbox.publish(*news)
        return await self.get(user.id)

    async def _record(self, conn: Connection, deed: Deed) -> None:
        await record(conn, self.clock(), self.new_id, deed)

    async def _note_refusal(self, reason: str, user: User | None, key: str, ip: str) -> None:
        """Write down that a sign-in was refused; what was typed for a name that nobody has may be anything."""
        said = {"reason": reason} if user else {"reason": reason, "name_hash": self.blind(key)}
        await self.audit.note(Actor(ip=ip).did(audit.SESSION_REFUSED, user.id if user else None, **said))

    def _new_user(self, username: str, display_name: str | None, roles: tuple[str, ...]) -> User:
        return User(
            id=self.new_id("usr"),
            username=check_username(username),
            display_name=check_display_name(display_name if display_name is not None else username),
            roles=roles,
            created_at_ms=self.clock(),
        )

    def _check_roles(self, roles: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(roles) - set(ROLES):
            raise Invalid(FieldError(f"roles.{unknown.pop()}", "invalid"))
        return roles
