"""Verbs on the durable facts of channels: what `sync` and a node that fell behind are told.

Every fact is a row here but one kind: that a message was created, as long as it was neither edited nor deleted, is
made again from the message's own row. The first change of a message must insert that fact here before.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    Table,
    and_,
    bindparam,
    exists,
    null,
    select,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.model import Fact
from app.core.wire import message_created
from app.store.given import ROWS, item, number
from app.store.messages import MESSAGE, message_of
from app.store.tables import facts, messages

_STORED = (facts.c.type, facts.c.envelope)


def _merged(
    joined: Callable[[Table], FromClause], wanted: Callable[[Table], ColumnElement[bool]]
) -> CompoundSelect[Any]:
    """Select messages as rows and facts as rows in one statement, so that one snapshot shows each `seq` once.

    `seq` has no gaps, so the bounds on it are bounds on the number of rows.
    """
    replaced = exists().where(facts.c.channel_id == messages.c.channel_id, facts.c.seq == messages.c.seq)
    absent = [type_coerce(null(), column.type).label(column.name) for column in _STORED]
    place = (messages.c.channel_id.name, messages.c.seq.name)
    padded = [
        facts.c[column.name] if column.name in place else type_coerce(null(), column.type).label(column.name)
        for column in MESSAGE
    ]
    created = select(*MESSAGE, *absent).select_from(joined(messages)).where(wanted(messages), ~replaced)
    stored = select(*padded, *_STORED).select_from(joined(facts)).where(wanted(facts))
    return union_all(created, stored).order_by(*place).limit(bindparam("limit"))


def _is_next(table: Table) -> ColumnElement[bool]:
    after = bindparam("after_seq", type_=table.c.seq.type)
    return and_(
        table.c.channel_id == bindparam("channel_id"),
        table.c.seq > after,
        table.c.seq <= after + bindparam("limit", type_=table.c.seq.type),
    )


def _is_given(table: Table) -> ColumnElement[bool]:
    return and_(
        table.c.channel_id == item(0),
        table.c.seq > number(1),
        table.c.seq <= number(1) + bindparam("per_channel", type_=table.c.seq.type),
    )


_INSERT = facts.insert()
_SINCE = _merged(lambda table: table, _is_next)
_SINCE_MANY = _merged(lambda table: ROWS.join(table, _is_given(table)), lambda _: true())


async def insert(conn: AsyncConnection, new: Sequence[Fact]) -> None:
    """Store facts as they were sent live, in one round trip."""
    rows = [
        {"channel_id": fact.channel_id, "seq": fact.seq, "type": fact.type, "envelope": fact.envelope} for fact in new
    ]
    if rows:
        await conn.execute(_INSERT, rows)


async def since(conn: AsyncConnection, channel_id: str, after_seq: int, limit: int) -> list[Fact]:
    """Read at most `limit` facts of a channel that come after `after_seq`, in the order of `seq`, without gaps."""
    rows = await conn.execute(_SINCE, {"channel_id": channel_id, "after_seq": after_seq, "limit": limit})
    return [_fact_of(row) for row in rows]


async def since_many(
    conn: AsyncConnection, after_seqs: Mapping[str, int], per_channel: int, total: int
) -> dict[str, list[Fact]]:
    """Read what comes after a `seq` in each of many channels, in one round trip, as `since` does for one.

    At most `per_channel` facts of a channel are read and `total` in all, channels by the order of their ids; one
    that has none, or whose turn did not come, is left out. Where a list ends before the channel's newest `seq`, there
    is more.
    """
    values = {"given": list(after_seqs.items()), "per_channel": per_channel, "limit": total}
    found: dict[str, list[Fact]] = {}
    for row in await conn.execute(_SINCE_MANY, values):
        fact = _fact_of(row)
        found.setdefault(fact.channel_id, []).append(fact)
    return found


def _fact_of(row: Sequence[Any]) -> Fact:
    *message, kind, envelope = row
    if kind is None:
        return message_created(message_of(message))
    _, channel_id, seq, *_ = message
    return Fact(channel_id=channel_id, seq=seq, type=kind, envelope=envelope)
