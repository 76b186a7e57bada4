"""Fetching from an address that may be slow, huge, elsewhere or broken."""

import asyncio
import gzip
import time

import pytest
from aiohttp import web

from app.edge import outgoing as module
from app.edge.outgoing import MAX_BYTES, outgoing
from tests.issuers import Behaviour, KeyServer, key_server


async def fetched(server: KeyServer) -> bytes:
    async with outgoing() as out:
        return await out.fetch(server.url)


def answering(status: int = 200, body: bytes = b"{}", headers: dict[str, str] | None = None) -> Behaviour:
    async def behave(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    return behave


async def test_what_is_there_is_fetched_whole() -> None:
    async with key_server() as server:
        server.behave = answering(body=b"x" * MAX_BYTES)
        assert await fetched(server) == b"x" * MAX_BYTES


async def test_one_byte_too_many_is_refused() -> None:
    async with key_server() as server:
        server.behave = answering(body=b"x" * (MAX_BYTES + 1))
        with pytest.raises(OSError, match="larger than 65536 bytes"):
            await fetched(server)


async def test_an_answer_without_end_is_cut() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 4096)

    async with key_server() as server:
        server.behave = endless
        with pytest.raises(OSError, match="larger"):
            await fetched(server)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with key_server() as server, key_server() as other:
        server.behave = answering(status, headers={"Location": other.url})
        with pytest.raises(OSError, match=str(status)):
            await fetched(server)
        assert (server.hits, other.hits) == (1, 0)


@pytest.mark.parametrize("status", [204, 206, 304, 400, 404, 500, 503])
async def test_any_answer_but_200_is_refused(status: int) -> None:
    async with key_server() as server:
        server.behave = answering(status)
        with pytest.raises(OSError, match=str(status)):
            await fetched(server)


async def test_a_slow_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.2)

    async def slow(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(b"{")
        await asyncio.Event().wait()
        return answer

    async with key_server() as server:
        server.behave = slow
        began_s = time.monotonic()
        with pytest.raises(OSError, match="TimeoutError"):
            await fetched(server)
        assert time.monotonic() - began_s < 2


async def test_a_packed_answer_is_not_unpacked() -> None:
    async with key_server() as server:
        packed = gzip.compress(b" " * 50_000_000)
        server.behave = answering(body=packed, headers={"Content-Encoding": "gzip"})
        assert await fetched(server) == packed


async def test_an_answer_that_is_cut_off_is_no_answer() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(b'{"keys":[]}')
        assert request.transport is not None
        request.transport.abort()
        return answer

    async with key_server() as server:
        server.behave = cut
        with pytest.raises(OSError, match="no answer"):
            await fetched(server)


async def test_nobody_there_is_no_answer() -> None:
    async with key_server() as server:
        url = server.url
    async with outgoing() as out:
        with pytest.raises(OSError, match="no answer"):
            await out.fetch(url)
