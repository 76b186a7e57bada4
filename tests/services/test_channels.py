"""Channels by role and kind, their names, and who is in them."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.house import House
from tests.people import Answer, Person

UNKNOWN = "chn_01J00000000000000000000000"
CHANNEL = {"id", "name", "kind", "topic", "last_seq", "my_role", "unread", "mentions", "created_at"}


def same(answers: list[Answer]) -> Answer:
    """Check that answers are one and the same but for their ids."""
    seen = {json.dumps([answer.status, {**answer.body["error"], "request_id": ""}]) for answer in answers}
    assert len(seen) == 1
    return answers[0]


async def test_new_channel_is_answered_whole_with_its_creator_as_owner(
    each_house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(each_house, http)

    body = {"name": "Allgemein", "kind": "private", "topic": "  über alles  "}
    answer = await ana.call("POST", "/v1/channels", json=body)

    channel = answer.body
    assert (answer.status, channel.keys() >= CHANNEL) == (201, True)
    assert channel["id"].startswith("chn_")
    assert (channel["name"], channel["kind"], channel["topic"]) == ("Allgemein", "private", "über alles")
    assert (channel["last_seq"], channel["my_role"], channel["unread"], channel["mentions"]) == (0, "owner", 0, 0)
    assert (await ana.call("GET", f"/v1/channels/{channel['id']}")).body == channel
    assert (await ana.call("GET", "/v1/channels")).body == {"items": [channel], "next_cursor": None}


SEEN: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "", {}),
    ("GET", "/members", {}),
    ("GET", "/messages", {}),
]
DONE: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/messages", {"json": {"text": "hi"}}),
    ("DELETE", "/members/me", {}),
]


@pytest.mark.parametrize(("method", "path", "options"), [*SEEN, *DONE, ("PUT", "/members/me", {})])
async def test_private_channel_is_for_a_stranger_like_one_that_is_not(
    each_house: House, http: aiohttp.ClientSession, method: str, path: str, options: dict[str, Any]
) -> None:
    ana, bo = await Person.registers(each_house, http), await Person.registers(each_house, http)
    private = await ana.creates(kind="private")

    ids = (private, UNKNOWN, "nonsense", "chn_", "%00", "%F0%9F%98%80", "a" * 300, private.lower())
    answers = [await bo.call(method, f"/v1/channels/{channel}{path}", **options) for channel in ids]

    assert (same(answers).status, answers[0].code) == (404, "not_found")
    assert len((await ana.call("GET", f"/v1/channels/{private}/members")).body["items"]) == 1


@pytest.mark.parametrize(("method", "path", "options"), SEEN)
async def test_public_channel_is_seen_by_everyone(
    house: House, http: aiohttp.ClientSession, method: str, path: str, options: dict[str, Any]
) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    public = await ana.creates()

    assert (await bo.call(method, f"/v1/channels/{public}{path}", **options)).status == 200


@pytest.mark.parametrize(("method", "path", "options"), DONE)
async def test_only_members_act_in_a_public_channel(
    house: House, http: aiohttp.ClientSession, method: str, path: str, options: dict[str, Any]
) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    public = await ana.creates()

    refused = await bo.call(method, f"/v1/channels/{public}{path}", **options)
    await bo.joins(public)
    taken = await bo.call(method, f"/v1/channels/{public}{path}", **options)

    assert refused.code == "not_found"
    assert taken.status in (201, 204)


async def test_who_left_a_private_channel_sees_it_no_more(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    private = await ana.creates(kind="private")
    values = {"channel": private, "user": bo.id}
    await house.write_sql("INSERT INTO members VALUES (:channel, :user, 'member', 1, 0)", **values)
    await bo.posts(private, "mine")

    assert (await bo.call("DELETE", f"/v1/channels/{private}/members/me")).status == 204

    paths = ("", "/members", "/messages")
    answers = [await bo.call("GET", f"/v1/channels/{private}{path}") for path in paths]
    assert same(answers).code == "not_found"
    assert (await bo.call("DELETE", f"/v1/channels/{private}/members/me")).code == "not_found"
    assert (await bo.call("PUT", f"/v1/channels/{private}/members/me")).code == "not_found"


async def test_joining_twice_changes_nothing(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()

    first, second = await bo.joins(channel), await bo.joins(channel)

    assert first == second
    assert (first["my_role"], first["last_seq"], first["unread"]) == ("member", 1, 0)
    members = (await ana.call("GET", f"/v1/channels/{channel}/members")).body["items"]
    assert {(member["user"]["id"], member["role"]) for member in members} == {(ana.id, "owner"), (bo.id, "member")}
    assert all(member.keys() == {"user", "role", "joined_at"} for member in members)


async def test_joins_at_once_take_one_seq_each(each_house: House, http: aiohttp.ClientSession) -> None:
    people = [await Person.registers(each_house, http) for _ in range(6)]
    channel = await people[0].creates()

    await asyncio.gather(*(person.joins(channel) for person in people[1:] * 2))

    facts = await each_house.sql("SELECT seq FROM facts ORDER BY seq")
    assert [row[0] for row in facts] == [1, 2, 3, 4, 5]
    assert (await people[0].call("GET", f"/v1/channels/{channel}")).body["last_seq"] == 5


async def test_joined_by_id_or_as_me_but_nobody_else(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()

    for user, body, code in (
        (ana.id, None, "forbidden"),
        ("usr_01J00000000000000000000000", None, "forbidden"),
        ("me", {"role": "owner"}, "forbidden"),
        ("me", {"role": "king"}, "validation_failed"),
        (bo.id, {"role": "member"}, None),
    ):
        assert (await bo.call("PUT", f"/v1/channels/{channel}/members/{user}", json=body)).code == code


@pytest.mark.parametrize("name", ["GENERAL", "general", "\N{FULLWIDTH LATIN SMALL LETTER G}eneral"])
@pytest.mark.parametrize("kind", ["public", "private"])
async def test_name_is_taken_whatever_its_case_or_width(
    each_house: House, http: aiohttp.ClientSession, name: str, kind: str
) -> None:
    ana, bo = await Person.registers(each_house, http), await Person.registers(each_house, http)
    await ana.creates("General")

    answer = await bo.call("POST", "/v1/channels", json={"name": name, "kind": kind})

    assert (answer.status, answer.code) == (409, "already_exists")
    assert answer.body["error"]["fields"] == [{"path": "name", "code": "taken"}]
    assert len(await each_house.sql("SELECT 1 FROM channels")) == 1


async def test_sharp_s_and_double_s_are_one_name_and_accents_have_one_form(
    each_house: House, http: aiohttp.ClientSession
) -> None:
    ana = await Person.registers(each_house, http)

    await ana.creates("straße")
    composed = await ana.call("POST", "/v1/channels", json={"name": "cafe\u0301", "kind": "public"})

    assert (await ana.call("POST", "/v1/channels", json={"name": "STRASSE", "kind": "public"})).code == "already_exists"
    assert composed.body["name"] == "café"


@pytest.mark.parametrize("name", ["日本語", "русский", "हिन्दी", "ภาษาไทย", "a_b-c", "1", "x" * 64])
async def test_names_of_all_scripts_are_taken(house: House, http: aiohttp.ClientSession, name: str) -> None:
    ana = await Person.registers(house, http)

    answer = await ana.call("POST", "/v1/channels", json={"name": name, "kind": "public"})

    assert (answer.status, answer.body["name"]) == (201, name)


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "#a", "-a", "a\u200bb", "a\u202eb", "a\n", "x" * 65, "😀"])
async def test_names_that_mislead_are_refused(house: House, http: aiohttp.ClientSession, name: str) -> None:
    ana = await Person.registers(house, http)

    answer = await ana.call("POST", "/v1/channels", json={"name": name, "kind": "public"})

    assert (answer.status, answer.code) == (422, "validation_failed")


async def test_discovery_lists_public_channels_with_my_role(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    joined, other = await ana.creates("a"), await ana.creates("b")
    await ana.creates("c", "private")
    await bo.joins(joined)

    found = (await bo.call("GET", "/v1/channels?discover=true")).body["items"]
    mine = (await bo.call("GET", "/v1/channels")).body["items"]

    assert [(channel["id"], channel["my_role"]) for channel in found] == [(joined, "member"), (other, None)]
    assert [channel["id"] for channel in mine] == [joined]


async def test_unread_counts_what_others_wrote_since_one_joined(each_house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(each_house, http), await Person.registers(each_house, http)
    channel = await ana.creates()
    await ana.posts(channel, "before")
    await bo.joins(channel)
    for text in ("one", "two"):
        await ana.posts(channel, text)
    await bo.posts(channel, "three")

    unread = [(await person.call("GET", f"/v1/channels/{channel}")).body["unread"] for person in (ana, bo)]
    sync = (await bo.call("POST", "/v1/sync", json={"channels": {}})).body

    assert unread == [1, 2]
    assert sync["unread"] == {channel: 2}


async def test_archived_channel_takes_no_members_and_no_messages(house: House, http: aiohttp.ClientSession) -> None:
    ana, bo = await Person.registers(house, http), await Person.registers(house, http)
    channel = await ana.creates()
    await house.write_sql("UPDATE channels SET archived_at = 1")

    joined = await bo.call("PUT", f"/v1/channels/{channel}/members/me")
    sent = await ana.call("POST", f"/v1/channels/{channel}/messages", json={"text": "hi"})

    assert (joined.status, joined.code) == (sent.status, sent.code) == (409, "channel_archived")
