"""What operators and other services ask without a token."""

from contextlib import AsyncExitStack

import aiohttp
import pytest

from app import __version__
from app.edge.http import health
from app.serve import drain
from tests.house import House
from tests.people import call


async def test_node_is_alive_ready_and_says_what_it_is(house: House, http: aiohttp.ClientSession) -> None:
    alive = await call(http, "GET", f"{house.url}/healthz")
    ready = await call(http, "GET", f"{house.url}/readyz")
    version = await call(http, "GET", f"{house.url}/version")

    assert (alive.status, alive.body) == (200, {"status": "ok"})
    assert (ready.status, ready.body["status"]) == (200, "ready")
    assert ready.body["dependencies"].keys() == {"database", "redis", "tasks", "limits"}
    assert all(each["ok"] for each in ready.body["dependencies"].values())
    assert version.body["version"] == __version__


async def test_draining_node_is_alive_but_not_ready(house: House, http: aiohttp.ClientSession) -> None:
    await drain(house.node, house.clock, 0)

    ready = await call(http, "GET", f"{house.url}/readyz")

    assert (ready.status, ready.body["status"]) == (503, "draining")
    assert (await call(http, "GET", f"{house.url}/healthz")).status == 200


async def test_dead_background_task_makes_the_node_unready(house: House, http: aiohttp.ClientSession) -> None:
    house.node.tasks.dead["writer"] = "RuntimeError"

    ready = await call(http, "GET", f"{house.url}/readyz")

    assert (ready.status, ready.body["status"]) == (503, "unavailable")
    assert ready.body["dependencies"]["tasks"] == {"ok": False, "dead": ["writer"]}
    assert ready.body["dependencies"]["database"]["ok"] is True


async def test_dependency_that_hangs_does_not_hang_the_answer(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT_S", 0.05)
    async with AsyncExitStack() as stack:
        for _ in range(house.settings.database_pool):
            await stack.enter_async_context(house.node.desk.history.database.reading())
        ready = await call(http, "GET", f"{house.url}/readyz")

    assert (ready.status, ready.body["status"]) == (503, "unavailable")
    assert ready.body["dependencies"]["database"] == {"ok": False, "error": "TimeoutError"}
    assert (await call(http, "GET", f"{house.url}/readyz")).status == 200


async def test_public_keys_may_be_kept_by_caches(house: House, http: aiohttp.ClientSession) -> None:
    answer = await call(http, "GET", f"{house.url}/.well-known/jwks.json")

    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert [key.keys() & {"kid", "alg", "use", "kty"} for key in answer.body["keys"]] == [{"kid", "alg", "use", "kty"}]
