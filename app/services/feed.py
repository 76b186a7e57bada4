"""Turns the log and the store into one ordered feed for the sockets of this node.

The log is fast and may lose, repeat or reorder; the store is slow and knows. What arrives goes through the sequencer;
where it finds a hole, or where time has passed, the store is asked. So whatever happens to Redis or to another node
between its commit and its append, every socket gets every fact of its channels, in order, once.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from app.core import wire
from app.core.entries import Ended, Granted, Happened, RolesChanged, Told, decode_entry
from app.core.errors import AppError
from app.core.model import Fact
from app.core.sequencer import Sequencer
from app.secure.seals import Seal
from app.services.history import History
from app.services.revoked import Revoked

SETTLE_S = 0.03
"""How long a hole may fill itself, by the log, before the store is asked."""
CHECK_S = 3.0
"""How often all positions are compared with the store, which finds what nobody told."""
RETRY_S = 1.0
MAX_BEHIND = 2000
"""Facts of one channel that are read from the store for live sockets; past that, clients are told to sync."""
FILL_PAGE = 500
CHUNK = 500

logger = logging.getLogger("heliograph.feed")


class Sink(Protocol):
    """The sockets of this node, as the feed sees them. No call waits."""

    def deliver(self, fact: Fact) -> None:
        """Hand a durable fact to the sockets that follow its channel."""

    def admit(self, user_id: str, channel_id: str, seq: int) -> None:
        """Let a user's sockets follow a channel from behind `seq`."""

    def expel(self, user_id: str, channel_id: str) -> None:
        """Stop a user's sockets following a channel, at once."""

    def tell(self, user_id: str, kind: str, envelope: bytes) -> None:
        """Hand a passing fact to a user's sockets."""

    def end(self, ended: Ended) -> None:
        """Close the sockets of sessions that ended."""

    def doubt(self, user_id: str | None) -> None:
        """Check a user's sockets, or all, against the store: sessions, roles and channels."""

    def require_sync(self, channel_id: str) -> None:
        """Tell the sockets that follow a channel to sync, because live facts of it were skipped."""


class Feed:
    """Reads entries of the log, orders facts and fills holes; `run` must be running for holes to be filled."""

    def __init__(self, history: History, sink: Sink, sequencer: Sequencer, seal: Seal, revoked: Revoked) -> None:
        self._history = history
        self._sink = sink
        self._sequencer = sequencer
        self._seal = seal
        self._revoked = revoked
        self._suspects: set[str] = set()
        self._check_all = False
        self._wake = asyncio.Event()
        self.foreign_entries = 0

    def on_entries(self, entries: Sequence[bytes]) -> None:
        """Take entries of the log in their order; what is not one of ours is counted and passed over."""
        for raw in entries:
            opened = self._seal.open(raw)
            entry = None if opened is None else decode_entry(opened)
            if entry is None:
                self.foreign_entries += 1
            else:
                self._take(entry)

    def on_gap(self, reason: str) -> None:
        """Hear that entries of the log were lost: everything is compared with the store."""
        logger.warning("the log lost entries (%s); comparing with the store", reason)
        self._check_all = True
        self._revoked.doubt()
        self._sink.doubt(None)
        self._wake.set()

    async def run(self) -> None:
        """Fill holes and compare positions with the store until cancelled."""
        while True:
            try:
                async with asyncio.timeout(CHECK_S):
                    await self._wake.wait()
            except TimeoutError:
                self._check_all = True
            else:
                await asyncio.sleep(SETTLE_S)
            self._wake.clear()
            try:
                await self._catch_up()
            except AppError as error:
                logger.warning("cannot compare with the store: %s", error)
                self._check_all = True
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    def _take(self, entry: Happened | Told | Granted | Ended | RolesChanged) -> None:
        match entry:
            case Happened():
                self._happened(entry)
            case Told() if wire.is_notice_of(entry.type, entry.envelope):
                self._sink.tell(entry.user_id, entry.type, entry.envelope)
            case Told():
                self.foreign_entries += 1
            case Granted():
                self._sink.admit(entry.user_id, entry.channel_id, entry.seq)
            case Ended():
                self._revoked.add(entry)
                self._sink.end(entry)
            case RolesChanged():
                self._sink.doubt(entry.user_id)

    def _happened(self, entry: Happened) -> None:
        fact = Fact(channel_id=entry.channel_id, seq=entry.seq, type=entry.type, envelope=entry.envelope)
        if fact.type not in wire.DURABLE_FACTS or not wire.is_envelope_of(fact):
            self.foreign_entries += 1
            return
        if fact.type == wire.MEMBER_JOINED and self._sequencer.position(fact.channel_id) is None:
            # Nobody here follows the channel, so nothing orders this join against a leave that is still to come:
            # follow from behind it and ask the store at once.
            self._sink.admit(wire.subject_of(fact), fact.channel_id, fact.seq - 1)
            if self._sequencer.position(fact.channel_id) is not None:
                self._suspect(fact.channel_id)
        self._hand_out(self._sequencer.offer(fact))
        if self._sequencer.has_hole(fact.channel_id):
            self._suspect(fact.channel_id)

    def _hand_out(self, ready: list[Fact]) -> None:
        """Deliver facts in order; who joins hears the join, who left does not hear the leave."""
        for fact in ready:
            if fact.type == wire.MEMBER_JOINED:
                self._sink.admit(wire.subject_of(fact), fact.channel_id, fact.seq - 1)
            elif fact.type == wire.MEMBER_LEFT:
                self._sink.expel(wire.subject_of(fact), fact.channel_id)
            self._sink.deliver(fact)

    def _suspect(self, channel_id: str) -> None:
        self._suspects.add(channel_id)
        self._wake.set()

    async def _catch_up(self) -> None:
        suspects = self._sequencer.watched() if self._check_all else list(self._suspects)
        self._check_all = False
        self._suspects.clear()
        for start in range(0, len(suspects), CHUNK):
            heads = await self._history.heads(suspects[start : start + CHUNK])
            for channel_id, seq in self._sequencer.behind(heads).items():
                await self._fill(channel_id, seq, heads[channel_id])

    async def _fill(self, channel_id: str, seq: int, head: int) -> None:
        """Read what a channel is behind from the store; too much is skipped, and said."""
        if head - seq > MAX_BEHIND:
            ready = self._sequencer.skip_to(channel_id, head)
            self._sink.require_sync(channel_id)
            # Somebody's leaving may be among what was skipped.
            self._sink.doubt(None)
            self._hand_out(ready)
            return
        while seq < head:
            facts = await self._history.facts_since(channel_id, seq, FILL_PAGE)
            if not facts:
                return
            self._hand_out(self._sequencer.offer_all(facts))
            seq = facts[-1].seq
