"""The lease of a socket on its token: warned, silent, renewed in place or ended."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.edge.tokens import BAD
from tests.helpers import eventually
from tests.house import House, MakeHouse
from tests.people import Person, Wire

LEFT_MS = 250


async def about_to_expire(house: House, person: Person, left_ms: int = LEFT_MS, **changes: Any) -> Wire:
    """Connect under a token that lasts a fraction of a second."""
    expires_at_s = house.clock.to_just_before_a_second(left_ms)
    times = {"issued_at_s": expires_at_s - 1, "expires_at_s": expires_at_s}
    return await house.person(person, house.sign(person, **{**times, **changes})).connects()


def fresh(house: House, person: Person, **changes: Any) -> str:
    now_s = house.clock() // 1000
    return house.sign(person, **{"issued_at_s": now_s, "expires_at_s": now_s + 600, **changes})


def only_connection(house: House) -> Any:
    (connection,) = house.node.audience._followed
    return connection


async def test_socket_is_warned_before_its_token_expires(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)

    wire = await about_to_expire(house, ana)

    warning = await wire.fact("auth.expiring")
    assert wire.facts[0][0] == "hello"
    assert (warning["type"], warning["expires_in_s"]) == ("auth.expiring", warning["data"]["expires_in_s"])
    assert warning["expires_in_s"] in (0, 1)


@pytest.mark.parametrize(("lifetime_s", "left_s"), [(600, 60.0), (60, 30.0), (120, 60.0), (4, 2.0)])
async def test_warning_comes_a_minute_before_or_at_half_of_a_short_life(
    house: House, http: aiohttp.ClientSession, lifetime_s: int, left_s: float
) -> None:
    ana = await Person.registers(house, http)
    now_s = house.clock() // 1000
    token = house.sign(ana, issued_at_s=now_s, expires_at_s=now_s + lifetime_s)

    await house.person(ana, token).connects()

    lease = only_connection(house).session.lease
    assert lease.due_s[1] - lease.due_s[0] == pytest.approx(left_s, abs=0.01)


async def test_expired_socket_hears_nothing_and_is_answered_token_expired(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    wire = await about_to_expire(house, ana)
    witness = await house.person(ana, fresh(house, ana)).connects()
    await bo.joins(channel)
    await wire.fact("member.joined")
    await eventually(lambda: house.node.server.stats()["connections"] == 2)
    await eventually(lambda: [c for c in house.node.audience._followed if c.suspended])
    heard = list(wire.facts)

    await bo.posts(channel, "not for who expired")
    await house.person(ana, fresh(house, ana)).creates()
    await witness.fact("message.created")
    await witness.fact("channel.added")
    for name, payload in (
        ("ping", {}),
        ("message.send", {"channel_id": channel, "text": "hi"}),
        ("history.get", {"channel_id": channel}),
        ("sync", {"channels": {}}),
        ("nosuch", {}),
        ("ping", {"typo": 1}),
    ):
        ack = await wire.emit(name, payload)
        assert (ack["ok"], ack["error"]["code"], ack["error"]["status"]) == (False, "token_expired", 401)
        assert ack["error"]["retryable"] is True

    assert [fact for fact in wire.facts if fact not in heard] == []
    assert [row[0] for row in await house.sql("SELECT text FROM messages")] == ["not for who expired"]


async def test_newer_token_resumes_the_socket_in_place(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    await bo.joins(channel)
    wire = await about_to_expire(house, ana)
    connection = only_connection(house)
    witness = await bo.connects()
    await eventually(lambda: connection.suspended)
    missed = await bo.posts(channel, "missed")
    await witness.fact("message.created")

    ack = await wire.emit("auth.refresh", {"token": fresh(house, ana)})
    sync = await wire.emit("sync", {"channels": {channel: missed["seq"] - 1}})
    await bo.posts(channel, "heard")

    assert ack["ok"] is True
    assert ack["data"].keys() == {"token_expires_at", "sync_required"}
    assert ack["data"]["sync_required"] is True
    assert [event["data"]["message"] for event in sync["data"]["channels"][channel]["events"]] == [missed]
    assert (await wire.fact("message.created"))["data"]["message"]["text"] == "heard"
    assert not wire.closed
    assert connection in house.node.audience._followed


async def test_socket_without_a_newer_token_is_told_and_closed_after_the_grace(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(expiry_grace_s=0.1)
    wire = await about_to_expire(house, await Person.registers(house, http), 100)

    closing = await wire.fact("connection.closing")

    assert (closing["reason"], closing["reconnect"]) == ("token_expired", True)
    await eventually(lambda: wire.closed)
    assert [name for name, _ in wire.facts] == ["hello", "auth.expiring", "connection.closing"]
    await eventually(lambda: house.is_empty)


async def test_socket_that_refreshes_in_time_notices_nothing(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(expiry_grace_s=0.05)
    ana = await Person.registers(house, http)
    wire = await about_to_expire(house, ana)
    connection = only_connection(house)
    old_end_s = connection.session.lease.due_s[2]

    ack = await wire.emit("auth.refresh", {"token": fresh(house, ana)})
    await eventually(lambda: asyncio.get_running_loop().time() > old_end_s + 0.1)

    assert ack["data"]["sync_required"] is False
    assert not wire.closed
    assert not connection.suspended
    assert (await wire.emit("ping", {}))["ok"] is True


async def test_refreshing_again_and_again_keeps_one_deadline(
    make_house: MakeHouse, http: aiohttp.ClientSession
) -> None:
    house = await make_house(commands_burst=1000)
    ana = await Person.registers(house, http)
    wire = await ana.connects()
    connection = only_connection(house)
    before = len(connection._timers), len(house.node.server.eio.wheel)

    for extra in range(50):
        assert (await wire.emit("auth.refresh", {"token": fresh(house, ana, token_id=f"t{extra}")}))["ok"] is True

    assert (len(connection._timers), len(house.node.server.eio.wheel)) == before == (1, before[1])


async def test_token_of_another_user_is_refused_and_nothing_changes(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    wire = await ana.connects()
    connection = only_connection(house)

    ack = await wire.emit("auth.refresh", {"token": bo.token})

    assert (ack["ok"], ack["error"]["code"]) == (False, "auth_failed")
    assert connection.session.claims.subject == ana.id
    assert (await wire.emit("ping", {}))["ok"] is True


@pytest.mark.parametrize("forge", [BAD[name] for name in ("nonsense", "alg none", "exp past", "typ JWT")])
async def test_bad_token_does_not_resume(house: House, http: aiohttp.ClientSession, forge: Any) -> None:
    ana = await Person.registers(house, http)
    wire = await about_to_expire(house, ana)
    connection = only_connection(house)
    await eventually(lambda: connection.suspended)

    ack = await wire.emit("auth.refresh", {"token": forge(house, ana)})

    assert (ack["ok"], ack["error"]["code"]) == (False, "auth_failed")
    assert connection.suspended
    assert (await wire.emit("ping", {}))["error"]["code"] == "token_expired"


async def test_token_of_a_session_that_ended_does_not_resume(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    body = {"username": ana.username, "password": "correct horse battery"}
    other = house.person(ana, (await ana.call("POST", "/v1/auth/login", json=body)).body["access_token"])
    wire = await ana.connects()
    await other.call("POST", "/v1/auth/logout")

    ack = await wire.emit("auth.refresh", {"token": other.token})

    assert (ack["ok"], ack["error"]["code"]) == (False, "session_revoked")
    assert (await wire.emit("ping", {}))["ok"] is True


async def test_message_sent_just_before_the_expiry_is_stored(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    wire = await about_to_expire(house, ana)

    ack = await wire.emit("message.send", {"channel_id": channel, "text": "in time"})

    assert ack["ok"] is True
    assert len(await house.sql("SELECT 1 FROM messages")) == 1


async def test_leeway_puts_off_the_silence(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    house = await make_house(jwt_leeway_s=30)
    ana = await Person.registers(house, http)
    now_s = house.clock() // 1000

    wire = await house.person(ana, house.sign(ana, issued_at_s=now_s - 60, expires_at_s=now_s - 10)).connects()

    assert (await wire.emit("ping", {}))["ok"] is True
    lease = only_connection(house).session.lease
    assert lease.due_s[1] - lease.due_s[0] == pytest.approx(20, abs=1.1)
