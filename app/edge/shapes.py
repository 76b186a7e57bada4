"""The answers that HTTP and sockets share, written once for both."""

from typing import Any

from app.core import wire
from app.core.times import rfc3339
from app.services.history import Catchup, HistoryPage, Missed


def history_json(page: HistoryPage) -> dict[str, Any]:
    """Write a page of history: `before` and `after` are what to ask with for the next page either way."""
    items = [wire.message_json(message) for message in page.items]
    return {
        "items": items,
        "page": {
            "before": items[0]["seq"] if items else None,
            "after": items[-1]["seq"] if items else None,
            "has_before": page.has_before,
            "has_after": page.has_after,
            "last_seq": page.last_seq,
        },
    }


def sync_json(catchup: Catchup, now_ms: int) -> dict[str, Any]:
    """Write the answer to `sync`."""
    return {
        "channels": {channel_id: _missed(missed) for channel_id, missed in catchup.channels.items()},
        "added": [wire.channel_json(membership) for membership in catchup.added],
        "unread": dict(catchup.unread),
        "server_time": rfc3339(now_ms),
    }


def _missed(missed: Missed | None) -> dict[str, Any]:
    if missed is None:
        return {"gone": True}
    if missed.facts is None:
        return {"limited": True, "last_seq": missed.last_seq}
    events = [wire.decode(fact.envelope) for fact in missed.facts]
    return {"events": events, "last_seq": missed.last_seq}
