import pytest

from app.core.errors import AppError, FieldError
from app.core.model import User
from app.store import members, sessions, users
from app.store.database import Connection
from tests.store.values import NOW, a_session, a_user, add_channel, add_users


def names(found: list[User]) -> list[str]:
    return [user.username for user in found]


async def test_added_user_is_read_back_as_it_was(conn: Connection) -> None:
    user = a_user("ada", display_name="Ada 👩‍💻 Lovelace", roles=("member", "admin"), suspended_at_ms=NOW)

    await users.add(conn, user, "ada", "$2b$hash")

    assert await users.get(conn, user.id) == user
    assert await users.credentials(conn, "ada") == (user, "$2b$hash")


async def test_user_that_signs_in_elsewhere_has_no_hash(conn: Connection) -> None:
    await users.add(conn, a_user("ada"), "ada", None)

    assert await users.credentials(conn, "ada") == (a_user("ada"), None)


async def test_unknown_user_is_none_and_cannot_be_changed(conn: Connection) -> None:
    assert await users.get(conn, "usr_nobody") is None
    assert await users.credentials(conn, "nobody") is None
    assert await users.tokens_valid_after(conn, "usr_nobody") is None
    assert not await users.set_roles(conn, "usr_nobody", ["admin"])
    assert not await users.set_suspended(conn, "usr_nobody", NOW)
    assert not await users.set_display_name(conn, "usr_nobody", "N")
    assert not await users.set_password(conn, "usr_nobody", "h")


async def test_taken_name_is_refused_and_the_transaction_goes_on(conn: Connection) -> None:
    await users.add(conn, a_user("ada"), "ada", None)

    with pytest.raises(AppError) as refused:
        await users.add(conn, a_user("ADA"), "ada", None)

    assert refused.value.code == "already_exists"
    assert refused.value.fields == (FieldError("username", "taken"),)
    assert await users.count(conn) == 1


async def test_setters_change_what_they_name_and_nobody_else(conn: Connection) -> None:
    await add_users(conn, "ada", "bob")

    assert await users.set_roles(conn, "usr_ada", ["member", "admin"])
    assert await users.set_suspended(conn, "usr_ada", NOW)
    assert await users.set_display_name(conn, "usr_ada", "Countess")
    assert await users.set_password(conn, "usr_ada", "new")

    changed = a_user("ada", display_name="Countess", roles=("member", "admin"), suspended_at_ms=NOW)
    assert await users.credentials(conn, "ada") == (changed, "new")
    assert await users.credentials(conn, "bob") == (a_user("bob"), None)


async def test_suspension_is_lifted_with_none(conn: Connection) -> None:
    await users.add(conn, a_user("ada", suspended_at_ms=NOW), "ada", None)

    assert await users.set_suspended(conn, "usr_ada", None)

    assert await users.get(conn, "usr_ada") == a_user("ada")


async def test_tokens_are_valid_until_all_sessions_are_ended(conn: Connection) -> None:
    await add_users(conn, "ada")
    await sessions.add(conn, a_session(1))
    assert await users.tokens_valid_after(conn, "usr_ada") == 0

    await sessions.revoke_all(conn, "usr_ada", NOW + 5, "signed_out", "ses_1")
    assert await users.tokens_valid_after(conn, "usr_ada") == 0

    await sessions.revoke_all(conn, "usr_ada", NOW + 9, "signed_out", None)
    assert await users.tokens_valid_after(conn, "usr_ada") == NOW + 9


async def test_people_are_found_only_through_a_shared_channel(conn: Connection) -> None:
    await add_users(conn, "ada", "bob", "cyd", "dan")
    await add_channel(conn, "one", "ada", "bob")
    await add_channel(conn, "two", "ada", "bob", "cyd")
    await add_channel(conn, "other", "dan")

    assert names(await users.sharing_channel_with(conn, "usr_ada", None, 10, None)) == ["ada", "bob", "cyd"]
    assert names(await users.sharing_channel_with(conn, "usr_dan", None, 10, None)) == ["dan"]


async def test_person_who_left_is_found_no_more(conn: Connection) -> None:
    await add_users(conn, "ada", "bob")
    await add_channel(conn, "one", "ada", "bob")

    await members.remove(conn, "chn_one", "usr_bob")

    assert names(await users.sharing_channel_with(conn, "usr_ada", None, 10, None)) == ["ada"]
    assert names(await users.sharing_channel_with(conn, "usr_bob", None, 10, None)) == ["bob"]


async def test_search_looks_in_both_names_whatever_their_case(conn: Connection) -> None:
    await users.add(conn, a_user("ada", display_name="Ádám Straße"), "ada", None)
    await users.add(conn, a_user("bob", display_name="Robert"), "bob", None)

    assert names(await users.search_all(conn, "ÁDÁM", 10, None)) == ["ada"]
    assert names(await users.search_all(conn, "STRASSE", 10, None)) == ["ada"]
    assert names(await users.search_all(conn, "OB", 10, None)) == ["bob"]
    assert names(await users.search_all(conn, "", 10, None)) == ["ada", "bob"]


@pytest.mark.parametrize("query", ["%", "_", "a%", "\\", "/", "'", "' OR 1=1 --", '"', "🙂", "a\\_"])
async def test_marks_of_the_query_language_stand_for_themselves(conn: Connection, query: str) -> None:
    await add_users(conn, "ada")

    assert await users.search_all(conn, query, 10, None) == []


async def test_renamed_person_is_found_under_the_new_name_only(conn: Connection) -> None:
    await users.add(conn, a_user("ada", display_name="Old"), "ada", None)

    await users.set_display_name(conn, "usr_ada", "New")

    assert names(await users.search_all(conn, "new", 10, None)) == ["ada"]
    assert await users.search_all(conn, "old", 10, None) == []


async def test_pages_of_people_join_without_a_gap_in_the_order_of_bytes(conn: Connection) -> None:
    people = ["_x", "a-b", "a.b", "ab", "b", "ba", "z1", "z10", "z2"]
    await add_users(conn, *reversed(people))

    found: list[User] = []
    while page := await users.search_all(conn, None, 2, found[-1].id if found else None):
        found += page

    assert names(found) == sorted(people)


async def test_cursor_that_names_nobody_ends_the_list(conn: Connection) -> None:
    await add_users(conn, "ada")

    assert await users.search_all(conn, None, 10, "usr_nobody") == []


async def test_people_share_a_channel_where_both_are_in_one(conn: Connection) -> None:
    await add_users(conn, "ada", "bob", "eve")
    await add_channel(conn, "general", "ada", "bob")
    await add_channel(conn, "other", "eve", "bob")

    assert await users.shares_channel(conn, "usr_ada", "usr_bob")
    assert await users.shares_channel(conn, "usr_bob", "usr_eve")
    assert not await users.shares_channel(conn, "usr_ada", "usr_eve")
    assert await users.shares_channel(conn, "usr_ada", "usr_ada")
    assert not await users.shares_channel(conn, "usr_ada", "usr_nobody")


async def test_administrators_are_those_who_are_not_suspended(conn: Connection) -> None:
    for name, roles, suspended in (("ada", ("admin",), None), ("bob", ("member",), None), ("eve", ("admin",), NOW)):
        await users.add(conn, a_user(name, roles=roles, suspended_at_ms=suspended), name, None)

    assert await users.lock_administrators(conn) == {"usr_ada"}
    assert await users.lock(conn, "usr_bob") == a_user("bob")
    assert await users.lock(conn, "usr_nobody") is None
