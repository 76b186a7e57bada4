"""Who may do what: a table of roles and permissions, and the decisions over it. Pure; the shells act on them.

A permission is a word in a token's `scope`. A token is granted what its user's roles hold at the moment of signing,
and every event asks the token again.
"""

from collections.abc import Iterable

from app.core.claims import Claims
from app.core.errors import Forbidden

PERMISSIONS: dict[str, frozenset[str]] = {
    "guest": frozenset({"channels:read", "messages:read"}),
    "member": frozenset(
        {"channels:read", "channels:write", "invites:write", "messages:read", "messages:send", "profile:write"}
    ),
    "admin": frozenset(
        {
            "audit:read",
            "channels:read",
            "channels:write",
            "invites:write",
            "messages:read",
            "messages:send",
            "profile:write",
            "users:read",
            "users:write",
        }
    ),
}
"""What each role of a user holds."""

ROLES = tuple(PERMISSIONS)


def permissions_of(roles: Iterable[str]) -> frozenset[str]:
    """Gather what the roles hold; a role that is not in the table holds nothing."""
    return frozenset().union(*(PERMISSIONS.get(role, frozenset()) for role in roles))


def require(claims: Claims, permission: str) -> None:
    """Raise `Forbidden` where the claims do not hold the permission."""
    if permission not in claims.scope:
        raise Forbidden(permission)


def under(claims: Claims, roles: tuple[str, ...]) -> Claims:
    """Give claims as they hold under the roles that the user has by now.

    What lost roles held is taken away. What new ones hold is added only to a token that had all that its roles gave:
    one that was signed for less stays so.
    """
    if roles == claims.roles:
        return claims
    then, now = permissions_of(claims.roles), permissions_of(roles)
    gained = now - then if then and then <= claims.scope else frozenset()
    return claims.with_roles(roles, (claims.scope - (then - now)) | gained)
