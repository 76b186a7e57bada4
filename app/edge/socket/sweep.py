"""Compares the sessions of open sockets with the store, now and then, many in one question.

The end of a session is told through the log at once. Where a node died between its commit and its telling, nobody
else knows; this finds such a socket.
"""

import asyncio
import logging

from app.core.errors import AppError
from app.edge.socket.audience import Audience
from app.services.sessions import Sessions

SWEEP_S = 15.0
CHUNK = 500

logger = logging.getLogger("heliograph.sweep")


async def sweep(audience: Audience, sessions: Sessions) -> None:
    """Doubt the sockets whose sessions the store no longer has among the living, every 15 s, until cancelled."""
    while True:
        await asyncio.sleep(SWEEP_S)
        try:
            await _sweep_once(audience, sessions)
        except AppError as error:
            logger.warning("cannot compare sessions with the store: %s", error)


async def _sweep_once(audience: Audience, sessions: Sessions) -> None:
    open_ids = sorted(audience.session_ids())
    for start in range(0, len(open_ids), CHUNK):
        chunk = open_ids[start : start + CHUNK]
        audience.doubt_sessions(frozenset(chunk) - await sessions.living(chunk))
