"""No hot question reads a whole table: what each verb asks is asked again with EXPLAIN."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event

from app.core.foreign import Foreign
from app.core.model import Message
from app.store import addresses, channels, facts, identities, members, messages, sessions, tables, users
from app.store.database import Connection, Database, open_database
from app.store.tables import metadata
from tests.store.values import NOW, a_fact, a_message, sent

Verb = Callable[[Connection], Awaitable[Any]]
KEYS = [("usr_1", f"k{number}") for number in range(50)]
PAIRS = [(f"chn_{number}", "usr_1") for number in range(50)]
IDS = [channel_id for channel_id, _ in PAIRS]
HASH = bytes(32)
FOREIGN = Foreign(
    issuer="i1", subject="s1", family="f", issued_at_s=1, expires_at_s=2, token_id="t", name=None, roles=None,
    default_roles=(), scope=None, channels=None, extra={},
)  # fmt: skip

HOT: dict[str, Verb] = {
    "identities.get": lambda conn: identities.get(conn, FOREIGN),
    "identities.lock": lambda conn: identities.lock(conn, FOREIGN),
    "users.get": lambda conn: users.get(conn, "usr_1"),
    "users.credentials": lambda conn: users.credentials(conn, "u1"),
    "addresses.known_for": lambda conn: addresses.known_for(conn, "u1"),
    "sessions.get_live": lambda conn: sessions.get_live(conn, "ses_1", NOW),
    "sessions.living": lambda conn: sessions.living(conn, [f"ses_{number}" for number in range(50)], NOW),
    "sessions.list_for": lambda conn: sessions.list_for(conn, "usr_1", NOW),
    "sessions.token": lambda conn: sessions.token(conn, HASH),
    "sessions.spend": lambda conn: sessions.spend(conn, HASH, NOW),
    "sessions.revoke": lambda conn: sessions.revoke(conn, "ses_1", "usr_1", NOW, "r"),
    "sessions.revoke_all": lambda conn: sessions.revoke_all(conn, "usr_1", NOW, "r", None),
    "sessions.touch": lambda conn: sessions.touch(conn, "ses_1", NOW, "ip"),
    "channels.get_for": lambda conn: channels.get_for(conn, "usr_1", "chn_1"),
    "channels.list_for": lambda conn: channels.list_for(conn, "usr_1", 50, None),
    "channels.discover": lambda conn: channels.discover(conn, "usr_1", 50, None),
    "channels.lock": lambda conn: channels.lock(conn, IDS),
    "channels.advance": lambda conn: channels.advance(conn, {"chn_1": 1}),
    "channels.heads": lambda conn: channels.heads(conn, IDS),
    "members.get": lambda conn: members.get(conn, "chn_1", "usr_1"),
    "members.roles": lambda conn: members.roles(conn, PAIRS),
    "members.list_for": lambda conn: members.list_for(conn, "chn_1", 50, None),
    "members.list_for after": lambda conn: members.list_for(conn, "chn_1", 50, "usr_1"),
    "members.channels_of": lambda conn: members.channels_of(conn, "usr_1"),
    "members.mark_read": lambda conn: members.mark_read(conn, "chn_1", "usr_1", 1),
    "messages.get": lambda conn: messages.get(conn, "msg_1"),
    "messages.find_sent": lambda conn: messages.find_sent(conn, KEYS),
    "messages.channels_of": lambda conn: messages.channels_of(conn, ["msg_1"]),
    "messages.bounds": lambda conn: messages.bounds(conn, "chn_1"),
    "messages.page": lambda conn: messages.page(conn, "chn_1", limit=50),
    "messages.page before": lambda conn: messages.page(conn, "chn_1", before=9, limit=50),
    "messages.page after": lambda conn: messages.page(conn, "chn_1", after=9, limit=50),
    "messages.page around": lambda conn: messages.page(conn, "chn_1", around=9, limit=50),
    "facts.since": lambda conn: facts.since(conn, "chn_1", 9, 100),
    "facts.since_many": lambda conn: facts.since_many(conn, dict.fromkeys(IDS, 9), 100, 2000),
}


class Asked(list[tuple[str, Any]]):
    """The statements that a connection was given, with their parameters."""

    def listen(self, conn: Connection) -> None:
        def note(_conn: object, _cursor: object, statement: str, parameters: Any, _context: object, many: bool) -> None:
            if not statement.startswith(("EXPLAIN", "PRAGMA", "BEGIN", "SET")):
                self.append((statement, parameters[0] if many else parameters))

        event.listen(conn.sync_connection, "before_cursor_execute", note)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a database that holds enough for an index to be worth while."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("plans") / "filled.db"
        url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), path)}"
    else:
        url = request.getfixturevalue("make_postgres_url")()
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, fill(url)).result(60)
    return url


@pytest.fixture
async def filled(filled_url: str) -> AsyncIterator[Database]:
    async with open_database(filled_url) as database:
        yield database


async def fill(url: str) -> None:
    """Store some thousand rows of everything, and on PostgreSQL have it count them."""
    async with open_database(url) as database:
        async with database.transaction() as conn:
            await conn.execute(tables.users.insert(), [user_row(number) for number in range(2000)])
            await conn.execute(tables.sessions.insert(), [session_row(number) for number in range(4000)])
            await conn.execute(tables.external_identities.insert(), [identity_row(number) for number in range(2000)])
            await conn.execute(tables.refresh_tokens.insert(), [token_row(number) for number in range(4000)])
            await conn.execute(tables.channels.insert(), [channel_row(number) for number in range(2000)])
            await conn.execute(tables.members.insert(), [member_row(number) for number in range(10_000)])
            await messages.insert(conn, sent(*(message_at(number) for number in range(20_000))))
            await facts.insert(conn, [a_fact(2 * (n // 2000) + 2, f"chn_{n % 2000}") for n in range(20_000)])
        if not url.startswith("sqlite"):
            async with database.reading() as conn:
                await conn.exec_driver_sql("ANALYZE")


def user_row(number: int) -> dict[str, Any]:
    name = f"u{number}"
    keys = dict.fromkeys(("username", "username_key", "display_name", "display_key"), name)
    return {"id": f"usr_{number}", **keys, "roles": "[]", "created_at": NOW}


def session_row(number: int) -> dict[str, Any]:
    instants = dict.fromkeys(("created_at", "last_seen_at", "expires_at"), NOW + number)
    return {"id": f"ses_{number}", "user_id": f"usr_{number % 2000}", "ip": "", **instants}


def identity_row(number: int) -> dict[str, Any]:
    who = {"issuer": f"i{number % 3}", "subject": f"s{number}", "user_id": f"usr_{number}"}
    return {**who, "created_at": NOW, "stated_at_s": 1}


def token_row(number: int) -> dict[str, Any]:
    instants = dict.fromkeys(("created_at", "expires_at"), NOW + number)
    return {"token_hash": number.to_bytes(32, "big"), "session_id": f"ses_{number}", **instants}


def channel_row(number: int) -> dict[str, Any]:
    kind = "public" if number % 4 else "private"
    named = {"id": f"chn_{number}", "name": f"c{number}", "name_key": f"c{number}", "kind": kind, "topic": ""}
    return {**named, "last_seq": 20, "created_at": NOW, "created_by": "usr_1"}


def member_row(number: int) -> dict[str, Any]:
    channel, user = number % 2000, (number % 2000 + number // 2000 * 7) % 2000
    return {"channel_id": f"chn_{channel}", "user_id": f"usr_{user}", "role": "member", "joined_at": NOW}


def message_at(number: int) -> Message:
    channel, round_number = number % 2000, number // 2000
    key = f"{channel}_{round_number}"
    return a_message(2 * round_number + 1, f"chn_{channel}", f"usr_{number % 1999}", client_msg_id=key)


def scans_of_sqlite(plan: list[Any]) -> list[str]:
    return [detail for *_, detail in plan if detail.startswith("SCAN") and detail.split()[1] in metadata.tables]


def scans_of_postgres(node: dict[str, Any]) -> Iterator[str]:
    children = node.get("Plans", [])
    reads = "Relation Name" in node and node["Node Type"] != "ModifyTable"
    # A bitmap's condition is in the node below.
    if reads and not any("Index Cond" in each for each in (node, *children)):
        yield f"{node['Node Type']} of {node['Relation Name']}"
    for child in children:
        yield from scans_of_postgres(child)


async def scans(conn: Connection, statement: str, parameters: Any) -> list[str]:
    if conn.dialect.name == "sqlite":
        found = await conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return scans_of_sqlite(list(found))
    found = await conn.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
    plan = found.scalar_one()
    [tree] = json.loads(plan) if isinstance(plan, str) else plan
    return list(scans_of_postgres(tree["Plan"]))


@pytest.mark.parametrize("name", HOT)
async def test_hot_question_is_answered_by_an_index(filled: Database, name: str) -> None:
    asked = Asked()
    async with filled.transaction() as conn:
        if conn.dialect.name == "postgresql":
            await conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
        asked.listen(conn)
        await HOT[name](conn)
        assert asked
        for statement, parameters in list(asked):
            assert await scans(conn, statement, parameters) == [], statement


async def test_question_without_an_index_would_be_noticed(filled: Database) -> None:
    async with filled.transaction() as conn:
        if conn.dialect.name == "postgresql":
            await conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement in ("SELECT * FROM messages WHERE text = 'a'", "SELECT count(*) FROM members"):
            assert await scans(conn, statement, ()) != []


async def test_many_are_asked_in_one_round_trip(filled: Database) -> None:
    asked = Asked()
    async with filled.reading() as conn:
        asked.listen(conn)
        for name in ("channels.heads", "members.roles", "messages.find_sent", "facts.since_many"):
            await HOT[name](conn)

    assert len(asked) == 4
