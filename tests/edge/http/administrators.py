"""Administrators of a house, and what the tests of administration ask them."""

from typing import Any

import aiohttp

from tests.edge.http.signing import post
from tests.house import House
from tests.nodes import PASSWORD
from tests.people import Answer, Person


async def administrator(house: House, http: aiohttp.ClientSession, name: str = "root") -> Person:
    """Make an administrator as an operator does, and sign in."""
    await house.node.administration.accounts.create(name, PASSWORD, ("member", "admin"))
    body = {"username": name, "password": PASSWORD, "refresh_in": "body"}
    return Person(house, http, (await post(house, http, "login", body)).body)


async def member(house: House, http: aiohttp.ClientSession, name: str = "ana") -> Person:
    """Make a member, whoever may register, and sign in."""
    await house.node.administration.accounts.create(name, PASSWORD, ("member",))
    body = {"username": name, "password": PASSWORD, "refresh_in": "body"}
    return Person(house, http, (await post(house, http, "login", body)).body)


async def invited(person: Person, **fields: Any) -> dict[str, Any]:
    """Make an invitation."""
    answer = await person.call("POST", "/v1/invites", json=fields)
    assert answer.status == 201, answer.body
    return dict(answer.body)


async def records(root: Person, **wanted: Any) -> list[dict[str, Any]]:
    """Read the audit log."""
    answer = await root.call("GET", "/v1/audit", params={"limit": 200, **wanted})
    assert answer.status == 200, answer.body
    return list(answer.body["items"])


async def register(house: House, http: aiohttp.ClientSession, name: str, **fields: Any) -> Answer:
    """Register."""
    return await post(house, http, "register", {"username": name, "password": PASSWORD, **fields})
