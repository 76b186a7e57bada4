"""The one way out: fetching a small document over HTTP from an address that is configured, and from no other.

Whatever answers there is not trusted to be quick, small or honest about where it is: no redirect is followed, no proxy
of the environment is used, no cookie is kept, nothing is unpacked.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

MAX_BYTES = 65_536
TIMEOUT_S = 3.0
HEADERS = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}


class Outgoing:
    """Fetches documents; made by `outgoing`."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def fetch(self, url: str) -> bytes:
        """Fetch a document of at most 64 KiB within 3 seconds in all.

        Raises OSError that says what went wrong, also for any answer but 200.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S), self._http.get(url, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise OSError(f"the answer was {answer.status}")
                body = await answer.content.readexactly(MAX_BYTES + 1)
        except asyncio.IncompleteReadError as whole:
            return whole.partial
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise OSError(f"no answer that can be used ({type(error).__name__})") from None
        raise OSError(f"the answer is larger than {len(body) - 1} bytes")


@asynccontextmanager
async def outgoing() -> AsyncIterator[Outgoing]:
    """Own the connections to elsewhere; few are ever open."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=8),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=HEADERS,
        auto_decompress=False,
        trust_env=False,
    )
    async with session:
        yield Outgoing(session)
