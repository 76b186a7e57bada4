"""What the audit log holds: who did what to whom, from where; the names of deeds and the one written form.

A record says that something happened and never what was secret about it: no password, code, token or message.
"""

from typing import Any, Final

import msgspec

from app.core.claims import Claims
from app.core.times import rfc3339

USER_REGISTERED: Final = "user.registered"
USER_CREATED: Final = "user.created"
USER_ROLES_CHANGED: Final = "user.roles_changed"
USER_SUSPENDED: Final = "user.suspended"
USER_REINSTATED: Final = "user.reinstated"
SESSION_STARTED: Final = "session.started"
SESSION_REFUSED: Final = "session.refused"
SESSION_ENDED: Final = "session.ended"
SESSIONS_ENDED: Final = "sessions.ended"
REFRESH_TOKEN_REUSED: Final = "refresh_token.reused"  # noqa: S105  the name of a deed
PASSWORD_CHANGED: Final = "password.changed"  # noqa: S105  the name of a deed
PASSWORD_RESET_ISSUED: Final = "password_reset.issued"  # noqa: S105  the name of a deed
PASSWORD_RESET: Final = "password.reset"  # noqa: S105  the name of a deed
INVITE_CREATED: Final = "invite.created"
INVITE_USED: Final = "invite.used"
INVITE_REVOKED: Final = "invite.revoked"
MEMBER_JOINED: Final = "member.joined"
MEMBER_LEFT: Final = "member.left"

ACTIONS: dict[str, str] = {
    USER_REGISTERED: "somebody made an account; `invite_id` where an invitation let them in",
    USER_CREATED: "an operator made an account from the command line",
    USER_ROLES_CHANGED: "the roles of an account changed, `before` and `after`",
    USER_SUSPENDED: "an account was suspended and its sessions ended",
    USER_REINSTATED: "a suspension was lifted",
    SESSION_STARTED: "somebody signed in",
    SESSION_REFUSED: (
        "a sign-in was refused: `reason` is `unknown_name`, `wrong_password` or `suspended`; `name_hash` stands for "
        "a name that no account has"
    ),
    SESSION_ENDED: "a session was signed out, `ended_session_id`",
    SESSIONS_ENDED: "all sessions of an account were signed out",
    REFRESH_TOKEN_REUSED: "a spent refresh token came back, so its session ended",
    PASSWORD_CHANGED: "somebody replaced their password; all other sessions ended",
    PASSWORD_RESET_ISSUED: "a code was made that lets somebody choose a new password",
    PASSWORD_RESET: "a password was replaced by such a code; all sessions ended",
    INVITE_CREATED: "an invitation was made, `invite_id`, `max_uses`, `expires_at`",
    INVITE_USED: "somebody registered by an invitation, `invite_id`",
    INVITE_REVOKED: "an invitation was revoked, `invite_id`",
    MEMBER_JOINED: "somebody became a member of a channel, `channel_id`",
    MEMBER_LEFT: "somebody ceased to be a member of a channel, `channel_id`, `reason`",
}
"""Every deed that is recorded, and what its record says. `noun.verb`, in the past tense."""


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done.

    `actor_id` is who did it, None for an operator at the command line and for a stranger; `subject_id` is the user
    whom it concerns, None where that is nobody. `ip` and `session_id` are None where there is none.
    """

    action: str
    actor_id: str | None = None
    subject_id: str | None = None
    ip: str | None = None
    session_id: str | None = None
    details: dict[str, Any] = msgspec.field(default_factory=dict)


class Record(Deed, frozen=True, kw_only=True):
    """A deed as it stands in the log."""

    id: str
    at_ms: int


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which records are asked for; None asks for any. `after_ms` and `before_ms` are not included themselves."""

    action: str | None = None
    actor_id: str | None = None
    subject_id: str | None = None
    after_ms: int | None = None
    before_ms: int | None = None


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something, and from where; everything None is an operator at the command line, or a stranger."""

    id: str | None = None
    ip: str | None = None
    session_id: str | None = None

    def did(self, action: str, subject_id: str | None = None, /, **details: Any) -> Deed:
        """Say what this one did; `subject_id` is the user whom it concerns, None for nobody in particular."""
        return Deed(
            action=action,
            actor_id=self.id,
            subject_id=subject_id,
            ip=self.ip,
            session_id=self.session_id,
            details=details,
        )


OPERATOR: Final = Actor()


def actor_of(claims: Claims, ip: str | None) -> Actor:
    """Give the holder of a token, calling from `ip`."""
    return Actor(id=claims.subject, ip=ip, session_id=claims.session_id)


def record_json(record: Record) -> dict[str, Any]:
    """Write a record for administrators."""
    return {
        "id": record.id,
        "at": rfc3339(record.at_ms),
        "action": record.action,
        "actor_id": record.actor_id,
        "subject_id": record.subject_id,
        "ip": record.ip,
        "session_id": record.session_id,
        "details": record.details,
    }
