from ssl import CERT_REQUIRED, SSLContext

import pytest

from app.store.address import parse_address


def test_sqlite_files_are_relative_with_three_slashes_and_absolute_with_four() -> None:
    assert parse_address("sqlite:///var/a.db").url.database == "var/a.db"
    assert parse_address("sqlite:////srv/a.db").url.database == "/srv/a.db"
    assert parse_address("sqlite:////srv/a.db").is_sqlite
    assert parse_address("sqlite:////srv/a.db").url.drivername == "sqlite+aiosqlite"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgres_is_taken_under_both_its_names(scheme: str) -> None:
    address = parse_address(f"{scheme}://u:p%40ss@db.example:6432/chat")

    assert not address.is_sqlite
    assert address.ssl is None
    assert address.url.render_as_string(hide_password=False) == "postgresql+asyncpg://u:p%40ss@db.example:6432/chat"


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require"])
def test_sslmode_becomes_the_drivers_ssl(mode: str) -> None:
    address = parse_address(f"postgres://u@h/d?sslmode={mode}")

    assert address.ssl == mode
    assert not address.url.query


@pytest.mark.parametrize(("mode", "checks_name"), [("verify-ca", False), ("verify-full", True)])
def test_modes_that_verify_do(mode: str, checks_name: bool) -> None:
    context = parse_address(f"postgres://u@h/d?sslmode={mode}&sslrootcert=system").ssl

    assert isinstance(context, SSLContext)
    assert context.verify_mode == CERT_REQUIRED
    assert context.check_hostname is checks_name


def test_socket_and_name_are_kept() -> None:
    address = parse_address("postgresql://u@/d?host=/run/postgresql&application_name=blue")

    assert dict(address.url.query) == {"host": "/run/postgresql"}
    assert address.application_name == "blue"
    assert parse_address("postgresql://u@h/d").application_name == "heliograph"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "secret",
        "mysql://u:secret@h/d",
        "postgresql+psycopg://u:secret@h/d",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///a.db?mode=secret",
        "postgres://u:secret@h:port/d",
        "postgres://u:secret@h/d?sslmode=on",
        "postgres://u:secret@h/d?sslmode=require&sslmode=disable",
        "postgres://u:secret@h/d?channel_binding=require",
        "postgres://u:secret@h/d?sslmode=verify-full&sslrootcert=/nowhere.pem",
    ],
)
def test_what_is_not_understood_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="database URL") as refused:
        parse_address(url)

    assert "secret" not in str(refused.value)
