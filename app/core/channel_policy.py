"""Who may do what in a channel: a table of roles and actions, and the reasons of a decision. Pure.

Three things have to meet: the token's `scope` holds the action's permission, and either the role in the channel, the
channel's being public, or the token's `channels` map grants the action.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.core.capabilities import granted
from app.core.claims import Claims
from app.core.model import Channel

ROLES = ("guest", "member", "moderator", "owner")


class Action(NamedTuple):
    """One row of the table: its permission, the roles that may, and whether strangers may in a public channel."""

    permission: str
    roles: frozenset[str]
    public: bool = False


TABLE: dict[str, Action] = {
    "read": Action("messages:read", frozenset(ROLES), public=True),
    "send": Action("messages:send", frozenset({"member", "moderator", "owner"})),
    "join": Action("channels:write", frozenset(), public=True),
    "leave": Action("channels:write", frozenset(ROLES)),
}


class Decision(NamedTuple):
    """Whether an action is allowed, and because of what."""

    allowed: bool
    because: str


def ground(action: str, channel: Channel, role: str | None, channels: Mapping[str, Sequence[str]] | None) -> str | None:
    """Say what lets somebody of this role (None: no member) act in a channel; None where nothing does."""
    row = TABLE[action]
    if role in row.roles:
        return f"role {role} in the channel"
    if granted(channels, channel.name, action):
        return "the token's channels map"
    if row.public and role is None and channel.kind == "public":
        return "the channel is public"
    return None


def decide(action: str, claims: Claims, channel: Channel, role: str | None) -> Decision:
    """Decide whether claims allow an action in a channel of which their subject has this role."""
    permission = TABLE[action].permission
    if permission not in claims.scope:
        return Decision(False, f"the token's scope lacks {permission}")
    reason = ground(action, channel, role, claims.channels)
    if reason is None:
        return Decision(False, "no member" if role is None else f"role {role} in the channel may not")
    if channel.archived_at_ms is not None and action != "read":
        return Decision(False, "the channel is archived")
    return Decision(True, reason)
