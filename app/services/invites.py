"""Invitations: made and taken back by those who may invite, used up by registering."""

from dataclasses import dataclass
from typing import Literal

from app.core import audit
from app.core.audit import Actor, actor_of
from app.core.claims import Claims
from app.core.commands import CreateInvite
from app.core.errors import AppError, NotFound
from app.core.ids import NewId, require_id
from app.core.invite import DEFAULT_TTL_S, Invite
from app.core.times import Clock, rfc3339
from app.secure.codes import code_digest, new_code
from app.services.channels import Page
from app.services.deeds import record
from app.store import invites as store
from app.store import users
from app.store.database import Connection, Database

MAX_OPEN = 100
"""How many invitations of one person may be open at a time; administrators have no such bound."""


@dataclass(frozen=True, slots=True)
class Invites:
    """Who may let whom in. A code is shown once and stored as a hash."""

    database: Database
    registration: Literal["open", "invite", "closed"]
    clock: Clock
    new_id: NewId

    async def create(self, claims: Claims, command: CreateInvite, *, ip: str) -> tuple[Invite, str]:
        """Make an invitation and the code that uses it, which nobody can read again.

        Raises `AppError("registration_closed")` where nobody can register, `AppError("conflict")` where too many of
        the caller's are open.
        """
        if self.registration == "closed":
            raise AppError("registration_closed")
        now_ms, code = self.clock(), new_code()
        ttl_s = DEFAULT_TTL_S if command.expires_in_s is None else command.expires_in_s
        invite = Invite(
            id=self.new_id("inv"),
            created_by=claims.subject,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + ttl_s * 1000,
            max_uses=command.max_uses,
        )
        said = {"invite_id": invite.id, "max_uses": invite.max_uses, "expires_at": rfc3339(invite.expires_at_ms)}
        async with self.database.transaction() as conn:
            await users.lock(conn, claims.subject)
            if not sees_everyone(claims) and await store.count_open(conn, claims.subject, now_ms) >= MAX_OPEN:
                raise AppError("conflict", "Too many of your invitations are open; revoke some first.")
            await store.add(conn, invite, code_digest(code))
            await record(conn, now_ms, self.new_id, actor_of(claims, ip).did(audit.INVITE_CREATED, **said))
        return invite, code

    async def list_for(self, claims: Claims, limit: int, after: str | None) -> Page[Invite]:
        """List the caller's invitations, for administrators everybody's, the newest first."""
        async with self.database.reading() as conn:
            found = await store.list_for(conn, _whose(claims), limit + 1, after)
        return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)

    async def revoke(self, claims: Claims, invite_id: str, *, ip: str) -> None:
        """Take an invitation back. Raises `NotFound`, also for those of others and those taken back already."""
        require_id(invite_id, "inv")
        now_ms = self.clock()
        async with self.database.transaction() as conn:
            if not await store.revoke(conn, invite_id, _whose(claims), now_ms):
                raise NotFound(invite_id)
            revoked = actor_of(claims, ip).did(audit.INVITE_REVOKED, invite_id=invite_id)
            await record(conn, now_ms, self.new_id, revoked)

    async def require_open(self, code: str) -> None:
        """Raise `AppError("invite_expired")` where a code is certainly good for nothing, before any work is done."""
        async with self.database.reading() as conn:
            if not await store.is_open(conn, code_digest(code), self.clock()):
                raise AppError("invite_expired")

    async def use(self, conn: Connection, code: str, by: Actor) -> str:
        """Count one use within the transaction that registers `by`, and return the invitation's id.

        Raises `AppError("invite_expired")` for a code that is used up, expired, revoked or unknown alike.
        """
        now_ms = self.clock()
        invite = await store.use(conn, code_digest(code), now_ms)
        if invite is None:
            raise AppError("invite_expired")
        said = {"invite_id": invite.id, "uses": invite.uses, "max_uses": invite.max_uses}
        await record(conn, now_ms, self.new_id, by.did(audit.INVITE_USED, invite.created_by, **said))
        return invite.id


def sees_everyone(claims: Claims) -> bool:
    """Tell whether the caller looks after everybody's accounts."""
    return "users:write" in claims.scope


def _whose(claims: Claims) -> str | None:
    return None if sees_everyone(claims) else claims.subject
