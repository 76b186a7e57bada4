"""The one door: every event is answered, by the letter, in the order of the checks."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from app.services.history import History
from tests.edge.http.test_bodies import error_of
from tests.helpers import eventually
from tests.house import House, MakeHouse
from tests.people import Person, Wire

UNKNOWN = "chn_01J00000000000000000000000"
COMMANDS = {
    "message.send": {"channel_id": UNKNOWN, "text": "hi"},
    "history.get": {"channel_id": UNKNOWN},
    "sync": {"channels": {}},
    "channel.open": {"channel_id": UNKNOWN},
    "channel.close": {"channel_id": UNKNOWN},
    "ping": {},
}


def failure(ack: Any) -> dict[str, Any]:
    """Check that an ack is a failure by the letter and return the error object."""
    assert ack.keys() == {"ok", "error"}
    assert ack["ok"] is False
    return error_of({"error": ack["error"]})


async def raw_ack(wire: Wire, arguments: str) -> Any:
    """Send the arguments of an event as they are and return its ack."""
    await wire.send(f"42/chat,999{arguments}")
    return await eventually(lambda: wire.acks.pop(999, None))


async def test_success_is_one_object_with_ok_and_data(house: House, http: aiohttp.ClientSession) -> None:
    wire = await (await Person.registers(house, http)).connects()

    ack = await wire.emit("ping", {})

    assert ack.keys() == {"ok", "data"}
    assert ack["ok"] is True
    assert ack["data"].keys() == {"server_time"}


@pytest.mark.parametrize(
    "name", ["nosuch", "message.sendd", "on_connect", "__init__", "received", "hello", "MESSAGE.SEND"]
)
async def test_unknown_event_is_answered(house: House, http: aiohttp.ClientSession, name: str) -> None:
    wire = await (await Person.registers(house, http)).connects()

    error = failure(await wire.emit(name, {}))

    assert (error["code"], error["status"], error["retryable"]) == ("unknown_event", 400, False)


@pytest.mark.parametrize(
    "arguments",
    ['["ping"]', '["ping",{},{}]', '["ping",5]', '["ping",null]', '["ping",[]]', '["ping","x"]', '["ping",true]'],
)
async def test_anything_but_one_object_is_an_invalid_payload(
    house: House, http: aiohttp.ClientSession, arguments: str
) -> None:
    wire = await (await Person.registers(house, http)).connects()

    error = failure(await raw_ack(wire, arguments))

    assert (error["code"], error["status"]) == ("invalid_payload", 400)


@pytest.mark.parametrize(
    ("name", "payload", "field"),
    [
        ("message.send", {"channel_id": UNKNOWN, "text": "a", "seq": 1}, ("seq", "unknown_field")),
        ("message.send", {"channel_id": UNKNOWN, "text": "a", "author_id": "x"}, ("author_id", "unknown_field")),
        ("message.send", {"text": "a"}, ("channel_id", "required")),
        ("message.send", {"channel_id": 5, "text": "a"}, ("channel_id", "wrong_type")),
        ("message.send", {"channel_id": UNKNOWN, "text": 5}, ("text", "wrong_type")),
        ("message.send", {"channel_id": UNKNOWN, "data": []}, ("data", "wrong_type")),
        ("history.get", {"channel_id": UNKNOWN, "limit": 201}, ("limit", "too_large")),
        ("history.get", {"channel_id": UNKNOWN, "limit": 0}, ("limit", "too_small")),
        ("history.get", {"channel_id": UNKNOWN, "limit": "5"}, ("limit", "wrong_type")),
        ("history.get", {"channel_id": UNKNOWN, "before": -1}, ("before", "too_small")),
        ("history.get", {"channel_id": UNKNOWN, "before": 1, "after": 1}, ("", "invalid")),
        ("sync", {"channels": {UNKNOWN: "1"}}, ("channels[...]", "wrong_type")),
        ("sync", {"channels": []}, ("channels", "wrong_type")),
        ("channel.open", {"channel": UNKNOWN}, ("channel", "unknown_field")),
        ("auth.refresh", {}, ("token", "required")),
        ("ping", {"a": 1}, ("a", "unknown_field")),
    ],
)
async def test_bad_field_is_named(
    house: House, http: aiohttp.ClientSession, name: str, payload: Any, field: tuple[str, str]
) -> None:
    wire = await (await Person.registers(house, http)).connects()

    error = failure(await wire.emit(name, payload))

    assert (error["code"], error["status"]) == ("validation_failed", 422)
    assert [(each["path"], each["code"]) for each in error["fields"]] == [field]


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e999", '"\\u0000"', '"\\ud800"', "9007199254740993"]
)
async def test_json_that_others_could_not_read_closes_the_connection(
    house: House, http: aiohttp.ClientSession, value: str
) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    wire, witness = await ana.connects(), await ana.connects()

    await wire.send(f'42/chat,1["message.send",{{"channel_id":"{channel}","data":{{"x":{value}}}}}]')

    await eventually(lambda: wire.closed)
    assert (await witness.emit("ping", {}))["ok"] is True
    assert await house.sql("SELECT 1 FROM messages") == []


@pytest.mark.parametrize("name", ["connect", "disconnect", "connect_error"])
async def test_lifecycle_cannot_be_played_by_a_client(house: House, http: aiohttp.ClientSession, name: str) -> None:
    wire = await (await Person.registers(house, http)).connects()

    await wire.send(f'42/chat,1["{name}",{{}},{{"token":"x"}}]')

    await eventually(lambda: wire.closed)
    assert wire.acks == {}
    await eventually(lambda: house.is_empty)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "ping"])
async def test_command_without_its_permission_is_forbidden_before_it_is_read(
    house: House, http: aiohttp.ClientSession, name: str
) -> None:
    ana = await Person.registers(house, http)
    wire = await house.person(ana, house.sign(ana, scope=frozenset({"profile:write"}))).connects()

    assert failure(await wire.emit(name, COMMANDS[name]))["code"] == "forbidden"
    assert failure(await wire.emit(name, {"typo": 1}))["code"] == "forbidden"
    assert (await wire.emit("ping", {}))["ok"] is True


async def test_token_signed_for_less_than_its_user_may_do_is_held_to_it(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    wire = await house.person(ana, house.sign(ana, scope=frozenset({"messages:read"}))).connects()
    before = wire.frames.copy()

    house.node.audience.doubt(None)
    await eventually(lambda: not house.node.audience._doubted)

    assert failure(await wire.emit("message.send", {"channel_id": channel, "text": "hi"}))["code"] == "forbidden"
    assert (await wire.emit("history.get", {"channel_id": channel}))["ok"] is True
    assert wire.frames[: len(before)] == before


async def test_promotion_and_demotion_reach_live_sockets(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    wire = await ana.connects()
    (connection,) = house.node.audience._followed

    await house.node.desk.accounts.set_roles(ana.username, ("guest",))
    await eventually(lambda: connection.session.claims.roles == ("guest",))
    demoted = await wire.emit("message.send", {"channel_id": channel, "text": "hi"})
    await house.node.desk.accounts.set_roles(ana.username, ("member",))
    await eventually(lambda: connection.session.claims.roles == ("member",))
    promoted = await wire.emit("message.send", {"channel_id": channel, "text": "hi"})

    assert failure(demoted)["code"] == "forbidden"
    assert promoted["ok"] is True


async def test_commands_of_one_socket_are_answered_in_their_order(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    wire = await ana.connects()

    acks = await asyncio.gather(
        *(wire.emit("message.send", {"channel_id": channel, "text": str(n)}) for n in range(20))
    )

    assert [ack["data"]["message"]["seq"] for ack in acks] == list(range(1, 21))


async def test_too_many_commands_are_told_when_to_come_back(make_house: MakeHouse, http: aiohttp.ClientSession) -> None:
    house = await make_house(commands_per_s=1, commands_burst=3)
    wire = await (await Person.registers(house, http)).connects()

    acks = [await wire.emit("ping", {}) for _ in range(5)]

    assert [ack["ok"] for ack in acks] == [True, True, True, False, False]
    error = failure(acks[3])
    assert (error["code"], error["status"], error["retryable"]) == ("rate_limited", 429, True)
    assert 0 < error["retry_after_ms"] <= 1001


@pytest.mark.parametrize("name", ["ping", "nosuch", "auth.refresh"])
async def test_flood_is_told_why_and_cut_off(make_house: MakeHouse, http: aiohttp.ClientSession, name: str) -> None:
    house = await make_house(commands_per_s=200, commands_burst=5)
    ana = await Person.registers(house, http)
    wire, witness = await ana.connects(), await ana.connects()

    for number in range(2000):
        await wire.send(f'42/chat,{number}["{name}",{{}}]')

    closing = await wire.fact("connection.closing")
    assert (closing["reason"], closing["reconnect"]) == ("rate_limited", True)
    assert closing["reconnect_in_ms"] >= 1000
    await eventually(lambda: wire.closed)
    assert len(wire.acks) < 1500
    assert "41/chat," not in wire.frames
    assert (await witness.emit("ping", {}))["ok"] is True


async def test_command_that_fails_inside_is_answered_with_an_id_that_is_in_the_log(
    house: House, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    wire = await ana.connects()
    await house.write_sql("ALTER TABLE messages RENAME COLUMN text TO canary")

    error = failure(await wire.emit("history.get", {"channel_id": channel}))

    assert (error["code"], error["status"], error["retryable"]) == ("internal_error", 500, True)
    assert "canary" not in str(error)
    (record,) = [each for each in caplog.records if getattr(each, "request_id", "") == error["request_id"]]
    assert "messages.text" in str(record.exc_info)
    assert (await wire.emit("ping", {}))["ok"] is True


async def test_command_that_takes_too_long_is_answered_as_unavailable(
    make_house: MakeHouse, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await make_house(ping_timeout_s=1)
    house.node.server.limits = type(house.node.server.limits)(handler_timeout_s=0.1)
    wire = await (await Person.registers(house, http)).connects()

    async def hanging(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(History, "page", hanging)
    error = failure(await wire.emit("history.get", {"channel_id": UNKNOWN}))

    assert (error["code"], error["retryable"]) == ("unavailable", True)
    assert (await wire.emit("ping", {}))["ok"] is True


async def test_database_that_is_away_is_unavailable_and_nothing_is_acked(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    wire = await ana.connects()
    await house.lose_database()

    errors = [
        failure(await wire.emit("message.send", {"channel_id": channel, "text": "hi"})),
        failure(await wire.emit("history.get", {"channel_id": channel})),
        failure(await wire.emit("sync", {"channels": {channel: 0}})),
    ]
    answers = [
        await ana.call("GET", "/v1/channels"),
        await ana.call("POST", f"/v1/channels/{channel}/messages", json={"text": "hi"}),
    ]
    await house.find_database()

    for error in [*errors, *(error_of(answer.body) for answer in answers)]:
        assert (error["code"], error["status"], error["retryable"]) == ("unavailable", 503, True)
        assert error["retry_after_ms"] > 0
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert await house.sql("SELECT 1 FROM messages") == []
    assert (await wire.emit("message.send", {"channel_id": channel, "text": "hi"}))["ok"] is True


async def test_ack_is_json_that_javascript_reads(house: House, http: aiohttp.ClientSession) -> None:
    ana = await Person.registers(house, http)
    channel = await ana.creates()
    wire = await ana.connects()
    text = "\u2028\u202e😀</script>é"

    ack = await wire.emit("message.send", {"channel_id": channel, "text": text, "data": {"__proto__": {"a": 1}}})

    message = ack["data"]["message"]
    assert (message["text"], message["data"]) == (text, {"__proto__": {"a": 1}})
    fact = await wire.fact("message.created")
    assert json.dumps(fact["data"]["message"]) == json.dumps(message)
