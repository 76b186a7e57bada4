"""The whole table of who may do what."""

from itertools import product

import pytest

from app.core.errors import Forbidden
from app.core.policy import PERMISSIONS, ROLES, permissions_of, require
from tests.core.values import some_claims

ALL = (
    "audit:read",
    "channels:read",
    "channels:write",
    "invites:write",
    "messages:read",
    "messages:send",
    "profile:write",
    "users:read",
    "users:write",
)
TABLE = {
    "guest": (False, True, False, False, True, False, False, False, False),
    "member": (False, True, True, True, True, True, True, False, False),
    "admin": (True, True, True, True, True, True, True, True, True),
}


def test_the_table_covers_every_role_and_permission() -> None:
    assert set(ROLES) == set(TABLE)
    assert frozenset().union(*PERMISSIONS.values()) == set(ALL)


@pytest.mark.parametrize(("role", "permission"), list(product(TABLE, ALL)))
def test_every_role_holds_exactly_its_permissions(role: str, permission: str) -> None:
    holds = TABLE[role][ALL.index(permission)]
    assert (permission in permissions_of([role])) == holds
    claims = some_claims(roles=(role,), scope=permissions_of([role]))
    if holds:
        require(claims, permission)
    else:
        with pytest.raises(Forbidden) as caught:
            require(claims, permission)
        assert (caught.value.code, caught.value.reason) == ("forbidden", f"may not {permission}")


def test_roles_add_up_and_unknown_ones_add_nothing() -> None:
    assert permissions_of(["guest", "admin"]) == permissions_of(["admin"])
    assert permissions_of(["guest", "root", ""]) == permissions_of(["guest"])
    assert permissions_of([]) == permissions_of(["Admin"]) == frozenset()


def test_the_scope_decides_and_not_the_name_of_the_role() -> None:
    with pytest.raises(Forbidden):
        require(some_claims(roles=("admin",)), "messages:send")
