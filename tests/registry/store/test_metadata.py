import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry.core.errors import InvalidInput, Unavailable
from registry.store import schema
from registry.store.metadata import Metadata, open_metadata
from registry.store.migrations import HEAD


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/folder/registry.db"


def test_opening_again_keeps_what_is_there(url: str) -> None:
    first = open_metadata(url)
    with first.write() as tx:
        _set_counter(tx, 7)
    first.close()
    assert _counter(open_metadata(url)) == 7


def test_sqlite_writes_ahead_waits_for_locks_and_keeps_foreign_keys(url: str) -> None:
    with open_metadata(url).read() as tx:
        pragmas = [tx.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "busy_timeout")]
        assert pragmas == ["wal", 10_000]
        assert tx.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "nonsense", "oracel://host/db"])
def test_a_database_that_cannot_be_kept_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        open_metadata(url)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(Unavailable, match=r"folder\.db"):
        open_metadata(f"sqlite:///{tmp_path}/folder.db")
    (tmp_path / "text.db").write_text("not a database " * 100)
    with pytest.raises(Unavailable, match=r"text\.db"):
        open_metadata(f"sqlite:///{tmp_path}/text.db")


def test_the_file_can_be_read_by_plain_sqlite(url: str) -> None:
    open_metadata(url).close()
    with sqlite3.connect(url.removeprefix("sqlite:///")) as plain:
        assert plain.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


def _set_counter(tx: sa.Connection, value: int) -> None:
    tx.execute(sa.insert(schema.counters).values(name="test", value=value))


def _counter(metadata: Metadata) -> object:
    with metadata.read() as tx:
        return tx.scalar(sa.select(schema.counters.c.value))
