"""Open the metadata database and hand out transactions. Knows nothing of the tables' meaning."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from registry.core.errors import Unavailable
from registry.store.engines import PATIENCE_S, WRITES, open_engine
from registry.store.faults import BUSY
from registry.store.migrations import upgrade
from registry.store.write_queue import WriteQueue

Connection = sa.Connection
T = TypeVar("T")


class Metadata:
    """A database and its two kinds of transaction. Safe to use from many threads."""

    def __init__(self, engine: sa.Engine, patience_s: float) -> None:
        self.engine = engine
        self._patience_s = patience_s
        self._readers = engine
        if engine.dialect.name == "postgresql":
            self._readers = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._writers = engine.execution_options(**{WRITES: True})
        # A database has one writer. Its own way to wait takes a connection, and SQLite's is to sleep and try again.
        self._turn = threading.Lock()
        self._queue = WriteQueue(self.write)

    @property
    def shared(self) -> bool:
        """Tell whether other registries may write to the same database."""
        return self.engine.dialect.name == "postgresql"

    @property
    def name(self) -> str:
        """What the workspace is called: its PostgreSQL database, or the folder that ``.slipway`` or the file is in."""
        database = self.engine.url.database or ""
        if self.shared:
            return database
        folders = [folder.name for folder in Path(database).absolute().parents]
        return next((name for name in folders if name and not name.startswith(".")), "workspace")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give one consistent snapshot.

        Raises:
            Unavailable: the database is away.
        """
        with _connections_last(), self._readers.begin() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give one transaction: all of it is committed at the end of the block, or none of it when the block raises.

        Both databases give it their one lock for writers at the start, so what is read inside is still true when it is
        written. A block must not open another: it would wait for itself.

        Raises:
            Unavailable: the database is away, full, or others write to it for too long.
        """
        if not self._turn.acquire(timeout=3 * self._patience_s):
            raise Unavailable(BUSY)
        try:
            with _connections_last(), self._writers.begin() as tx:
                yield tx
        finally:
            self._turn.release()

    def shrink(self) -> None:
        """Give the room of deleted rows back, where the database is a file; PostgreSQL does so by itself."""
        if self.shared:
            return
        with self._turn, closing(self.engine.raw_connection()) as connection:
            assert connection.driver_connection is not None
            with suppress(sqlite3.OperationalError):  # somebody reads, or the disk is full: it stays as large as it is
                connection.driver_connection.execute("VACUUM")
                connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def write_soon(self, job: Callable[[Connection], T]) -> T:
        """Run a short job in a transaction that it may share with others; return when that is committed.

        Raises:
            Unavailable: the store is closing, or as ``write``.
            Exception: whatever the job raises; it then changed nothing.
        """
        return await self._queue.run(job)

    def close(self) -> None:
        self._queue.close()
        self.engine.dispose()


def open_metadata(url: str, patience_s: float = PATIENCE_S) -> Metadata:
    """Open the database at an SQLAlchemy URL, made and migrated to the newest schema when needed.

    ``patience_s`` is how long a transaction waits for what other processes write.

    Raises:
        InvalidInput: the URL is not one of SQLite's with a file, or of PostgreSQL's.
        Unavailable: the database cannot be reached, or is of a newer version than this program.
    """
    engine = open_engine(url, patience_s)
    metadata = Metadata(engine, patience_s)
    try:
        with metadata.write() as tx:
            upgrade(tx)
    except Unavailable as error:
        raise Unavailable(f"cannot open the database {engine.url!r}: {error.message}") from error
    return metadata


@contextmanager
def _connections_last() -> Iterator[None]:
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise Unavailable("all connections to the database are taken: try again") from error
