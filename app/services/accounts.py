"""Accounts: registering, signing in, one's own profile, and what an administrator does to others."""

from dataclasses import dataclass
from typing import Literal

from app.core.claims import Claims
from app.core.commands import ChangePassword, Login, Register
from app.core.entries import RolesChanged
from app.core.errors import AppError, FieldError, Invalid, NotFound, Unauthenticated
from app.core.ids import NewId
from app.core.model import User
from app.core.policy import ROLES
from app.core.text import check_display_name, check_username, name_key
from app.core.times import Clock
from app.secure.passwords import Passwords
from app.services.attempts import Attempts
from app.services.outbox import Outbox
from app.services.sessions import Grant, Sessions
from app.store import addresses
from app.store import users as store
from app.store.database import Database


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of the service. Names are compared case-folded; a password is never kept or logged."""

    database: Database
    outbox: Outbox
    sessions: Sessions
    passwords: Passwords
    attempts: Attempts
    registration: Literal["open", "invite", "closed"]
    password_min: int
    clock: Clock
    new_id: NewId

    async def register(self, command: Register, *, ip: str) -> Grant:
        """Make an account and sign in to it.

        Raises `AppError("registration_closed")`, `AppError("already_exists")` for a name that is taken, `Invalid`.
        """
        if self.registration == "invite" and command.invite:
            raise AppError("invite_expired")
        if self.registration != "open":
            raise AppError("registration_closed")
        user = self._new_user(command.username, command.display_name, ("member",))
        hashed = await self.passwords.hash(self._check_password(command.password, user.username))
        async with self.database.transaction() as conn:
            await store.add(conn, user, name_key(user.username), hashed)
            return await self.sessions.start(conn, user, ip=ip, device_name=None)

    async def create(self, username: str, password: str, roles: tuple[str, ...]) -> User:
        """Make an account from the command line, whatever `REGISTRATION` says."""
        user = self._new_user(username, None, self._check_roles(roles))
        hashed = await self.passwords.hash(self._check_password(password, username))
        async with self.database.transaction() as conn:
            await store.add(conn, user, name_key(username), hashed)
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
            raise Unauthenticated("suspended" if matches else "unknown name" if user is None else "wrong password")
        await self.attempts.succeeded(place)
        async with self.database.transaction() as conn:
            if await store.credentials(conn, key) != found:
                raise Unauthenticated("changed while the password was checked")
            return await self.sessions.start(conn, user, ip=ip, device_name=command.device_name)

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
            raise Unauthenticated("wrong current password")
        await self.attempts.succeeded(place)
        hashed = await self.passwords.hash(self._check_password(command.new_password, user.username, "new_password"))
        async with self.database.transaction() as conn:
            await store.set_password(conn, user.id, hashed)
            grant = await self.sessions.start(conn, user, ip=ip, device_name=None)
            ended = await self.sessions.revoke_all(conn, user.id, "password_changed", except_id=grant.session_id)
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
        user = await self._named(username)
        async with self.database.transaction() as conn:
            await store.set_roles(conn, user.id, self._check_roles(roles))
        self.outbox.publish(RolesChanged(user_id=user.id))
        return await self.get(user.id)

    async def suspend(self, username: str, *, suspended: bool = True) -> User:
        """Suspend an account and end its sessions, or lift the suspension. Raises `NotFound`."""
        user = await self._named(username)
        async with self.database.transaction() as conn:
            await store.set_suspended(conn, user.id, self.clock() if suspended else None)
            ended = await self.sessions.revoke_all(conn, user.id, "suspended") if suspended else None
        if ended is not None:
            self.outbox.publish(ended)
        return await self.get(user.id)

    async def _named(self, username: str) -> User:
        async with self.database.reading() as conn:
            found = await store.credentials(conn, name_key(username))
        if found is None:
            raise NotFound(username)
        return found[0]

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

    def _check_password(self, password: str, username: str, path: str = "password") -> str:
        if len(password) < self.password_min:
            raise Invalid(FieldError(path, "too_short", min=self.password_min), code="password_too_weak")
        if name_key(username) in name_key(password) and len(password) < 2 * len(username):
            raise Invalid(FieldError(path, "contains_username"), code="password_too_weak")
        return password
