import asyncio
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.core.errors import Unavailable
from app.store import migrate as module
from app.store.address import parse_address
from app.store.database import open_database
from app.store.migrate import config, migrate, pending
from app.store.tables import metadata
from tests.postgres import Postgres
from tests.store.values import add_users

T = TypeVar("T")

OURS = sorted(path.name[:4] for path in (module._MIGRATIONS / "versions").glob("[0-9]*.py"))

REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{down_revision}"


def upgrade() -> None:
    op.create_table("half_{revision}", sa.Column("id", sa.Integer, primary_key=True))
    {more}


def downgrade() -> None:
    op.drop_table("half_{revision}")
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a database in which there is nothing."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.create()


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let revisions be read from a copy, to which others can be added."""
    copy = tmp_path / "100% migrations"
    shutil.copytree(module._MIGRATIONS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "_MIGRATIONS", copy)
    return copy / "versions"


def add_revision(scripts: Path, revision: str, down_revision: str, more: str = "pass") -> None:
    content = REVISION.format(revision=revision, down_revision=down_revision, more=more)
    (scripts / f"{revision}_test.py").write_text(content)


def engine_of(url: str) -> AsyncEngine:
    return create_async_engine(parse_address(url).url)


async def inspected(url: str, look: Callable[[Connection], T]) -> T:
    engine = engine_of(url)
    async with engine.begin() as connection:
        found = await connection.run_sync(look)
    await engine.dispose()
    return found


async def table_names(url: str) -> set[str]:
    return await inspected(url, lambda connection: set(inspect(connection).get_table_names()))


async def test_empty_database_is_migrated_once(empty_url: str) -> None:
    assert await pending(empty_url) == OURS
    assert await migrate(empty_url) == OURS
    assert await pending(empty_url) == []
    assert await migrate(empty_url) == []
    assert set(metadata.tables) <= await table_names(empty_url)


async def test_migrated_schema_is_the_one_that_the_program_uses(empty_url: str) -> None:
    await migrate(empty_url)

    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    assert await inspected(empty_url, differences) == []


async def test_downgrade_leaves_nothing_and_the_way_up_is_open_again(empty_url: str) -> None:
    await migrate(empty_url)

    await inspected(empty_url, lambda connection: command.downgrade(config(connection), "base"))

    assert await table_names(empty_url) == {"alembic_version"}
    assert await migrate(empty_url) == OURS


async def test_of_many_that_migrate_at_once_one_does_it_and_all_find_it_done(empty_url: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_url) for _ in range(4)))

    assert sorted(applied) == [[], [], [], OURS]


async def test_revision_that_fails_leaves_nothing_behind(empty_url: str, scripts: Path) -> None:
    await migrate(empty_url)
    add_revision(scripts, "9001", OURS[-1], 'op.execute("this is not SQL")')

    with pytest.raises(Exception, match="syntax error"):
        await migrate(empty_url)

    assert "half_9001" not in await table_names(empty_url)
    assert await pending(empty_url) == ["9001"]
    add_revision(scripts, "9001", OURS[-1])
    assert await migrate(empty_url) == ["9001"]


async def test_revisions_are_applied_in_their_order(empty_url: str, scripts: Path) -> None:
    add_revision(scripts, "9002", "9001")
    add_revision(scripts, "9001", OURS[-1])

    assert await migrate(empty_url) == [*OURS, "9001", "9002"]
    assert {"half_9001", "half_9002"} <= await table_names(empty_url)


async def test_new_script_is_written_from_the_template_and_runs(sqlite_url: str, scripts: Path) -> None:
    await inspected(sqlite_url, lambda connection: command.revision(config(connection), 'say "nothing"', rev_id="9001"))

    assert await migrate(sqlite_url) == ["9001"]


async def test_on_postgres_each_revision_is_kept_that_went_well(postgres: Postgres, scripts: Path) -> None:
    url = postgres.create()
    add_revision(scripts, "9001", OURS[-1])
    add_revision(scripts, "9002", "9001", 'op.execute("this is not SQL")')

    with pytest.raises(Exception, match="syntax error"):
        await migrate(url)

    assert await pending(url) == ["9002"]
    assert "half_9001" in await table_names(url)


async def test_database_that_is_newer_than_the_program_lacks_nothing(
    empty_url: str, scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_revision(scripts, "9001", OURS[-1])
    await migrate(empty_url)

    (scripts / "9001_test.py").unlink()

    assert await pending(empty_url) == []
    assert await migrate(empty_url) == []


async def test_data_stays_where_a_later_revision_is_applied(empty_url: str, scripts: Path) -> None:
    await migrate(empty_url)
    async with open_database(empty_url) as database:
        async with database.transaction() as conn:
            await add_users(conn, "ada")
        add_revision(scripts, "9001", OURS[-1])

        assert await migrate(empty_url) == ["9001"]

        async with database.transaction() as conn:
            await add_users(conn, "bob")


async def test_lock_that_is_not_had_in_time_is_unavailable(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(module, "LOCK_LIMIT_S", 0.2 if empty_url.startswith("sqlite") else 1)
    if empty_url.startswith("sqlite"):
        blocker = sqlite3.connect(empty_url.removeprefix("sqlite:///"), isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            await migrate(empty_url)
        blocker.close()
    else:
        engine = engine_of(empty_url)
        async with engine.connect() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_lock({module._LOCK})")
            with pytest.raises(Unavailable):
                await migrate(empty_url)
        await engine.dispose()

    assert await migrate(empty_url) == OURS


async def test_new_file_is_private(tmp_path: Path) -> None:
    await migrate(f"sqlite:///{tmp_path}/new.db")

    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600


async def test_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await migrate("postgresql://u@127.0.0.1:1/d")
    with pytest.raises(Unavailable):
        await pending("postgresql://u@127.0.0.1:1/d")
