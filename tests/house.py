"""A node in the test's own process, served on a free port: as real as any, and open to be looked into."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from aiohttp import web
from sqlalchemy import text

from app.core.claims import Claims
from app.core.ids import NewId
from app.main import Given, Node, make_app, make_runner, open_node
from app.secure.ids import new_id
from app.serve import allowed_origins, bind
from app.settings import Settings
from tests.people import Person

__all__ = ["each_house", "house", "make_house"]

SECRET = "of this test only, 0123456789 abcdefgh"


class Clock:
    """The time of day, which goes on by itself and which tests can move."""

    def __init__(self) -> None:
        self.offset_ms = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset_ms

    def forward(self, seconds: float) -> None:
        """Move ahead."""
        self.offset_ms += round(seconds * 1000)

    def to_just_before_a_second(self, left_ms: int) -> int:
        """Move ahead to so many milliseconds before a whole second, and return that second."""
        self.offset_ms += (-self() - left_ms) % 1000
        return (self() + left_ms) // 1000


class House:
    """A running node with its address, its clock and its insides."""

    def __init__(self, node: Node, settings: Settings, clock: Clock, url: str) -> None:
        self.node = node
        self.settings = settings
        self.clock = clock
        self.url = url

    async def sql(self, statement: str, **values: Any) -> Sequence[Any]:
        """Ask the database past the service."""
        async with self.node.desk.history.database.reading() as conn:
            return (await conn.execute(text(statement), values)).all()

    async def write_sql(self, statement: str, **values: Any) -> None:
        """Change the database past the service."""
        async with self.node.desk.history.database.transaction() as conn:
            await conn.execute(text(statement), values)

    async def lose_database(self) -> None:
        """Take every connection of the node and let no transaction or read have one."""
        database = self.node.desk.history.database
        self._taken = AsyncExitStack()
        for engine, count in ((database._writer, 1), (database._reader, self.settings.database_pool)):
            pool: Any = engine.sync_engine.pool
            pool._timeout = 0.02
            for _ in range(count):
                await self._taken.enter_async_context(engine.connect())

    async def find_database(self) -> None:
        """Let the node have its connections again."""
        await self._taken.aclose()

    def claims(self, person: Person, **changes: Any) -> Claims:
        """Give the claims of a person's token, changed."""
        return msgspec.structs.replace(self.node.desk.sessions.access.verify(person.token), **changes)

    def sign(self, person: Person, **changes: Any) -> str:
        """Sign a token of the house for a person, with other claims."""
        return self.node.desk.sessions.access.sign(self.claims(person, **changes))

    def forge(self, payload: dict[str, Any], key: Any = None, algorithm: str = "", **headers: Any) -> str:
        """Sign any payload, with the house's key where none is given."""
        signer = self.node.desk.sessions.access.ring.signer
        headers = {"typ": "at+jwt", "kid": signer.kid, **headers}
        return jwt.encode(payload, key or signer.signing, algorithm=algorithm or signer.algorithm, headers=headers)

    def person(self, person: Person, token: str) -> Person:
        """Give the same person under another token."""
        granted = {"user": {"id": person.id, "username": person.username}, "access_token": token}
        return Person(self, person.http, granted)

    @property
    def is_empty(self) -> bool:
        """Tell whether nobody is connected, coming or left over."""
        stats = self.node.server.stats()
        counts = [len(self.node.audience), *(stats[name] for name in ("sockets", "connections", "pending", "rooms"))]
        return not any(counts)


MakeHouse = Callable[..., Awaitable[House]]


@asynccontextmanager
async def open_house(settings: Settings, new_id: NewId) -> AsyncIterator[House]:
    """Open a node and serve it as a process would."""
    clock = Clock()
    given = Given(clock=clock, new_id=new_id)
    with bind(settings, shared_port=False) as listener:
        port = listener.getsockname()[1]
        origins = allowed_origins(settings, port)
        async with open_node(settings, origins, given) as node:
            runner = make_runner(make_app(settings, origins, given, node), given, node, shutdown_timeout=1)
            await runner.setup()
            try:
                await web.SockSite(runner, listener).start()
                yield House(node, settings, clock, f"http://127.0.0.1:{port}")
            finally:
                await runner.cleanup()


@pytest.fixture
async def make_house(sqlite_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[MakeHouse]:
    """Open houses over one SQLite file; settings are given by name, `new_id` may make other ids."""
    async with AsyncExitStack() as stack:

        async def make(*, new_id: NewId = new_id, **settings: Any) -> House:
            values = {
                "port": 0,
                "database_url": sqlite_url,
                "redis_url": redis_url,
                "data_dir": tmp_path,
                "deployment": tmp_path.name,
                "secret_key": SECRET,
                "bcrypt_cost": 4,
                "register_per_hour": 10_000,
                "login_per_min": 10_000,
                "commands_burst": 1000,
                "jwt_leeway_s": 0,
                **settings,
            }
            return await stack.enter_async_context(open_house(Settings(**values), new_id))

        yield make


@pytest.fixture
async def house(make_house: MakeHouse) -> House:
    """Open a house as settings are by default."""
    return await make_house()


@pytest.fixture
async def each_house(make_house: MakeHouse, database_url: str) -> House:
    """Open a house over each kind of database in turn."""
    return await make_house(database_url=database_url)
