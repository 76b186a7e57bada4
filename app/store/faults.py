"""What the drivers' errors mean for a caller: the database is away, the text is none, or the program is wrong.

Only the last kind leaves the room as it is. The statement and its parameters never enter a reason.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg  # type: ignore[import-untyped]  # it ships none
from sqlalchemy.exc import DBAPIError, EmulatedDBAPIException, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from app.core.errors import AppError, FieldError, Invalid, Unavailable

_AWAY_CLASSES = frozenset({"08", "28", "3D", "40", "53", "55", "57", "58", "F0", "XX"})
"""SQLSTATE classes: connection, authorisation, database, rollback by the server, resources, locks, operator,
system, configuration, internal."""
_AWAY_STATES = frozenset({"25006", "25P03", "25P04"})
"""Read-only (a replica, after a failover), a transaction that idled or lasted too long."""
_BAD_TEXT_STATES = frozenset({"22021", "22P05"})

_AWAY_RESULTS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_NOTADB,
    }
)

_REFUSED_CLASSES = frozenset({"23", "25", "40", "53", "55"})
_REFUSED_RESULTS = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CONSTRAINT})

_TAKEN_RESULTS = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)


class OutcomeUnknown(Unavailable):
    """A commit was asked for and its answer never came: all of it is stored, or nothing.

    Doing the same again under the same key tells which.
    """


@contextmanager
def told_apart() -> Iterator[None]:
    """Raise what the drivers raise in here as `Unavailable` or `Invalid` where it is no fault of the program."""
    try:
        yield
    except AppError:
        raise
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        raise told from error


def explain(error: Exception) -> AppError | None:
    """Say what an error means for the caller, None where it is a fault of the program."""
    cause = _cause(error)
    if _sqlstate(cause) in _BAD_TEXT_STATES or isinstance(cause.__cause__ or cause, UnicodeEncodeError):
        return Invalid(FieldError("", "invalid"))
    if _is_away(error, cause):
        return Unavailable(f"{type(cause).__name__}: {str(cause).partition(chr(10))[0]}".rstrip(": "))
    return None


def was_refused(error: Exception) -> bool:
    """Tell whether the database itself said that a commit did not happen; where it fell silent nobody knows."""
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF in _REFUSED_RESULTS
    state = _sqlstate(cause)
    return state is not None and (state[:2] in _REFUSED_CLASSES or state == "57014")


def is_taken(error: IntegrityError) -> bool:
    """Tell whether a value that must be the only one was there already; else a row refers to what is not there."""
    cause = _cause(error)
    return _sqlstate(cause) == "23505" or getattr(cause, "sqlite_errorcode", None) in _TAKEN_RESULTS


def _sqlstate(cause: BaseException) -> str | None:
    """Give PostgreSQL's own code of an error, None where the server did not speak."""
    return getattr(cause, "sqlstate", None)


def _cause(error: Exception) -> BaseException:
    """Give the driver's own exception."""
    cause = error.orig if isinstance(error, StatementError) else error
    if isinstance(cause, EmulatedDBAPIException):
        cause = cause.__cause__
    return cause or error


def _is_away(error: Exception, cause: BaseException) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(cause, sqlite3.Error):
        code: int | None = getattr(cause, "sqlite_errorcode", None)
        if code is None:  # not SQLite speaks but the layer above it: the connection was closed under the statement
            return isinstance(cause, sqlite3.OperationalError)
        return code & 0xFF in _AWAY_RESULTS
    if isinstance(cause, asyncpg.InvalidCachedStatementError):
        return True  # the schema has changed under a plan; the next one is made anew
    state = _sqlstate(cause)
    if state is not None:
        return state[:2] in _AWAY_CLASSES or state in _AWAY_STATES
    return isinstance(cause, OSError | TimeoutError | PoolExhausted | asyncpg.ConnectionDoesNotExistError)
