"""Owns the background tasks of a node: what dies is logged and makes the node unready."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

logger = logging.getLogger("heliograph.tasks")


class Tasks:
    """Background tasks by name; `dead` lists those that ended though they never should."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self.dead: dict[str, str] = {}

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Start a task that runs until the node stops."""
        task = asyncio.create_task(work, name=name)
        self._tasks[name] = task
        task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Cancel all tasks, the last started first, and wait for their ends."""
        for name in reversed(self._tasks):
            self._tasks[name].cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        self.dead[task.get_name()] = type(error).__name__ if error else "ended"
        logger.critical("background task %s ended", task.get_name(), exc_info=error)


@asynccontextmanager
async def background() -> AsyncIterator[Tasks]:
    """Own tasks for as long as the context lasts."""
    tasks = Tasks()
    try:
        yield tasks
    finally:
        await tasks.stop()
