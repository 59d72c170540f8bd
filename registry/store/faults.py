"""What a database's own errors mean to whoever asked: his value is the mistake, or the database is away.

Every other error is a mistake of ours and stays what it is.
"""

import sqlite3
from typing import Any

import sqlalchemy as sa

from registry.core.errors import InvalidInput, SlipwayError, Unavailable

BUSY = "the database is busy: another process keeps writing to it; try again"

# SQLite's result codes. A full disk is FULL, or IOERR where the system refuses the write.
_SQLITE = {
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_READONLY: "the database cannot be written to",
    sqlite3.SQLITE_IOERR: "the database's disk refused to read or write",
    sqlite3.SQLITE_CORRUPT: "the database's file is damaged",
    sqlite3.SQLITE_FULL: "the database's disk is full",
    sqlite3.SQLITE_CANTOPEN: "the database's file cannot be opened",
    sqlite3.SQLITE_NOTADB: "the database's file is not an SQLite database",
}
_SQLITE_PRIMARY = 0xFF  # an extended code has its kind in the low byte

# PostgreSQL's states, or their classes: their first two characters.
_POSTGRESQL = {
    "55P03": BUSY,
    "40001": BUSY,
    "40P01": BUSY,
    "25P03": "the database gave up waiting for this transaction",
    "25006": "the database cannot be written to",
    "53100": "the database's disk is full",
    "08": "the database is away",
    "53": "the database is short of resources",
    "57": "the database is stopping or starting",
    "58": "the database's system failed",
}
_BAD_VALUE = "22"  # too long, too large, or with characters that PostgreSQL does not keep


def translate(context: sa.engine.ExceptionContext) -> SlipwayError | None:
    """Return the error to raise in place of a driver's, or None to leave it. For SQLAlchemy's ``handle_error``."""
    if context.is_pre_ping:  # the pool makes a new connection
        return None
    error = context.original_exception
    match error:
        case SlipwayError():  # of ours, while a value was made ready
            return error
        case OverflowError():
            return InvalidInput("a number is too large for the database: it has 64 bits")
        case UnicodeEncodeError():
            return InvalidInput("a text has half of a surrogate pair, which is no character")
        case sqlite3.Error():
            return _of_sqlite(error)
    wrapped = context.sqlalchemy_exception
    return _of_postgresql(error, wrapped) if isinstance(wrapped, sa.exc.DBAPIError) else None


def first_line(error: BaseException) -> str:
    """Return what an error says, without what follows its first line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _of_sqlite(error: sqlite3.Error) -> SlipwayError | None:
    said = _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & _SQLITE_PRIMARY)
    return Unavailable(f"{said} ({first_line(error)})") if said else None


def _of_postgresql(error: BaseException, wrapped: sa.exc.DBAPIError) -> SlipwayError | None:
    state: Any = getattr(error, "sqlstate", None) or ""
    if state.startswith(_BAD_VALUE) or (isinstance(wrapped, sa.exc.DataError) and not state):
        return InvalidInput(f"the database cannot keep a value: {first_line(error)}")
    said = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
    if said is None and isinstance(wrapped, sa.exc.OperationalError) and not state:
        said = _POSTGRESQL["08"]  # refused, timed out, or cut off
    return Unavailable(f"{said} ({first_line(error)})") if said else None
