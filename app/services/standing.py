"""What somebody may do, changed: roles and suspension, the sessions that end with it, the record, the news of it."""

from app.core import audit
from app.core.audit import Actor, Deed
from app.core.entries import Ended, Entry, RolesChanged
from app.core.model import User
from app.services.deeds import record
from app.services.sessions import Sessions
from app.store import users
from app.store.database import Connection


async def change(
    conn: Connection,
    sessions: Sessions,
    before: User,
    by: Actor,
    *,
    roles: tuple[str, ...] | None = None,
    suspended: bool | None = None,
) -> list[Entry]:
    """Give a user other roles, or suspend or reinstate the account, within the caller's transaction.

    None leaves a thing as it is, and so does what is so already. Returns what is to be published after the commit.
    """
    now_ms, deeds, news = sessions.clock(), list[Deed](), list[Entry]()
    if roles is not None and roles != before.roles:
        await users.set_roles(conn, before.id, roles)
        said = {"before": list(before.roles), "after": list(roles)}
        deeds.append(by.did(audit.USER_ROLES_CHANGED, before.id, **said))
        news.append(RolesChanged(user_id=before.id))
    if suspended is True and before.suspended_at_ms is None:
        await users.set_suspended(conn, before.id, now_ms)
        ended: Ended = await sessions.revoke_all(conn, before.id, "suspended")
        deeds.append(by.did(audit.USER_SUSPENDED, before.id))
        news.append(ended)
    if suspended is False and before.suspended_at_ms is not None:
        await users.set_suspended(conn, before.id, None)
        deeds.append(by.did(audit.USER_REINSTATED, before.id))
    await record(conn, now_ms, sessions.new_id, *deeds)
    return news
