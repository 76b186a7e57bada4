"""How PostgreSQL is opened: a bounded pool, and a limit on every wait, on the server and on this side."""

from typing import Any
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import create_async_engine

from app.store.address import Address
from app.store.engines import Engines

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 6.0
"""For a server that does not even say that its own limit is over."""

_READ_ONLY = "25006"

_SETTINGS = {
    "statement_timeout": "5000",
    "lock_timeout": "4000",
    "idle_in_transaction_session_timeout": "15000",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
}


def open_postgres(address: Address, size: int, pool_timeout_s: float) -> Engines:
    """Make the engine that writes and the one that reads, both over one pool of `size`; connects nothing.

    Each statement of the reading one sees what was committed when it began, and costs one round trip.
    """
    engine = create_async_engine(
        address.url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=pool_timeout_s,
        hide_parameters=True,
        connect_args=connect_args(address, _SETTINGS, COMMAND_TIMEOUT_S),
    )
    opened: WeakSet[Any] = WeakSet()

    def abandon() -> None:
        for driver in opened:
            driver.terminate()

    event.listen(engine.sync_engine, "connect", lambda connection, _: opened.add(connection.driver_connection))
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    event.listen(engine.sync_engine, "handle_error", _drop_dead)
    return Engines(engine, engine.execution_options(isolation_level="AUTOCOMMIT"), abandon)


def connect_args(address: Address, settings: dict[str, str], command_timeout_s: float) -> dict[str, Any]:
    """Give the driver's arguments: limits in seconds, and the server's `settings` for the connection."""
    arguments: dict[str, Any] = {
        "timeout": CONNECT_TIMEOUT_S,
        "command_timeout": command_timeout_s,
        "server_settings": {**settings, "application_name": address.application_name},
    }
    if address.ssl is not None:
        arguments["ssl"] = address.ssl
    return arguments


def _refuse_closed(connection: DBAPIConnection, *_: object) -> None:
    """Replace a pooled connection that the server has closed meanwhile; asking the driver costs no round trip."""
    driver: Any = connection.driver_connection
    if driver.is_closed():
        raise DisconnectionError


def _drop_dead(context: ExceptionContext) -> None:
    """Throw all connections away where one of them shows that there is no primary at its other end any more.

    An answer that did not come in time may come later, for another question; and a server that became a replica keeps
    its connections while the name of the primary leads elsewhere.
    """
    error = context.original_exception
    if isinstance(error, TimeoutError) or getattr(error, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = True
