import msgspec
import pytest

from app.store import addresses, sessions
from app.store.database import Connection
from tests.store.values import DAY, NOW, a_session, add_users


@pytest.fixture
async def conn(conn: Connection) -> Connection:
    """Have two people to sign in."""
    await add_users(conn, "ada", "bob")
    return conn


async def signed_in(conn: Connection, ip: str, at_ms: int = NOW, user_id: str = "usr_ada") -> str:
    """Add a session and return its id."""
    session = msgspec.structs.replace(a_session(user_id=user_id, ip=ip, last_seen_at_ms=at_ms), id=f"ses_{ip}_{at_ms}")
    await sessions.add(conn, session)
    return session.id


async def test_account_knows_the_addresses_of_its_own_sessions(conn: Connection) -> None:
    for ip, at_ms in (("192.0.2.1", NOW), ("192.0.2.1", NOW + 1), ("2001:db8::1", NOW)):
        await signed_in(conn, ip, at_ms)
    await signed_in(conn, "192.0.2.9", user_id="usr_bob")

    assert await addresses.known_for(conn, "ada") == {"192.0.2.1", "2001:db8::1"}
    assert await addresses.known_for(conn, "nobody") == frozenset()


@pytest.mark.parametrize(
    ("reason", "known"),
    [("signed_out", True), ("password_changed", False), ("suspended", False), ("refresh_token_reused", False)],
)
async def test_address_is_forgotten_with_a_session_that_was_ended_for_a_reason(
    conn: Connection, reason: str, *, known: bool
) -> None:
    session_id = await signed_in(conn, "192.0.2.1")

    await sessions.revoke(conn, session_id, "usr_ada", NOW, reason)

    assert (await addresses.known_for(conn, "ada") == {"192.0.2.1"}) is known


async def test_address_that_ended_one_session_is_known_by_another(conn: Connection) -> None:
    stolen = await signed_in(conn, "192.0.2.1")
    await signed_in(conn, "192.0.2.1", NOW + 1)

    await sessions.revoke(conn, stolen, "usr_ada", NOW, "refresh_token_reused")

    assert await addresses.known_for(conn, "ada") == {"192.0.2.1"}


async def test_addresses_seen_last_are_known_and_not_more_than_two_hundred(conn: Connection) -> None:
    for n in range(addresses.MAX_KNOWN + 5):
        await signed_in(conn, f"192.0.2.{n}", NOW + n * DAY)

    known = await addresses.known_for(conn, "ada")

    assert known == {f"192.0.2.{n}" for n in range(5, addresses.MAX_KNOWN + 5)}
