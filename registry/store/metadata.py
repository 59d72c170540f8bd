"""Open the metadata database and hand out transactions. Knows engines and nothing of the tables' meaning."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from registry.core.errors import InvalidInput, Unavailable
from registry.store.migrations import upgrade
from registry.store.write_queue import WriteQueue

Connection = sa.Connection
T = TypeVar("T")

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",  # a kill loses nothing; a power cut may lose the last commits, never the file
    "PRAGMA busy_timeout=10000",
    "PRAGMA foreign_keys=ON",
    # A batch of 100 metrics touches 100 pages: keep them at hand, and fold the log into the file less often.
    "PRAGMA cache_size=-16000",
    "PRAGMA wal_autocheckpoint=8000",
)


class Metadata:
    """A database and its two kinds of transaction. Safe to use from many threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._readers = engine
        self._writers = engine.execution_options(slipway_begin="BEGIN IMMEDIATE")
        # SQLite has one writer. Its own way to wait is to try again after a sleep; ours is a queue.
        self._turn: AbstractContextManager[Any] = threading.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        self._queue = WriteQueue(self.write)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give one consistent snapshot."""
        with self._readers.begin() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give one transaction: all of it is committed at the end of the block, or none of it when the block raises.

        SQLite takes its write lock at the start, so what is read inside is still true when it is written. A block must
        not open another: it would wait for itself.
        """
        with self._turn, self._writers.begin() as tx:
            yield tx

    async def write_soon(self, job: Callable[[Connection], T]) -> T:
        """Run a short job in a transaction that it may share with others; return when that is committed.

        Raises:
            Unavailable: the store is closing.
            Exception: whatever the job raises; it then changed nothing.
        """
        return await self._queue.run(job)

    def close(self) -> None:
        self._queue.close()
        self._readers.dispose()


def open_metadata(url: str) -> Metadata:
    """Open the database at an SQLAlchemy URL, made and migrated to the newest schema when needed.

    Raises:
        InvalidInput: the URL is not one, or names an SQLite database without a file.
        Unavailable: the database cannot be reached.
    """
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise InvalidInput(f"{url!r} is not a database URL: write sqlite:///path/to/registry.db", value=url) from error
    engine = _open_sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _open_server(parsed)
    metadata = Metadata(engine)
    try:
        with metadata.write() as tx:
            upgrade(tx)
    except sa.exc.DBAPIError as error:
        raise Unavailable(f"cannot open the database {parsed!r}: {error.orig}") from error
    return metadata


def _open_sqlite(url: URL) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise InvalidInput("the metadata needs a file: write sqlite:///path/to/registry.db", value=str(url))
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"cannot make the database's folder: {error}") from error
    engine = sa.create_engine(url, pool_size=8, max_overflow=64)
    sa.event.listen(engine, "connect", _configure_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _open_server(url: URL) -> sa.Engine:
    try:
        return sa.create_engine(url)
    except (ModuleNotFoundError, sa.exc.NoSuchModuleError) as error:
        raise InvalidInput(f"no driver for {url!r} is installed: {error}") from error


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; _begin_sqlite does
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("slipway_begin", "BEGIN"))
