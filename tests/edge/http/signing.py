"""What the tests of signing in share."""

from typing import Any

import aiohttp

from tests.house import House
from tests.people import Answer, call

PAGE = {"X-Requested-With": "fetch", "Sec-Fetch-Site": "same-origin"}
"""What our own page's script sends."""
GRANT = {"user", "access_token", "token_type", "expires_in"}


async def post(house: House, http: aiohttp.ClientSession, path: str, body: Any = None, **headers: str) -> Answer:
    return await call(http, "POST", f"{house.url}/v1/auth/{path}", json=body, headers=headers)


def refresh_cookie(answer: Answer, name: str = "refresh") -> tuple[str, set[str]]:
    """Take the one refresh cookie of an answer apart into value and attributes."""
    (header,) = answer.headers.getall("Set-Cookie")
    pair, *attributes = header.split("; ")
    cookie, _, value = pair.partition("=")
    assert cookie == name
    return value, {attribute.lower() for attribute in attributes}
