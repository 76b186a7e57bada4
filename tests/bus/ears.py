"""A log with somebody who listens, for the tests of this folder."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from app.bus.log import Log
from tests.helpers import eventually

READY_S = 10.0


class Ear:
    """What one node hears: every entry, every gap, and how often it was called."""

    def __init__(self, url: str, deployment: str, **options: Any) -> None:
        self.entries: list[bytes] = []
        self.gaps: list[str] = []
        self.calls = 0
        listener = {"on_entries": self.hear, "on_gap": self.gaps.append}
        self.log = Log(url, deployment=deployment, **{"maxlen": 100_000, **listener, **options})

    def hear(self, entries: Sequence[bytes]) -> None:
        self.calls += 1
        self.entries.extend(entries)

    @property
    def firsts(self) -> list[bytes]:
        """Every entry once, where it was heard first: a log may repeat, and whoever listens drops repeats."""
        return list(dict.fromkeys(self.entries))

    async def has_heard(self, entry: bytes) -> None:
        """Wait for an entry."""
        await eventually(lambda: entry in self.entries)

    async def hears(self, entry: bytes) -> None:
        """Append an entry and wait until it comes back."""
        self.log.append(entry)
        await self.has_heard(entry)


@asynccontextmanager
async def running(ear: Ear) -> AsyncIterator[Ear]:
    """Run a node's log for the block."""
    task = asyncio.create_task(ear.log.run())
    try:
        yield ear
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=READY_S)
        assert task.cancelled()


@asynccontextmanager
async def listening(url: str, deployment: str, **options: Any) -> AsyncIterator[Ear]:
    """Run a node's log for the block, which begins when the node knows its place."""
    async with running(Ear(url, deployment, **options)) as ear:
        await ear.log.ready(READY_S)
        yield ear


def numbered(count: int, first: int = 0) -> list[bytes]:
    """Make entries that tell their place."""
    return [b"%d" % number for number in range(first, first + count)]
