"""Verbs on the audit log, which grows at one end and is cut at the other. They never commit."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, delete, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.audit import Filter, Record
from app.store.tables import audit

_RECORD = (
    audit.c.id,
    audit.c.at,
    audit.c.action,
    audit.c.actor_id,
    audit.c.subject_id,
    audit.c.ip,
    audit.c.session_id,
    audit.c.details,
)


async def add(conn: AsyncConnection, records: Sequence[Record]) -> None:
    """Store records beside what they record, in the same transaction."""
    if records:
        await conn.execute(insert(audit), [_row_of(record) for record in records])


async def list_for(conn: AsyncConnection, wanted: Filter, limit: int, after: str | None) -> list[Record]:
    """List records, the newest first; `after` is the last record's id of the page before, None for the first."""
    query = select(*_RECORD).where(*_conditions(wanted)).order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
    if after is not None:
        last = audit.alias("last")
        place = select(last.c.at, last.c.id).where(last.c.id == after).scalar_subquery()
        query = query.where(tuple_(audit.c.at, audit.c.id) < place)
    return [_record_of(row) for row in await conn.execute(query)]


async def purge(conn: AsyncConnection, before_ms: int, limit: int) -> int:
    """Delete the oldest records from before a moment, at most `limit`; tell how many they were."""
    old = select(audit.c.id).where(audit.c.at < before_ms).order_by(audit.c.at, audit.c.id).limit(limit)
    return (await conn.execute(delete(audit).where(audit.c.id.in_(old)))).rowcount


def _conditions(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    equal = ((audit.c.action, wanted.action), (audit.c.actor_id, wanted.actor_id))
    for column, value in (*equal, (audit.c.subject_id, wanted.subject_id)):
        if value is not None:
            yield column == value
    if wanted.after_ms is not None:
        yield audit.c.at > wanted.after_ms
    if wanted.before_ms is not None:
        yield audit.c.at < wanted.before_ms


def _row_of(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "at": record.at_ms,
        "action": record.action,
        "actor_id": record.actor_id,
        "subject_id": record.subject_id,
        "ip": record.ip,
        "session_id": record.session_id,
        "details": msgspec.json.encode(record.details).decode(),
    }


def _record_of(row: Sequence[Any]) -> Record:
    identity, at, action, actor_id, subject_id, ip, session_id, details = row
    return Record(
        id=identity,
        at_ms=at,
        action=action,
        actor_id=actor_id,
        subject_id=subject_id,
        ip=ip,
        session_id=session_id,
        details=msgspec.json.decode(details, type=dict[str, Any]),
    )
