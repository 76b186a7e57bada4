"""What all nodes said, read from the log in its order: one position per node, kept by the node itself.

Nothing here writes entries. Guards two promises: no entry is passed over in silence (a doubt becomes `on_gap`), and
nothing that stands in the log can stop the reading.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from app.bus.backoff import Backoff
from app.bus.connection import Line, line, refused
from app.bus.continuity import DROPPED, LATE, REMEMBERED, START, TRIMMED, Place, Snapshot, format_id, parse_id
from app.bus.trouble import FAILURES, Trouble

READ_ENTRIES = 256
BLOCK_MS = 2000
READ_S = BLOCK_MS / 1000 + 1
_RUN_ID = re.compile(rb"^run_id:(\w+)", re.MULTILINE)


class Listener(NamedTuple):
    """Who hears: entries in lists, in order, and the reason of every gap in them."""

    on_entries: Callable[[Sequence[bytes]], None]
    on_gap: Callable[[str], None]


class Reader:
    """A position in the log and the task that moves it."""

    def __init__(
        self,
        url: str,
        *,
        key: str,
        epoch_key: str,
        max_entry_bytes: int,
        listener: Listener,
        check_s: float,
        new_epoch: Callable[[], str],
        chance: Callable[[], float],
        logger: logging.Logger,
    ) -> None:
        self.place: Place | None = None
        self.positioned = asyncio.Event()
        self.connected = False
        self.heard_at: float | None = None
        self.skipped = self.gaps = 0
        self.trouble = Trouble("reader", logger)
        self._url, self._key, self._epoch_key = url, key, epoch_key
        self._max_entry_bytes = max_entry_bytes
        self._listener, self._check_s, self._new_epoch = listener, check_s, new_epoch
        self._backoff, self._logger = Backoff(chance), logger
        self._checked_at, self._reported = 0.0, 0

    async def run(self) -> None:
        """Follow the log until cancelled, over one connection after another, going on where the last one ended."""
        while True:
            try:
                async with line(self._url) as wire:
                    await self._follow(wire)
            except FAILURES as error:
                self.trouble.note(error)
            finally:
                self.connected = False
            await asyncio.sleep(self._backoff.next_s())

    async def _follow(self, wire: Line) -> None:
        server = await _server_of(wire)
        place = await self._check(wire, server)
        self.connected = True
        self.positioned.set()
        while True:
            command = ("XREAD", "COUNT", READ_ENTRIES, "BLOCK", BLOCK_MS, "STREAMS", self._key, format_id(place.id))
            answer = await wire.ask(*command, within_s=READ_S)
            if answer:
                self._take(place, answer[0][1])
            self._backoff.reset()
            self.trouble.clear()
            self.heard_at = _now()
            if self.heard_at - self._checked_at >= self._check_s:
                await self._check(wire, server)

    async def _check(self, wire: Line, server: str | None) -> Place:
        """Compare the place with what the server has; the first time, the place is the end of the log."""
        seen = await self._snapshot(wire, server)
        if self.place is None:
            self.place = Place(seen)
            if self.trouble.failures:
                self._tell_gap(LATE)
        elif reason := self.place.missed(seen):
            await self._resume(wire, self.place, reason, seen)
        else:
            self.place.confirm(seen)
        self.heard_at = self._checked_at = _now()
        self._report_skipped()
        return self.place

    async def _resume(self, wire: Line, place: Place, reason: str, seen: Snapshot) -> None:
        """Go where nothing undelivered is passed over, then tell."""
        to = place.resume(reason, seen)
        if to is None:
            at = format_id(place.id)
            found = await wire.ask("XRANGE", self._key, at, at)
            found = found or await wire.ask("XREVRANGE", self._key, "+", "-", "COUNT", REMEMBERED)
            to = place.newest_known([entry[0] for entry in found])
        place.move(to, seen)
        self._tell_gap(reason)

    async def _snapshot(self, wire: Line, server: str | None) -> Snapshot:
        epoch = await wire.ask("GET", self._epoch_key)
        if epoch is None:
            await wire.ask("SET", self._epoch_key, self._new_epoch(), "NX")
            epoch = await wire.ask("GET", self._epoch_key)
        try:
            flat = await wire.ask("XINFO", "STREAM", self._key)
        except ResponseError as error:
            if not refused(error, "no such key"):
                raise
            return Snapshot(epoch or b"", server, None, START, 0, 0)
        info = dict(zip(flat[::2], flat[1::2], strict=True))
        first = info[b"first-entry"]
        return Snapshot(
            epoch=epoch or b"",
            server=server,
            first=parse_id(first[0]) if first else None,
            last=parse_id(info[b"last-generated-id"]),
            length=info[b"length"],
            added=info.get(b"entries-added"),
        )

    def _take(self, place: Place, entries: Sequence[tuple[bytes, Any]]) -> None:
        """Hand on what one read brought, then move: an entry is taken when its listener has returned."""
        batch: list[bytes] = []
        for _, fields in entries:
            if self._is_entry(fields):
                batch.append(fields[1])
            elif fields and len(fields) == 2 and fields[0] == b"gap":
                self._tell(batch)
                batch = []
                self._tell_gap(DROPPED)
            else:
                self.skipped += 1
        self._tell(batch)
        if place.advance([entry[0] for entry in entries]):
            self._tell_gap(TRIMMED)

    def _is_entry(self, fields: Any) -> bool:
        return bool(fields) and len(fields) == 2 and fields[0] == b"e" and len(fields[1]) <= self._max_entry_bytes

    def _tell(self, entries: Sequence[bytes]) -> None:
        if entries:
            try:
                self._listener.on_entries(entries)
            except Exception:
                self._logger.exception("log reader: %d entries were not taken by their listener", len(entries))

    def _tell_gap(self, reason: str) -> None:
        self.gaps += 1
        self._logger.warning("log reader: gap, %s", reason)
        try:
            self._listener.on_gap(reason)
        except Exception:
            self._logger.exception("log reader: the gap was not taken by its listener")

    def _report_skipped(self) -> None:
        if self.skipped > self._reported:
            self._logger.warning("log reader: %d entries that are not ours skipped", self.skipped - self._reported)
            self._reported = self.skipped


async def _server_of(wire: Line) -> str | None:
    """Ask which run of which server this is; None where it does not tell."""
    try:
        found = _RUN_ID.search(await wire.ask("INFO", "server"))
    except ResponseError:
        return None
    return found.group(1).decode() if found else None


def _now() -> float:
    return asyncio.get_running_loop().time()
