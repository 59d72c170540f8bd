"""Make an engine for each kind of database, with what its transactions begin with."""

import json
import re
import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from registry.core.errors import InvalidInput, Unavailable
from registry.store.faults import translate

WRITES = "slipway_writes"  # the execution option of an engine whose transactions write
PATIENCE_S = 10

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",  # a kill loses nothing; a power cut may lose the last commits, never the file
    "PRAGMA foreign_keys=ON",
    # A batch of 100 metrics touches 100 pages: keep them at hand, and fold the log into the file less often.
    "PRAGMA cache_size=-16000",
    "PRAGMA wal_autocheckpoint=8000",
)

# One lock for everybody who writes to a database, whichever process it is; the number is "slipway" in ASCII.
POSTGRESQL_TURN = f"SELECT pg_advisory_xact_lock({int.from_bytes(b'slipway', 'big')})"
POSTGRESQL_CONNECTS = {
    "connect_timeout": 10,
    "application_name": "slipway",
    # A server whose machine went away is noticed in half a minute, not in a quarter of an hour.
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
HANGS_S = 60  # a process that hangs inside a transaction does not keep the turn for ever
POSTGRESQL_DRIVERS = ("postgres", "postgresql", "postgresql+psycopg")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as JSON writes it


def open_engine(url: str, patience_s: float = PATIENCE_S) -> sa.Engine:
    """Return the engine for a database's URL. PostgreSQL is not connected to yet.

    A transaction waits ``patience_s`` for what other processes do.

    Raises:
        InvalidInput: the URL is not one, or names neither an SQLite file nor PostgreSQL.
        Unavailable: the folder of an SQLite file cannot be made.
    """
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise InvalidInput("the database's URL is not one: write sqlite:///path/to/registry.db") from error
    if parsed.drivername == "sqlite":
        engine = _open_sqlite(parsed, patience_s)
    elif parsed.drivername in POSTGRESQL_DRIVERS:
        engine = _open_postgresql(parsed, patience_s)
    else:
        raise InvalidInput(
            f"{parsed.drivername!r} cannot keep the metadata: write sqlite:///path/to/registry.db "
            "or postgresql://user:password@host/database"
        )
    sa.event.listen(engine, "handle_error", translate)
    return engine


def dump_json(value: Any) -> str:
    """Write JSON that both databases can read again. Raises InvalidInput: there is a NUL in it."""
    text = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in text and _NUL.search(text):
        raise InvalidInput("the database cannot keep a value: it has a NUL character")
    return text


def _open_sqlite(url: URL, patience_s: float) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise InvalidInput("the metadata needs a file: write sqlite:///path/to/registry.db", value=str(url))
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"cannot make the database's folder: {error}") from error
    engine = sa.create_engine(url, json_serializer=dump_json, pool_size=8, max_overflow=64)
    pragmas = (f"PRAGMA busy_timeout={round(patience_s * 1000)}", *SQLITE_PRAGMAS)
    sa.event.listen(engine, "connect", partial(_configure_sqlite, pragmas, patience_s))
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(pragmas: tuple[str, ...], patience_s: float, connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; _begin_sqlite does
    until = time.monotonic() + patience_s
    for pragma in pragmas:
        while True:
            try:
                connection.execute(pragma)
                break
            except sqlite3.OperationalError as error:
                # Who makes a new file's log waits for nobody, whatever busy_timeout says.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.01)


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _open_postgresql(url: URL, patience_s: float) -> sa.Engine:
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={name: value for name, value in POSTGRESQL_CONNECTS.items() if name not in url.query},
        json_serializer=dump_json,
        use_native_hstore=False,  # it would be looked up for each connection
        pool_size=8,
        max_overflow=16,  # a server takes 100 connections in all, unless it is told otherwise
        pool_timeout=patience_s,
        pool_pre_ping=True,  # connections from before a restart are replaced
    )
    settings = {"lock_timeout": patience_s, "idle_in_transaction_session_timeout": HANGS_S}
    sa.event.listen(engine, "connect", partial(_configure_postgresql, settings))
    sa.event.listen(engine, "begin", _begin_postgresql)
    return engine


def _configure_postgresql(settings: dict[str, float], connection: Any, _record: Any) -> None:
    for name, seconds in settings.items():
        connection.execute(f"SET {name} = {round(seconds * 1000)}")
    connection.commit()


def _begin_postgresql(connection: sa.Connection) -> None:
    if connection.get_execution_options().get(WRITES):
        connection.exec_driver_sql(POSTGRESQL_TURN)
