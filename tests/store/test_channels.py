import asyncio

import pytest

from app.core.errors import AppError, FieldError
from app.core.model import Membership
from app.store import channels, members, messages
from app.store.database import Connection, Database
from tests.store.values import NOW, a_channel, a_message, add_channel, add_messages, add_users, sent


@pytest.fixture
async def conn(conn: Connection) -> Connection:
    """Have two people."""
    await add_users(conn, "ada", "bob")
    return conn


async def test_member_sees_a_private_channel_that_others_do_not_find(conn: Connection) -> None:
    secret = await add_channel(conn, "secret", "ada", kind="private", topic="t", archived_at_ms=NOW)

    assert await channels.get_for(conn, "usr_ada", secret.id) == Membership(channel=secret, role="member")
    assert await channels.get_for(conn, "usr_bob", secret.id) is None
    assert await channels.get_for(conn, "usr_bob", "chn_none") is None


async def test_public_channel_is_seen_by_all_without_a_role(conn: Connection) -> None:
    channel = await add_channel(conn, "general", "ada")

    assert await channels.get_for(conn, "usr_bob", channel.id) == Membership(channel=channel, role=None)


async def test_former_member_does_not_find_a_private_channel(conn: Connection) -> None:
    channel = await add_channel(conn, "secret", "ada", "bob", kind="private")

    await members.remove(conn, channel.id, "usr_bob")

    assert await channels.get_for(conn, "usr_bob", channel.id) is None
    assert await channels.list_for(conn, "usr_bob", 10, None) == []


async def test_taken_name_is_refused_and_the_transaction_goes_on(conn: Connection) -> None:
    await add_channel(conn, "general")

    with pytest.raises(AppError) as refused:
        await channels.add(conn, a_channel("General"), "usr_ada", "general")

    assert refused.value.code == "already_exists"
    assert refused.value.fields == (FieldError("name", "taken"),)
    assert len(await channels.discover(conn, "usr_ada", 10, None)) == 1


async def test_channels_without_a_name_of_their_own_do_not_collide(conn: Connection) -> None:
    await channels.add(conn, a_channel("d1", kind="direct"), "usr_ada", None)
    await channels.add(conn, a_channel("d2", kind="direct"), "usr_ada", None)

    assert set(await channels.heads(conn, ["chn_d1", "chn_d2"])) == {"chn_d1", "chn_d2"}


async def test_of_ten_that_take_a_name_at_once_one_succeeds(database: Database) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada")

    async def add(number: int) -> str:
        try:
            async with database.transaction() as conn:
                await channels.add(conn, a_channel(f"c{number}"), "usr_ada", "general")
        except AppError as error:
            return error.code
        return "added"

    outcomes = await asyncio.gather(*(add(number) for number in range(10)))
    assert sorted(outcomes) == ["added"] + ["already_exists"] * 9


async def test_lists_are_ordered_by_name_and_their_pages_join(conn: Connection) -> None:
    names = ["a-b", "a1", "a_b", "été", "z"]
    for name in reversed(names):
        await add_channel(conn, name, "ada")
    await channels.add(conn, a_channel("d1", kind="direct"), "usr_ada", None)
    await members.add(conn, "chn_d1", "usr_ada", "member", NOW, 0)

    found: list[Membership] = []
    while page := await channels.list_for(conn, "usr_ada", 2, found[-1].channel.id if found else None):
        found += page

    assert [each.channel.name for each in found] == ["d1", *sorted(names)]


async def test_discovery_shows_public_channels_in_use_with_the_role_if_any(conn: Connection) -> None:
    await add_channel(conn, "a", "ada")
    await add_channel(conn, "b", "bob")
    await add_channel(conn, "old", "ada", archived_at_ms=NOW)
    await add_channel(conn, "secret", "ada", kind="private")

    found = await channels.discover(conn, "usr_ada", 10, None)

    assert [(each.channel.name, each.role) for each in found] == [("a", "member"), ("b", None)]
    assert [each.channel.name for each in await channels.discover(conn, "usr_ada", 10, "chn_a")] == ["b"]


async def test_unread_counts_what_others_wrote_since_and_did_not_delete(conn: Connection) -> None:
    await add_channel(conn, "general", "ada", "bob")
    await add_messages(
        conn,
        a_message(1, author_id="usr_bob"),
        a_message(2, author_id="usr_bob"),
        a_message(3),
        a_message(4, author_id="usr_bob", text=None, deleted_at_ms=NOW),
        a_message(5, author_id="usr_bob"),
    )
    await members.mark_read(conn, "chn_general", "usr_ada", 1)

    seen = await channels.get_for(conn, "usr_ada", "chn_general")
    listed = await channels.list_for(conn, "usr_bob", 10, None)

    assert seen is not None
    assert (seen.unread, seen.last_read_seq, seen.channel.last_seq) == (2, 1, 5)
    assert [each.unread for each in listed] == [1]


async def test_unread_looks_back_no_further_than_its_bound(conn: Connection) -> None:
    await add_channel(conn, "general", "ada", "bob")
    newest = channels.MAX_UNREAD + 50
    await add_messages(conn, *(a_message(seq, author_id="usr_bob") for seq in range(1, newest + 1)))

    seen = await channels.get_for(conn, "usr_ada", "chn_general")

    assert seen is not None
    assert seen.unread == channels.MAX_UNREAD


async def test_nothing_is_unread_where_one_is_no_member(conn: Connection) -> None:
    await add_channel(conn, "general", "ada")
    await add_messages(conn, a_message(1))

    seen = await channels.get_for(conn, "usr_bob", "chn_general")

    assert seen is not None
    assert (seen.role, seen.last_read_seq, seen.unread) == (None, 0, 0)


async def test_lock_reads_the_channels_there_are(conn: Connection) -> None:
    one, two = await add_channel(conn, "one", last_seq=7), await add_channel(conn, "two")

    assert await channels.lock(conn, {one.id, two.id, "chn_none"}) == {one.id: one, two.id: two}
    assert await channels.lock(conn, []) == {}


async def test_heads_are_those_that_were_advanced_to(conn: Connection) -> None:
    for name in ("one", "two", "three"):
        await add_channel(conn, name)

    await channels.advance(conn, {"chn_two": 3, "chn_one": 2**53 - 1})
    await channels.advance(conn, {})

    found = await channels.heads(conn, ["chn_one", "chn_two", "chn_three", "chn_none"])
    assert found == {"chn_one": 2**53 - 1, "chn_two": 3, "chn_three": 0}
    assert await channels.heads(conn, []) == {}


async def test_heads_of_ten_thousand_channels_are_one_question(conn: Connection) -> None:
    await add_channel(conn, "one", last_seq=4)

    ids = [f"chn_{number}" for number in range(10_000)]

    assert await channels.heads(conn, ["chn_one", *ids]) == {"chn_one": 4}


async def test_writers_of_one_channel_take_every_number_once(database: Database) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada")
        for name in ("a", "b", "c"):
            await add_channel(conn, name, "ada")

    async def write(number: int) -> None:
        ids = [f"chn_{name}" for name in ("abc", "bca", "cab")[number % 3]]
        async with database.transaction() as conn:
            locked = await channels.lock(conn, ids)
            new = [a_message(channel.last_seq + 1, channel.id) for channel in locked.values()]
            await messages.insert(conn, sent(*new))
            await channels.advance(conn, {message.channel_id: message.seq for message in new})

    await asyncio.gather(*(write(number) for number in range(30)))

    async with database.reading() as conn:
        assert await channels.heads(conn, ["chn_a", "chn_b", "chn_c"]) == {"chn_a": 30, "chn_b": 30, "chn_c": 30}
        page = await messages.page(conn, "chn_b", limit=100)
    assert [message.seq for message in page] == list(range(1, 31))
