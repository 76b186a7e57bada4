"""What opening a database of either kind gives, before anything is asked of it."""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine


class Engines(NamedTuple):
    """An engine to write with, one to read with, and how to drop their connections without a word to the server."""

    writer: AsyncEngine
    reader: AsyncEngine
    abandon: Callable[[], None]

    async def dispose(self) -> None:
        """Close all connections in an orderly way, which may take as long as the server likes."""
        await self.writer.dispose()
        await self.reader.dispose()
