"""The full product of roles, kinds of channels, maps and actions."""

import itertools

import msgspec
import pytest

from app.core.channel_policy import ROLES, TABLE, decide, ground
from app.core.model import Channel
from tests.core.values import a_channel, some_claims

EVERYTHING = frozenset(row.permission for row in TABLE.values())
MAPS = [None, {}, {"lob*": ("read",)}, {"LOBBY": ("send",)}, {"other": ("read", "send")}]


def channel(kind: str, *, archived: bool = False) -> Channel:
    return msgspec.structs.replace(a_channel(), name="lobby", kind=kind, archived_at_ms=1 if archived else None)


@pytest.mark.parametrize(("role", "kind", "held"), [*itertools.product([*ROLES, None], ["public", "private"], MAPS)])
def test_every_combination_is_decided_by_role_publicness_or_map(role: str | None, kind: str, held: object) -> None:
    claims = some_claims(scope=EVERYTHING, channels=held)
    granted = {action for pattern, actions in (held or {}).items() if pattern != "other" for action in actions}  # type: ignore[attr-defined]
    stranger = role is None and kind == "public"
    expected = {
        "read": role is not None or stranger or "read" in granted,
        "send": role in ("member", "moderator", "owner") or "send" in granted,
        "join": stranger,
        "leave": role is not None,
    }

    assert {action: decide(action, claims, channel(kind), role).allowed for action in TABLE} == expected


@pytest.mark.parametrize("action", TABLE)
def test_without_the_permission_no_role_helps(action: str) -> None:
    claims = some_claims(scope=EVERYTHING - {TABLE[action].permission}, channels={"*": ("read", "send")})

    decision = decide(action, claims, channel("public"), "owner")

    assert decision == (False, f"the token's scope lacks {TABLE[action].permission}")


def test_archived_channel_can_only_be_read() -> None:
    claims = some_claims(scope=EVERYTHING)
    allowed = {action for action in TABLE if decide(action, claims, channel("public", archived=True), "owner").allowed}

    assert allowed == {"read"}


def test_reasons_say_what_decided() -> None:
    assert ground("read", channel("private"), "guest", None) == "role guest in the channel"
    assert ground("read", channel("public"), None, None) == "the channel is public"
    assert ground("send", channel("private"), None, {"*": ("send",)}) == "the token's channels map"
    assert ground("send", channel("public"), None, None) is None
