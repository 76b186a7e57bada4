"""Several processes on one port: the parent starts them, keeps them alive and passes its end on to them.

The kernel spreads connections over the processes (SO_REUSEPORT). What they share is in the database and the log.
"""

import asyncio
import logging
import os
import signal
import sys

from app.main import open_redis
from app.serve import bind
from app.settings import Settings

SHARED_PORT = "--shared-port"
RESTART_S = 1.0
MARGIN_S = 5.0

logger = logging.getLogger("heliograph.workers")


async def supervise(settings: Settings, workers: int) -> None:
    """Run so many processes until SIGTERM or SIGINT; one that dies is started again after a second."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_redis(settings) as redis_url:
        # Bound without listening: the port is ours and takes no connection here.
        with bind(settings, shared_port=True) as held:
            port = held.getsockname()[1]
            environ = {**os.environ, "REDIS_URL": redis_url, "PORT": str(port), "WORKERS": "1"}
            environ.pop("WEB_CONCURRENCY", None)
            environ.setdefault("TRANSPORTS", "websocket")  # polling needs every request of a client at one process
            keepers = [asyncio.create_task(_keep(index, environ, stop)) for index in range(workers)]
            await stop.wait()
            await asyncio.wait(keepers, timeout=settings.drain_s + MARGIN_S)


async def _keep(index: int, environ: dict[str, str], stop: asyncio.Event) -> None:
    """Run one process again and again until the stop, then end it."""
    while not stop.is_set():
        arguments = [sys.executable, "-m", "app", "serve", SHARED_PORT, *(["--quiet"] if index else [])]
        process = await asyncio.create_subprocess_exec(*arguments, env=environ)
        ended, stopped = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if stop.is_set() and process.returncode is None:
            process.terminate()
        code = await ended
        if not stop.is_set():
            logger.error("worker %d ended with %d; starting it again", index, code)
            await asyncio.sleep(RESTART_S)
