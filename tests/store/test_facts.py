import asyncio

import msgspec
import pytest
from sqlalchemy import text

from app.core.model import Fact
from app.core.wire import fact, message_created, message_json
from app.store import facts
from app.store.database import Connection, Database
from tests.store.values import NOW, a_fact, a_message, add_channel, add_messages, add_users


@pytest.fixture
async def conn(conn: Connection) -> Connection:
    """Have a person and two channels."""
    await add_users(conn, "ada")
    await add_channel(conn, "general", "ada")
    await add_channel(conn, "other", "ada")
    return conn


async def fill(conn: Connection, channel_id: str, count: int) -> list[Fact]:
    """Store facts 1 to `count`, every third of them no message, and return them all."""
    new = [a_message(seq, channel_id, data={"n": seq}) for seq in range(1, count + 1) if seq % 3]
    others = [a_fact(seq, channel_id) for seq in range(3, count + 1, 3)]
    await add_messages(conn, *new)
    await facts.insert(conn, others)
    return sorted([*map(message_created, new), *others], key=lambda each: each.seq)


async def test_messages_and_facts_come_as_one_list_without_a_gap(conn: Connection) -> None:
    stored = await fill(conn, "chn_general", 10)
    await fill(conn, "chn_other", 3)

    assert await facts.since(conn, "chn_general", 0, 100) == stored
    assert await facts.since(conn, "chn_general", 4, 3) == stored[4:7]
    assert await facts.since(conn, "chn_general", 10, 100) == []
    assert await facts.since(conn, "chn_none", 0, 100) == []


async def test_nothing_is_inserted_of_nothing(conn: Connection) -> None:
    await facts.insert(conn, [])

    assert await facts.since(conn, "chn_general", 0, 100) == []


async def test_envelope_is_byte_for_byte_what_was_sent_live(conn: Connection) -> None:
    message = a_message(1, text="tést 🙂 </script>", data={"z": 1.0, "a": [None, 1e21, 0.1, -0.0]}, client_msg_id="k")
    await add_messages(conn, message)

    assert [each.envelope for each in await facts.since(conn, "chn_general", 0, 10)] == [
        message_created(message).envelope
    ]


async def test_changed_message_is_still_told_first_as_it_was_created(conn: Connection) -> None:
    first = a_message(1, text="first")
    edited = a_message(1, text="second", edited_at_ms=NOW + 1)
    await add_messages(conn, first)
    updated = fact(
        "message.updated",
        channel_id="chn_general",
        seq=2,
        at_ms=NOW + 1,
        actor_id="usr_ada",
        data={"message": message_json(edited)},
    )
    await facts.insert(conn, [message_created(first), updated])
    await conn.execute(text("UPDATE messages SET text = 'second', edited_at = :at"), {"at": NOW + 1})

    found = await facts.since(conn, "chn_general", 0, 10)

    assert found == [message_created(first), updated]
    texts = [msgspec.json.decode(each.envelope)["data"]["message"]["text"] for each in found]
    assert texts == ["first", "second"]


async def test_many_channels_are_read_each_from_its_own_seq(conn: Connection) -> None:
    general, other = await fill(conn, "chn_general", 7), await fill(conn, "chn_other", 5)

    found = await facts.since_many(conn, {"chn_general": 5, "chn_other": 0, "chn_none": 0}, 100, 100)

    assert found == {"chn_general": general[5:], "chn_other": other}


async def test_channel_with_nothing_new_is_left_out(conn: Connection) -> None:
    await fill(conn, "chn_general", 4)

    assert await facts.since_many(conn, {"chn_general": 4}, 100, 100) == {}
    assert await facts.since_many(conn, {}, 100, 100) == {}


async def test_bounds_hold_for_a_channel_and_in_all(conn: Connection) -> None:
    general, other = await fill(conn, "chn_general", 9), await fill(conn, "chn_other", 9)
    after = {"chn_other": 0, "chn_general": 2}

    assert await facts.since_many(conn, after, 4, 100) == {"chn_general": general[2:6], "chn_other": other[:4]}
    assert await facts.since_many(conn, after, 4, 6) == {"chn_general": general[2:6], "chn_other": other[:2]}
    assert await facts.since_many(conn, after, 4, 4) == {"chn_general": general[2:6]}


async def test_reader_beside_a_writer_never_sees_a_gap(database: Database) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada")
        await add_channel(conn, "general", "ada")

    async def write() -> None:
        for seq in range(1, 61, 2):
            async with database.transaction() as conn:
                await add_messages(conn, a_message(seq))
                await facts.insert(conn, [a_fact(seq + 1)])

    writing = asyncio.create_task(write())
    found: list[Fact] = []
    while len(found) < 60:
        async with database.reading() as conn:
            found = await facts.since(conn, "chn_general", 0, 100)
        assert [each.seq for each in found] == list(range(1, len(found) + 1))
        assert len(found) % 2 == 0, "half a transaction was seen"
    await writing
