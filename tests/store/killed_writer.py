"""A process that stores messages one after another, says each `seq` after its commit, and waits to be killed."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.store import channels, users
from app.store.database import open_database
from tests.store.values import a_message, add_channel, add_messages, add_users


async def write(url: str) -> None:
    """Store messages until killed, or two thousand of them."""
    async with open_database(url) as database:
        async with database.transaction() as conn:
            if not await users.count(conn):
                await add_users(conn, "ada")
                await add_channel(conn, "general", "ada")
        for _ in range(2000):
            async with database.transaction() as conn:
                seq = (await channels.lock(conn, ["chn_general"]))["chn_general"].last_seq + 1
                await add_messages(conn, a_message(seq))
            sys.stdout.write(f"{seq}\n")
            sys.stdout.flush()


asyncio.run(write(sys.argv[1]))
