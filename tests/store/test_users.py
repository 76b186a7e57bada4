import pytest

from app.core.errors import AppError, FieldError
from app.store import users
from app.store.database import Connection
from tests.store.values import NOW, a_user, add_channel, add_users


async def test_added_user_is_read_back_as_it_was(conn: Connection) -> None:
    user = a_user("ada", display_name="Ada 👩‍💻 Lovelace", roles=("member", "admin"))  # noqa: RUF001  emoji joiner

    await users.add(conn, user, "ada", "$2b$hash")

    assert await users.get(conn, user.id) == user
    assert await users.credentials(conn, "ada") == (user, "$2b$hash")


async def test_unknown_user_is_none(conn: Connection) -> None:
    assert await users.get(conn, "usr_nobody") is None
    assert await users.credentials(conn, "nobody") is None
    assert await users.tokens_valid_after(conn, "usr_nobody") is None


async def test_taken_name_is_refused_and_the_transaction_goes_on(conn: Connection) -> None:
    await users.add(conn, a_user("ada"), "ada", None)

    with pytest.raises(AppError) as refused:
        await users.add(conn, a_user("ADA"), "ada", None)

    assert refused.value.code == "already_exists"
    assert refused.value.fields == (FieldError("username", "taken"),)
    assert await users.count(conn) == 1
