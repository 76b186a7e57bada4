import pytest

from app.core.model import Member
from app.store import channels, members
from app.store.database import Connection
from tests.store.values import NOW, a_user, add_channel, add_users


@pytest.fixture
async def conn(conn: Connection) -> Connection:
    """Have three people and a channel with one of them."""
    await add_users(conn, "ada", "bob", "cyd")
    await add_channel(conn, "general", "ada", last_seq=9)
    return conn


async def test_member_is_added_once(conn: Connection) -> None:
    assert await members.add(conn, "chn_general", "usr_bob", "guest", NOW, 4)
    assert not await members.add(conn, "chn_general", "usr_bob", "owner", NOW + 1, 5)

    assert await members.get(conn, "chn_general", "usr_bob") == Member(
        user=a_user("bob"), role="guest", joined_at_ms=NOW
    )
    seen = await channels.get_for(conn, "usr_bob", "chn_general")
    assert seen is not None
    assert seen.last_read_seq == 4


async def test_member_is_removed_once(conn: Connection) -> None:
    assert await members.remove(conn, "chn_general", "usr_ada")
    assert not await members.remove(conn, "chn_general", "usr_ada")
    assert await members.get(conn, "chn_general", "usr_ada") is None


async def test_role_is_set_for_members_only(conn: Connection) -> None:
    assert await members.set_role(conn, "chn_general", "usr_ada", "owner")
    assert not await members.set_role(conn, "chn_general", "usr_bob", "owner")

    assert await members.roles(conn, {("chn_general", "usr_ada"), ("chn_general", "usr_bob")}) == {
        ("chn_general", "usr_ada"): "owner"
    }


async def test_roles_are_of_exactly_the_pairs_that_were_asked_for(conn: Connection) -> None:
    await add_channel(conn, "other", "bob")

    crossed = {("chn_general", "usr_bob"), ("chn_other", "usr_ada"), ("chn_none", "usr_ada")}

    assert await members.roles(conn, crossed) == {}
    assert await members.roles(conn, []) == {}
    assert await members.roles(conn, [("chn_other", "usr_bob")] * 2) == {("chn_other", "usr_bob"): "member"}


async def test_list_is_ordered_by_id_and_its_pages_join(conn: Connection) -> None:
    await add_channel(conn, "other", "bob")
    for name in ("cyd", "bob"):
        await members.add(conn, "chn_general", f"usr_{name}", "member", NOW, 0)

    first = await members.list_for(conn, "chn_general", 2, None)
    rest = await members.list_for(conn, "chn_general", 2, first[-1].user.id)

    assert [member.user.username for member in first + rest] == ["ada", "bob", "cyd"]


async def test_channels_of_a_user_come_with_their_heads(conn: Connection) -> None:
    await add_channel(conn, "other", "ada", last_seq=3, archived_at_ms=NOW)
    await add_channel(conn, "third", "bob")

    assert await members.channels_of(conn, "usr_ada") == {"chn_general": 9, "chn_other": 3}
    assert await members.channels_of(conn, "usr_nobody") == {}


@pytest.mark.parametrize(("asked", "kept"), [(5, 5), (0, 0), (9, 9), (2**53 - 1, 9)])
async def test_read_cursor_moves_both_ways_but_not_past_the_newest(conn: Connection, asked: int, kept: int) -> None:
    await members.mark_read(conn, "chn_general", "usr_ada", 7)

    assert await members.mark_read(conn, "chn_general", "usr_ada", asked)

    seen = await channels.get_for(conn, "usr_ada", "chn_general")
    assert seen is not None
    assert seen.last_read_seq == kept


async def test_who_is_no_member_has_no_read_cursor(conn: Connection) -> None:
    assert not await members.mark_read(conn, "chn_general", "usr_bob", 1)
