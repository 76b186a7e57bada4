"""Writes down what is done, in the transaction that does it. Reading it back is `app.services.audit`."""

from app.core.audit import Deed, Record
from app.core.ids import NewId
from app.store import audit
from app.store.database import Connection


async def record(conn: Connection, now_ms: int, new_id: NewId, *deeds: Deed) -> None:
    """Write deeds down within the caller's transaction: they are stored with what they record, or neither is."""
    await audit.add(conn, [_record_of(deed, now_ms, new_id("aud")) for deed in deeds])


def _record_of(deed: Deed, now_ms: int, record_id: str) -> Record:
    return Record(
        id=record_id,
        at_ms=now_ms,
        action=deed.action,
        actor_id=deed.actor_id,
        subject_id=deed.subject_id,
        ip=deed.ip,
        session_id=deed.session_id,
        details=deed.details,
    )
