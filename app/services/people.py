"""People as others see them, and what administrators do to their accounts."""

from dataclasses import dataclass

from app.core.audit import actor_of
from app.core.claims import Claims
from app.core.commands import PatchUser
from app.core.errors import AppError, Forbidden, NotFound
from app.core.ids import require_id
from app.core.model import User
from app.core.policy import ROLES
from app.services.channels import Page
from app.services.outbox import Outbox
from app.services.sessions import Sessions
from app.services.standing import change
from app.store import users as store
from app.store.database import Database


@dataclass(frozen=True, slots=True)
class People:
    """Everybody, for administrators; for all others whoever shares a channel with them, and nobody else."""

    database: Database
    outbox: Outbox
    sessions: Sessions

    async def list_for(self, claims: Claims, query: str | None, limit: int, after: str | None) -> Page[User]:
        """List those whom the caller may see, by name; `query` is a part of a name, None for all."""
        async with self.database.reading() as conn:
            if may_see_all(claims):
                found = await store.search_all(conn, query, limit + 1, after)
            else:
                found = await store.sharing_channel_with(conn, claims.subject, query, limit + 1, after)
        return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)

    async def get(self, claims: Claims, user_id: str) -> User:
        """Fetch one whom the caller may see. Raises `NotFound` for everybody else, as for nobody."""
        require_id(user_id, "usr")
        async with self.database.reading() as conn:
            if not may_see_all(claims) and not await store.shares_channel(conn, claims.subject, user_id):
                raise NotFound(user_id)
            user = await store.get(conn, user_id)
        if user is None:
            raise NotFound(user_id)
        return user

    async def patch(self, claims: Claims, user_id: str, command: PatchUser, *, ip: str) -> User:
        """Change roles, suspend or reinstate, on live sockets too. All of it happens or nothing.

        Raises `NotFound`, `Forbidden` for an administrator who would lock themselves out, and `AppError("conflict")`
        where nobody who is not suspended would be an administrator any more.
        """
        require_id(user_id, "usr")
        roles = None if command.roles is None else tuple(role for role in ROLES if role in command.roles)
        leaves = command.suspended is True or (roles is not None and "admin" not in roles)
        if leaves and user_id == claims.subject:
            raise Forbidden("lock oneself out")
        async with self.database.transaction() as conn:
            administrators = await store.lock_administrators(conn)
            before = await store.lock(conn, user_id)
            if before is None:
                raise NotFound(user_id)
            if leaves and administrators == {user_id}:
                raise AppError("conflict", "This is the last administrator.")
            by = actor_of(claims, ip)
            news = await change(conn, self.sessions, before, by, roles=roles, suspended=command.suspended)
            after = await store.get(conn, user_id)
        self.outbox.publish(*news)
        return after or before


def may_see_all(claims: Claims) -> bool:
    """Tell whether the caller sees people with whom they share no channel."""
    return "users:read" in claims.scope
