"""Who sees whom, and what administrators change about others, on their live sockets too."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.edge.http.administrators import administrator, member
from tests.helpers import eventually
from tests.house import House, MakeHouse
from tests.people import Answer, Person

NOBODY = "usr_01KDX2N5M00000000000000001"


async def names(person: Person, **params: Any) -> list[str]:
    answer = await person.call("GET", "/v1/users", params=params)
    assert answer.status == 200, answer.body
    return [user["username"] for user in answer.body["items"]]


async def patch(root: Person, person: Person, **fields: Any) -> Answer:
    return await root.call("PATCH", f"/v1/users/{person.id}", json=fields)


async def test_people_see_those_with_whom_they_share_a_channel_and_nobody_else(
    house: House, http: aiohttp.ClientSession
) -> None:
    ana, bo, eve = [await member(house, http, name) for name in ("ana", "bo", "eve")]
    await bo.joins(await ana.creates())

    assert await names(ana) == ["ana", "bo"]
    assert await names(eve) == ["eve"]
    assert await names(ana, query="EV") == []
    assert await names(ana, query="B") == ["bo"]
    assert (await ana.call("GET", f"/v1/users/{bo.id}")).body["username"] == "bo"
    assert (await ana.call("GET", f"/v1/users/{ana.id}")).status == 200


async def test_stranger_is_answered_like_nobody(house: House, http: aiohttp.ClientSession) -> None:
    ana, eve = await member(house, http, "ana"), await member(house, http, "eve")

    answers = [await ana.call("GET", f"/v1/users/{user_id}") for user_id in (eve.id, NOBODY, "me", "usr_x")]

    assert {(answer.status, answer.code, answer.body["error"]["message"]) for answer in answers} == {
        (404, "not_found", answers[0].body["error"]["message"])
    }


async def test_who_left_is_seen_no_more(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await member(house, http, "ana"), await member(house, http, "bo")
    channel_id = await ana.creates()
    await bo.joins(channel_id)
    await bo.call("DELETE", f"/v1/channels/{channel_id}/members/me")

    assert await names(ana) == ["ana"]
    assert (await ana.call("GET", f"/v1/users/{bo.id}")).status == 404


async def test_administrators_see_everybody_and_who_is_suspended(house: House, http: aiohttp.ClientSession) -> None:
    ana, root = await member(house, http, "ana"), await administrator(house, http)
    await patch(root, ana, suspended=True)

    page = (await root.call("GET", "/v1/users", params={"limit": 1})).body
    rest = (await root.call("GET", "/v1/users", params={"cursor": page["next_cursor"]})).body

    assert [(user["username"], user["suspended"]) for user in page["items"] + rest["items"]] == [
        ("ana", True),
        ("root", False),
    ]
    assert "suspended" not in (await (await member(house, http, "bo")).call("GET", "/v1/me")).body


async def test_new_roles_hold_on_an_open_socket_at_once(house: House, http: aiohttp.ClientSession) -> None:
    ana, root = await member(house, http), await administrator(house, http)
    channel_id = await ana.creates()
    wire = await ana.connects()

    answer = await patch(root, ana, roles=["guest", "guest"])
    assert (answer.status, answer.body["roles"]) == (200, ["guest"])

    async def refused() -> bool:
        ack = await wire.emit("message.send", {"channel_id": channel_id, "text": "hello"})
        return not ack["ok"] and bool(ack["error"]["code"] == "forbidden")

    await eventually(refused, 5)


async def test_suspending_closes_sockets_and_lifting_lets_in_again(house: House, http: aiohttp.ClientSession) -> None:
    ana, root = await member(house, http), await administrator(house, http)
    wire = await ana.connects()

    assert (await patch(root, ana, suspended=True)).body["suspended"] is True
    assert (await wire.fact("session.revoked"))["reason"] == "suspended"
    assert (await ana.call("GET", "/v1/me")).status == 401
    assert (await patch(root, ana, suspended=False)).body["suspended"] is False
    assert (await ana.call("GET", "/v1/me")).code == "session_revoked"
    ((suspended_at,),) = await house.sql("SELECT suspended_at FROM users WHERE id = :id", id=ana.id)
    assert suspended_at is None


@pytest.mark.parametrize("fields", [{"suspended": True}, {"roles": ["member"]}])
async def test_administrator_does_not_lock_themselves_out(
    house: House, http: aiohttp.ClientSession, fields: dict[str, Any]
) -> None:
    root, _other = await administrator(house, http), await administrator(house, http, "other")

    answer = await patch(root, root, **fields)

    assert (answer.status, answer.code) == (403, "forbidden")
    assert (await patch(root, root, roles=["admin"])).body["roles"] == ["admin"]


async def test_two_administrators_who_demote_each_other_at_once_leave_one(
    make_house: MakeHouse, database_url: str, http: aiohttp.ClientSession
) -> None:
    house = await make_house(database_url=database_url)
    one, two = await administrator(house, http, "one"), await administrator(house, http, "two")

    answers = await asyncio.gather(patch(one, two, roles=["member"]), patch(two, one, suspended=True))

    assert sum(answer.status == 200 for answer in answers) == 1
    living = await house.sql("SELECT 1 FROM users WHERE roles LIKE '%admin%' AND suspended_at IS NULL")
    assert len(living) == 1


async def test_last_administrator_stays(house: House, http: aiohttp.ClientSession) -> None:
    """A token may hold the permission without the role."""
    root, ana = await administrator(house, http), await member(house, http)
    entitled = house.person(ana, house.sign(ana, scope=frozenset({"users:write"})))

    answers = [await patch(entitled, root, roles=["guest"]), await patch(entitled, root, suspended=True)]

    assert [(answer.status, answer.code) for answer in answers] == [(409, "conflict")] * 2
    assert (await root.call("GET", "/v1/audit")).status == 200


async def test_only_administrators_change_others(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await member(house, http, "ana"), await member(house, http, "bo")
    await bo.joins(await ana.creates())

    for answer in (await patch(ana, bo, suspended=True), await patch(ana, ana, roles=["admin"])):
        assert (answer.status, answer.code) == (403, "forbidden")


@pytest.mark.parametrize(
    "fields", [{"roles": []}, {"roles": ["root"]}, {"roles": "admin"}, {"suspended": "yes"}, {"username": "x"}]
)
async def test_change_that_is_none_is_refused(
    house: House, http: aiohttp.ClientSession, fields: dict[str, Any]
) -> None:
    root, ana = await administrator(house, http), await member(house, http)

    answer = await patch(root, ana, **fields)

    assert (answer.status, answer.code) == (422, "validation_failed")
    assert (await root.call("PATCH", f"/v1/users/{NOBODY}", json={})).status == 404
