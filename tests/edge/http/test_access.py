"""Every bad token of the attack table, over HTTP: one answer for all, the reason in the log only."""

import aiohttp
import pytest

from tests.edge.tokens import BAD, GOOD, Forger
from tests.house import House
from tests.people import Person, call


@pytest.mark.parametrize("forge", BAD.values(), ids=BAD)
async def test_bad_token_is_refused_with_the_one_code(
    house: House, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, forge: Forger
) -> None:
    caplog.set_level("INFO", "heliograph")
    ana = await Person.registers(house, http)
    token = forge(house, ana)
    caplog.clear()

    answer = await call(http, "GET", f"{house.url}/v1/me", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status, answer.code) == (401, "auth_failed")
    (record,) = [record for record in caplog.records if record.name == "heliograph.http"]
    assert record.getMessage().startswith("refused: auth_failed: ")
    assert token not in caplog.text


@pytest.mark.parametrize("forge", GOOD.values(), ids=GOOD)
async def test_odd_but_good_token_is_taken(house: House, http: aiohttp.ClientSession, forge: Forger) -> None:
    ana = await Person.registers(house, http)

    answer = await house.person(ana, forge(house, ana)).call("GET", "/v1/me")

    assert (answer.status, answer.body["id"]) == (200, ana.id)


async def test_token_is_good_until_its_expiry_and_leeway(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    expires_at_s = house.claims(ana).expires_at_s

    house.clock.offset_ms += expires_at_s * 1000 - house.clock() - 300
    assert (await ana.call("GET", "/v1/me")).status == 200
    house.clock.forward(0.4)
    assert (await ana.call("GET", "/v1/me")).code == "auth_failed"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/channels"),
        ("PUT", "/v1/channels/chn_01J00000000000000000000000/members/me"),
        ("DELETE", "/v1/channels/chn_01J00000000000000000000000/members/me"),
        ("POST", "/v1/channels/chn_01J00000000000000000000000/messages"),
        ("PATCH", "/v1/me"),
    ],
)
async def test_token_without_the_permission_is_forbidden_before_anything_is_read(
    house: House, http: aiohttp.ClientSession, method: str, path: str
) -> None:
    ana = await Person.registers(house, http)
    reader = house.person(ana, house.sign(ana, scope=frozenset({"messages:read", "channels:read"})))

    answer = await reader.call(method, path, data=b"not json")

    assert (answer.status, answer.code) == (403, "forbidden")


async def test_token_without_any_permission_reads_nothing_but_its_owner(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    nobody = house.person(ana, house.sign(ana, scope=frozenset()))

    for method, path in (
        ("GET", "/v1/channels"),
        ("GET", f"/v1/channels/{channel}"),
        ("GET", f"/v1/channels/{channel}/members"),
        ("GET", f"/v1/channels/{channel}/messages"),
        ("POST", "/v1/sync"),
    ):
        assert (await nobody.call(method, path)).code == "forbidden"
    assert (await nobody.call("GET", "/v1/me")).status == 200


async def test_token_of_a_user_whose_roles_were_taken_holds_no_more_than_the_new_ones(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    await house.node.desk.accounts.set_roles(ana.username, ("guest",))

    answer = await ana.call("POST", "/v1/channels", json={"name": "a", "kind": "public"})

    assert (answer.status, answer.code) == (403, "forbidden")
