"""Fixtures only."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.house import *  # noqa: F403  fixtures
from tests.nodes import make_node, node  # noqa: F401  fixtures
from tests.postgres import *  # noqa: F403  fixtures
from tests.valkey import *  # noqa: F403  fixtures


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Give an HTTP client without cookies of its own."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session
