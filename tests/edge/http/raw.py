"""Requests as bytes, for what no client library would send."""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

from tests.house import House

LIMIT_S = 5.0


async def raw(house: House, request: bytes) -> str:
    """Send bytes and return all that is answered until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(house.url).port)
    try:
        writer.write(request)
        return (await asyncio.wait_for(reader.read(), LIMIT_S)).decode()
    finally:
        writer.close()


async def get(house: House, target: str) -> tuple[int, Any]:
    """Get a target as it is spelt and return the status and the JSON of the answer."""
    answer = await raw(house, f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), json.loads(body)
