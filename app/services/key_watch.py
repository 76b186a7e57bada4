"""Lets a running node go on with the keys that its data directory holds by now, without a restart."""

import asyncio
import logging

from app.core.times import Clock
from app.secure.key_file import KeyFile
from app.secure.keys import KeyRing

WATCH_S = 1.0

logger = logging.getLogger("heliograph.keys")


async def watch_keys(file: KeyFile, ring: KeyRing, clock: Clock) -> None:
    """Keep a ring as the file says until cancelled; while the file cannot be used, the ring stays as it was."""
    told = None
    while True:
        await asyncio.sleep(WATCH_S)
        try:
            keys = file.keys(clock() // 1000)
        except (OSError, ValueError) as error:
            if told != str(error):
                logger.error("the file of signing keys cannot be used (%s); the keys stay as they were", error)  # noqa: TRY400  the traceback says no more
            told = str(error)
            continue
        told = None
        if keys[0].kid != ring.signer.kid:
            logger.info("from now on the key %s signs", keys[0].kid)
        ring.replace(keys)
