"""What `DATABASE_URL` may say, and what the drivers make of it. Opens nothing.

`sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://…` and `postgres://…` with libpq's `sslmode` are
taken. An option that is not known is refused: one about security must not be passed over in silence.
"""

from ssl import SSLContext, create_default_context
from typing import Any, NamedTuple

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_OPTIONS = frozenset({"host", "port", "sslmode", "sslrootcert", "application_name"})


class Address(NamedTuple):
    """Where a database is: the URL for the driver, and on PostgreSQL the driver's `ssl` argument and our name there."""

    url: URL
    ssl: str | SSLContext | None = None
    application_name: str = "heliograph"

    @property
    def is_sqlite(self) -> bool:
        """Tell whether it is a file of SQLite."""
        return self.url.get_backend_name() == "sqlite"


def parse_address(url: str) -> Address:
    """Read a database URL.

    Raises `ValueError` for one that is not understood; its text never holds the URL, which may hold a password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("the database URL is not a URL") from None
    if parsed.drivername == "sqlite":
        return _sqlite(parsed)
    if parsed.drivername in ("postgres", "postgresql"):
        return _postgres(parsed)
    raise ValueError("the database URL starts with none of sqlite:, postgresql: and postgres:")


def _sqlite(url: URL) -> Address:
    if not url.database or url.database == ":memory:":
        raise ValueError("the database URL of SQLite names no file")
    if url.query:
        raise ValueError("the database URL of SQLite takes no options")
    return Address(url.set(drivername="sqlite+aiosqlite"))


def _postgres(url: URL) -> Address:
    if unknown := set(url.query) - _OPTIONS:
        raise ValueError(f"options of the database URL that are not known: {', '.join(sorted(unknown))}")
    return Address(
        url.set(drivername="postgresql+asyncpg").difference_update_query(_OPTIONS - {"host", "port"}),
        _ssl(_option(url, "sslmode"), _option(url, "sslrootcert")),
        _option(url, "application_name") or "heliograph",
    )


def _option(url: URL, name: str) -> str | None:
    value: Any = url.query.get(name)
    if isinstance(value, tuple):
        raise ValueError(f"the database URL gives {name} more than once")  # noqa: TRY004 (the value is bad, not its type)
    return None if value is None else str(value)


def _ssl(mode: str | None, roots: str | None) -> str | SSLContext | None:
    """Give the driver's `ssl`; the modes that verify do so against `roots`, or the system's authorities."""
    if mode is None:
        return None
    if mode not in _SSL_MODES:
        raise ValueError(f"sslmode of the database URL is none of {', '.join(_SSL_MODES)}")
    if not mode.startswith("verify-"):
        return mode
    try:
        context = create_default_context(cafile=None if roots in (None, "system") else roots)
    except OSError as error:
        raise ValueError("sslrootcert of the database URL holds no certificates that can be read") from error
    context.check_hostname = mode == "verify-full"
    return context
