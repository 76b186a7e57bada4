from typing import Any

import pytest
from sqlalchemy import text

from app.core.errors import AppError
from app.core.model import Message
from app.store import messages
from app.store.database import Connection, Database
from tests.store.values import NOW, a_message, add_channel, add_messages, add_users, sent


@pytest.fixture
async def conn(conn: Connection) -> Connection:
    """Have two people and a channel."""
    await add_users(conn, "ada", "bob")
    await add_channel(conn, "general", "ada", "bob")
    return conn


def seqs(page: list[Message]) -> list[int]:
    return [message.seq for message in page]


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "' OR 1=1; --",
        "\u202eright to left",
        "e" + "\u0301" * 1000,
        "\u200b\ufffe\U0010ffff",
        "🙂" * 4000,
        "a\r\nb\t",
    ],
)
async def test_text_is_read_back_byte_for_byte(conn: Connection, text: str) -> None:
    message = a_message(text=text, reply_to="msg_0", client_msg_id="k", edited_at_ms=NOW + 1)

    await messages.insert(conn, sent(message))

    assert await messages.get(conn, message.id) == message


@pytest.mark.parametrize(
    "data",
    [{}, {"a": [1, 2.5, None, True, "x", {"b": []}]}, {"big": 2**53 - 1, "z": 1, "a": 2}, {"": "\u2028'\"\\"}],
)
async def test_data_is_read_back_as_it_was(conn: Connection, data: dict[str, Any]) -> None:
    await messages.insert(conn, sent(a_message(text=None, data=data)))

    found = await messages.get(conn, a_message().id)

    assert found is not None
    assert found.text is None
    assert found.data is not None
    assert list(found.data.items()) == list(data.items())


@pytest.mark.parametrize("stored", ["{", "[1]", '{"a": NaN}', '"text"', "[" * 5000, ""])
async def test_data_of_a_foreign_form_does_not_hide_the_page(conn: Connection, stored: str) -> None:
    await add_messages(conn, a_message(1), a_message(2, data={"a": 1}))
    await conn.execute(text("UPDATE messages SET data = :data WHERE seq = 1"), {"data": stored})

    page = await messages.page(conn, "chn_general", limit=10)

    assert [message.data for message in page] == [messages.UNREADABLE, {"a": 1}]


async def test_sent_messages_are_found_by_author_and_key(conn: Connection) -> None:
    mine, theirs = sent(a_message(1, client_msg_id="k1"), a_message(2, author_id="usr_bob", client_msg_id="k2"))
    await messages.insert(conn, [mine, theirs, *sent(a_message(3))])

    keys = {("usr_ada", "k1"), ("usr_ada", "k2"), ("usr_bob", "k2"), ("usr_bob", "k1"), ("usr_cyd", "k1")}

    assert await messages.find_sent(conn, keys) == {("usr_ada", "k1"): mine, ("usr_bob", "k2"): theirs}
    assert await messages.find_sent(conn, []) == {}


@pytest.mark.parametrize(
    "taken", [a_message(2, "chn_other", client_msg_id="k1"), a_message(1, author_id="usr_bob", client_msg_id="k9")]
)
async def test_key_or_number_that_is_taken_voids_all_of_the_transaction(database: Database, taken: Message) -> None:
    async with database.transaction() as conn:
        await add_users(conn, "ada", "bob")
        await add_channel(conn, "general", "ada")
        await add_channel(conn, "other", "ada")
        await add_messages(conn, a_message(1, client_msg_id="k1"))

    with pytest.raises(AppError) as refused:
        async with database.transaction() as conn:
            await messages.insert(conn, sent(a_message(5, client_msg_id="k5"), taken))

    assert refused.value.code == "conflict"
    async with database.reading() as conn:
        assert seqs(await messages.page(conn, "chn_general", limit=10)) == [1]
        assert seqs(await messages.page(conn, "chn_other", limit=10)) == []


async def test_messages_without_a_key_do_not_collide(conn: Connection) -> None:
    await messages.insert(conn, sent(a_message(1), a_message(2)))
    await messages.insert(conn, [])

    assert seqs(await messages.page(conn, "chn_general", limit=10)) == [1, 2]


@pytest.fixture
async def history(conn: Connection) -> Connection:
    """Have messages 1 to 10, without 4 and 7, which were other facts, and another channel with as many."""
    await add_channel(conn, "other", "ada")
    for channel in ("chn_general", "chn_other"):
        await add_messages(conn, *(a_message(seq, channel) for seq in (1, 2, 3, 5, 6, 8, 9, 10)))
    return conn


@pytest.mark.parametrize(
    ("anchor", "limit", "expected"),
    [
        ({}, 3, [8, 9, 10]),
        ({}, 100, [1, 2, 3, 5, 6, 8, 9, 10]),
        ({"before": 8}, 3, [3, 5, 6]),
        ({"before": 1}, 3, []),
        ({"before": 2**53 - 1}, 2, [9, 10]),
        ({"after": 3}, 3, [5, 6, 8]),
        ({"after": 0}, 2, [1, 2]),
        ({"after": 10}, 2, []),
        ({"around": 6}, 1, [6]),
        ({"around": 6}, 2, [5, 6]),
        ({"around": 6}, 5, [3, 5, 6, 8, 9]),
        ({"around": 7}, 4, [5, 6, 8, 9]),
        ({"around": 1}, 4, [1, 2, 3, 5]),
        ({"around": 10}, 4, [6, 8, 9, 10]),
        ({"around": 2**53 - 1}, 3, [8, 9, 10]),
        ({"around": 0}, 3, [1, 2, 3]),
        ({"around": 5}, 100, [1, 2, 3, 5, 6, 8, 9, 10]),
    ],
)
async def test_page_holds_what_its_anchor_asks_for(
    history: Connection, anchor: dict[str, int], limit: int, expected: list[int]
) -> None:
    page = await messages.page(history, "chn_general", **anchor, limit=limit)

    assert seqs(page) == expected
    assert {message.channel_id for message in page} <= {"chn_general"}


async def test_bounds_are_the_first_and_last_message(history: Connection) -> None:
    await add_channel(history, "empty")

    assert await messages.bounds(history, "chn_general") == (1, 10)
    assert await messages.bounds(history, "chn_empty") == (0, 0)


async def test_channels_of_messages_leave_out_those_that_are_none(history: Connection) -> None:
    ids = ["msg_chn_general_1", "msg_chn_other_2", "msg_none"]

    assert await messages.channels_of(history, ids) == {ids[0]: "chn_general", ids[1]: "chn_other"}
    assert await messages.channels_of(history, []) == {}
    assert await messages.get(history, "msg_none") is None
