"""A session that ended without anybody being told is found."""

import aiohttp
import pytest

from app.edge.socket import sweep as sweep_module
from app.store import sessions as store
from tests.house import House
from tests.people import Person


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_module, "SWEEP_S", 0.05)


async def test_socket_of_a_session_that_ended_untold_is_closed(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http, "ana"), await Person.registers(house, http, "bo")
    gone, stays = await ana.connects(), await bo.connects()

    async with house.node.desk.history.database.transaction() as conn:
        await store.revoke_all(conn, ana.id, house.clock(), "told nobody", None)

    assert (await gone.fact("session.revoked"))["reconnect"] is False
    assert (await stays.emit("ping", {}))["ok"] is True
