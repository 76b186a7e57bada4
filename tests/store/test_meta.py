import asyncio

from app.store import meta
from app.store.database import Database


async def test_epoch_is_the_first_candidate_for_everyone(database: Database) -> None:
    async def ask(candidate: str) -> str:
        async with database.transaction() as conn:
            return await meta.epoch(conn, candidate)

    answers = await asyncio.gather(*(ask(f"epoch {number}") for number in range(8)))

    assert len(set(answers)) == 1
    assert await ask("another") == answers[0]


async def test_renewed_epoch_is_another(database: Database) -> None:
    async with database.transaction() as conn:
        await meta.renew_epoch(conn, "first")
        assert await meta.epoch(conn, "other") == "first"

        await meta.renew_epoch(conn, "second")

        assert await meta.epoch(conn, "other") == "second"
