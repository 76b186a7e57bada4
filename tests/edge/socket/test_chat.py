"""Connecting to `/chat`: who is let in, what a new socket hears first, and that nobody else leaves a trace."""

import asyncio
import json
import re
from typing import Any

import aiohttp
import pytest

from app.edge.socket.audience import Audience
from app.serve import drain
from app.services.sessions import Sessions
from tests.edge.tokens import BAD, GOOD, Forger
from tests.helpers import eventually
from tests.house import House, MakeHouse
from tests.people import Person, Wire

HELLO = {"connection_id", "session_id", "user", "server_time", "token_expires_at", "limits", "features"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def refused(house: House, http: aiohttp.ClientSession, packet: str, **options: Any) -> Any:
    """Send a CONNECT that is not let in; return the refusal, None where the connection was just closed."""
    wire = await Wire.opens(http, house, **options)
    await wire.send(packet)
    await eventually(lambda: wire.closed)
    assert wire.facts == []
    assert not any(frame.startswith("40") for frame in wire.frames)
    return wire.refusal


async def test_hello_is_the_first_fact_and_is_complete(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)

    wire = await ana.connects(client="test/1.0", protocol=1)

    name, hello = wire.facts[0]
    data = hello["data"]
    assert (name, hello["type"]) == ("hello", "hello")
    assert {
        "connection_id",
        "session_id",
        "user",
        "server_time",
        "token_expires_at",
        "limits",
        "features",
    } <= data.keys()
    assert {key: hello[key] for key in data} == data
    assert (data["user"]["id"], data["session_id"]) == (ana.id, house.claims(ana).session_id)
    assert RFC3339.fullmatch(data["server_time"])
    assert RFC3339.fullmatch(data["token_expires_at"])
    assert data["limits"]["max_text_chars"] == house.settings.max_text_chars
    assert "seq" not in hello


async def test_client_that_can_set_headers_may_send_the_token_there(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    wire = await Wire.opens(http, house, headers={"Authorization": f"bearer {ana.token}"})

    await wire.send("40/chat,")

    assert (await wire.fact("hello"))["user"]["id"] == ana.id


async def test_token_of_the_payload_counts_where_both_are_sent(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    headers = {"Authorization": f"Bearer {ana.token}"}

    refusal = await refused(house, http, '40/chat,{"token":"nonsense"}', headers=headers)

    assert refusal["message"] == "auth_failed"


@pytest.mark.parametrize("forge", BAD.values(), ids=BAD)
async def test_bad_token_is_refused_with_the_one_code_and_leaves_no_ghost(
    house: House, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, forge: Forger
) -> None:
    caplog.set_level("INFO", "heliograph")
    ana = await Person.registers(house, http)
    token = forge(house, ana)

    refusal = await refused(house, http, "40/chat," + json.dumps({"token": token}))

    error = refusal["data"]
    assert refusal["message"] == error["code"] == "auth_failed"
    assert (error["status"], error["retryable"], error["message"]) == (401, False, "The credentials were not accepted.")
    (record,) = [record for record in caplog.records if getattr(record, "request_id", "") == error["request_id"]]
    assert record.getMessage().removeprefix("connect refused: ") not in ("", "auth_failed")
    assert token not in caplog.text
    assert house.is_empty


@pytest.mark.parametrize("forge", GOOD.values(), ids=GOOD)
async def test_odd_but_good_token_is_let_in(house: House, http: aiohttp.ClientSession, forge: Forger) -> None:
    ana = await Person.registers(house, http)

    wire = await house.person(ana, forge(house, ana)).connects()

    assert (await wire.emit("ping", {}))["ok"] is True


@pytest.mark.parametrize(
    "auth",
    ["", "{}", '{"token":null}', '{"token":5}', '{"token":{}}', '{"token":[]}', '{"token":""}', '{"tokn":"x"}'],
)
async def test_payload_without_a_token_is_refused(house: House, http: aiohttp.ClientSession, auth: str) -> None:
    refusal = await refused(house, http, f"40/chat,{auth}")

    assert (refusal["message"], refusal["data"]["code"]) == ("auth_failed", "auth_failed")
    assert house.is_empty


@pytest.mark.parametrize("auth", ['"token"', "[1]", "5", "true", '{"token":"\\ud800"}', '{"token":NaN}', "{"])
async def test_payload_that_is_no_object_closes_the_connection(
    house: House, http: aiohttp.ClientSession, auth: str
) -> None:
    assert await refused(house, http, f"40/chat,{auth}") is None
    assert house.is_empty


@pytest.mark.parametrize("how", ["signed out", "suspended", "deleted"])
async def test_token_whose_session_or_user_is_gone_is_refused_like_any_other(
    house: House, http: aiohttp.ClientSession, how: str
) -> None:
    ana = await Person.registers(house, http)
    if how == "signed out":
        await ana.call("POST", "/v1/auth/logout")
    elif how == "suspended":
        await house.node.desk.accounts.suspend(ana.username)
    else:
        await house.write_sql("DELETE FROM refresh_tokens")
        await house.write_sql("DELETE FROM sessions")
        await house.write_sql("DELETE FROM users")

    refusal = await refused(house, http, "40/chat," + json.dumps({"token": ana.token}))

    assert (refusal["message"], refusal["data"]["code"]) == ("auth_failed", "auth_failed")
    assert house.is_empty


async def test_session_that_ends_while_its_socket_connects_lets_no_socket_in(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await Person.registers(house, http)
    living = Sessions.require_living

    async def overtaken(self: Sessions, claims: Any) -> Any:
        user = await living(self, claims)
        await self.end_all(claims)
        await eventually(lambda: any(socket.session.over for socket in house.node.audience._followed))
        return user

    monkeypatch.setattr(Sessions, "require_living", overtaken)
    house.clock.forward(2)

    refusal = await refused(house, http, "40/chat," + json.dumps({"token": ana.token}))

    assert refusal["message"] == "auth_failed"
    assert house.is_empty


async def test_client_that_leaves_while_it_is_being_decided_on_leaves_no_ghost(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await Person.registers(house, http)
    await ana.creates()
    reached, left = asyncio.Event(), asyncio.Event()
    living = Sessions.require_living

    async def slow(self: Sessions, claims: Any) -> Any:
        reached.set()
        await left.wait()
        return await living(self, claims)

    monkeypatch.setattr(Sessions, "require_living", slow)
    wire = await Wire.opens(http, house)
    await wire.send("40/chat," + json.dumps({"token": ana.token}))
    await reached.wait()
    await wire.close()
    left.set()

    await eventually(lambda: house.is_empty)


async def test_what_others_do_meanwhile_does_not_come_before_hello(
    house: House, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await Person.registers(house, http)
    first = await ana.connects()
    align = Audience.align

    async def overtaken(self: Audience, *arguments: Any) -> None:
        await align(self, *arguments)
        await ana.creates()
        await first.fact("channel.added")

    monkeypatch.setattr(Audience, "align", overtaken)
    second = await ana.connects()

    assert second.facts[0][0] == "hello"


async def test_database_that_is_away_refuses_connects_for_now(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    await house.lose_database()

    refusal = await refused(house, http, "40/chat," + json.dumps({"token": ana.token}))

    error = refusal["data"]
    assert (refusal["message"], error["code"], error["status"]) == ("unavailable", "unavailable", 503)
    assert error["retryable"] is True
    assert error["retry_after_ms"] > 0
    assert house.is_empty
    await house.find_database()
    assert (await (await ana.connects()).emit("ping", {}))["ok"] is True


async def test_fault_of_our_own_is_an_internal_error_whose_id_is_in_the_log(
    house: House, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await Person.registers(house, http)

    async def broken(*_: Any) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(Audience, "align", broken)
    refusal = await refused(house, http, "40/chat," + json.dumps({"token": ana.token}))

    assert refusal["message"] == refusal["data"]["code"] == "internal_error"
    assert "canary" not in str(refusal)
    (record,) = [each for each in caplog.records if getattr(each, "request_id", "") == refusal["data"]["request_id"]]
    assert "canary" in str(record.exc_info)
    assert house.is_empty


async def test_deciding_that_takes_too_long_is_unavailable(
    make_house: MakeHouse, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await make_house(connect_timeout_s=0.1)
    ana = await Person.registers(house, http)

    async def hanging(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Audience, "align", hanging)
    refusal = await refused(house, http, "40/chat," + json.dumps({"token": ana.token}))

    assert refusal["message"] == refusal["data"]["code"] == "unavailable"
    assert house.is_empty


async def test_one_user_opens_so_many_sockets_and_no_more(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    house = await make_house(sockets_per_user=2)
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    first, _ = [await ana.connects() for _ in range(2)]

    refusal = await refused(house, http, "40/chat," + json.dumps({"token": ana.token}))

    assert refusal["message"] == "too_many_connections"
    assert (refusal["data"]["status"], refusal["data"]["retryable"]) == (429, True)
    assert refusal["data"]["retry_after_ms"] > 0
    await bo.connects()
    await first.close()
    await eventually(lambda: len(house.node.audience) == 2)
    await ana.connects()


async def test_draining_node_lets_nobody_in_and_says_why(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    wire = await ana.connects()
    opened = await Wire.opens(http, house)

    await drain(house.node, house.clock, 0)

    draining = await wire.fact("server.draining")
    assert isinstance(draining["reconnect_in_ms"], int)
    assert (draining["reason"], draining["reconnect"]) == ("draining", True)
    await eventually(lambda: wire.closed)
    with pytest.raises(aiohttp.WSServerHandshakeError) as newcomer:
        await Wire.opens(http, house)
    assert newcomer.value.status == 503
    await opened.send("40/chat," + json.dumps({"token": ana.token}))
    await eventually(lambda: opened.closed)
    refusal = opened.refusal
    assert (refusal["message"], refusal["data"]["status"], refusal["data"]["retryable"]) == ("draining", 503, True)
    assert refusal["data"]["retry_after_ms"] > 0


async def test_two_sockets_of_one_person_hear_the_same_and_end_apart(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    first, second = await ana.connects(), await ana.connects()

    await ana.posts(channel, "to both")
    assert await first.fact("message.created") == await second.fact("message.created")
    await first.close()
    await ana.posts(channel, "to one")

    assert (await second.fact("message.created", 1))["data"]["message"]["text"] == "to one"
    await eventually(lambda: len(house.node.audience) == 1)


async def test_everything_is_forgotten_when_the_last_socket_leaves(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    for _ in range(3):
        await ana.creates()
    wires = [await ana.connects() for _ in range(3)]
    assert house.node.server.stats()["rooms"] == 3

    for wire in wires:
        await wire.close()

    await eventually(lambda: house.is_empty)
    assert house.node.audience._followed == {}
    assert house.node.audience._sequencer.watched() == []
