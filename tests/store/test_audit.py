from contextlib import suppress
from typing import Any

import pytest

from app.core.audit import Filter, Record
from app.store import audit
from app.store.database import Connection, Database
from tests.store.values import NOW


def a_record(number: int, **changes: Any) -> Record:
    values: dict[str, Any] = {"action": "session.started", "at_ms": NOW + number // 2}
    return Record(id=f"aud_{number}", **{**values, **changes})


async def test_record_is_read_back_as_it_was(conn: Connection) -> None:
    record = a_record(
        1,
        actor_id="usr_a",
        subject_id="usr_b",
        ip="2001:db8::1",
        session_id="ses_a",
        details={"before": ["member"], "name": "Zoë 👋", "count": 3},
    )

    await audit.add(conn, [record])

    assert await audit.list_for(conn, Filter(), 10, None) == [record]


async def test_nothing_to_record_is_nothing(conn: Connection) -> None:
    await audit.add(conn, [])

    assert await audit.list_for(conn, Filter(), 10, None) == []


async def test_pages_go_from_the_newest_on_without_gap_or_repeat(conn: Connection) -> None:
    """Records of one millisecond are told apart."""
    await audit.add(conn, [a_record(number) for number in range(7)])

    seen, after = [], None
    while page := await audit.list_for(conn, Filter(), 3, after):
        seen += [record.id for record in page]
        after = page[-1].id

    assert seen == [f"aud_{number}" for number in range(6, -1, -1)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(action="member.left"), [1]),
        (Filter(actor_id="usr_a"), [2, 1]),
        (Filter(subject_id="usr_b"), [3]),
        (Filter(after_ms=NOW), [3, 2]),
        (Filter(before_ms=NOW + 1), [1, 0]),
        (Filter(actor_id="usr_a", after_ms=NOW), [2]),
        (Filter(actor_id="usr_c"), []),
    ],
)
async def test_what_is_asked_for_is_listed(conn: Connection, wanted: Filter, found: list[int]) -> None:
    await audit.add(conn, [a_record(0), a_record(1, action="member.left", actor_id="usr_a")])
    await audit.add(conn, [a_record(2, actor_id="usr_a"), a_record(3, subject_id="usr_b")])

    assert [record.id for record in await audit.list_for(conn, wanted, 10, None)] == [f"aud_{n}" for n in found]


async def test_purge_takes_the_oldest_first_and_leaves_the_rest(conn: Connection) -> None:
    await audit.add(conn, [a_record(number, at_ms=NOW + number) for number in range(5)])

    assert [await audit.purge(conn, NOW + 3, 2) for _ in range(3)] == [2, 1, 0]
    assert [record.id for record in await audit.list_for(conn, Filter(), 10, None)] == ["aud_4", "aud_3"]


async def test_record_of_what_is_rolled_back_is_not_there(database: Database) -> None:
    with suppress(LookupError):
        async with database.transaction() as conn:
            await audit.add(conn, [a_record(1)])
            raise LookupError

    async with database.reading() as conn:
        assert await audit.list_for(conn, Filter(), 10, None) == []
