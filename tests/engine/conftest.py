# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, check-untyped-defs=False
"""Fixtures: a server on a port of its own, and clients that do as they are told. Every test runs on both loops."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import uvloop
from aiohttp import ClientSession, web

from app.engine import Server
from tests.engine.peers import Peer, Site


def pytest_asyncio_loop_factories(config, item):
    """Run every asynchronous test of this folder on both event loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Give a place for what must be closed after the test, last first."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def serve(stack: AsyncExitStack) -> Callable[[Server], Awaitable[Site]]:
    """Give a function that puts a server on a free port."""

    async def start(server: Server, **options: Any) -> Site:
        app = web.Application()
        server.attach(app)
        runner = web.AppRunner(app, access_log=None, **options)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return Site(runner.addresses[0][1], server, stack)

    return start


@pytest.fixture
async def http(stack: AsyncExitStack) -> ClientSession:
    """Give an HTTP client."""
    return await stack.enter_async_context(ClientSession())


__all__ = ["Peer"]
