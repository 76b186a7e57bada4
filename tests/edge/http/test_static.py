"""The page and its files."""

import aiohttp
import pytest

from tests.edge.http.raw import get
from tests.house import House
from tests.people import call

OUTSIDE = [
    "/static/../app/main.py",
    "/static/%2e%2e/setup.cfg",
    "/static/..%2fsetup.cfg",
    "/static//etc/passwd",
    "/static/a%00b",
]


@pytest.mark.parametrize("path", OUTSIDE)
async def test_nothing_outside_of_the_folder_is_served(house: House, path: str) -> None:
    status, body = await get(house, path)

    assert (status, body["error"]["code"]) == (404, "not_found")


async def test_folder_itself_is_not_listed(house: House, http: aiohttp.ClientSession) -> None:
    answer = await call(http, "GET", f"{house.url}/static/")

    assert answer.status in (403, 404)
    assert b"index" not in str(answer.body).encode()


async def test_page_is_asked_for_each_time(house: House, http: aiohttp.ClientSession) -> None:
    answer = await call(http, "GET", f"{house.url}/")

    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
    assert answer.headers["Content-Type"].startswith("text/html")
    again = await call(http, "GET", f"{house.url}/", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304
