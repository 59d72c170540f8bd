import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from registry.core.errors import InvalidInput, Unavailable
from registry.store import artifacts, migrations, model_versions, runs, schema
from registry.store.metadata import Metadata, open_metadata

RUN = "a" * 32
EARLIER = [
    "INSERT INTO runs VALUES ('" + RUN + "', 0, 'one', 'ada', 'FINISHED', 'active', 'mlflow-artifacts:/0/a', 1, 2)",
    "INSERT INTO params VALUES ('" + RUN + "', 'lr', '0.1')",
    "INSERT INTO run_tags VALUES ('" + RUN + "', 'team', 'blue')",
    "INSERT INTO metrics VALUES ('" + RUN + "', 'acc', 1, 5, 0.9, 0)",
    "INSERT INTO latest_metrics VALUES ('" + RUN + "', 'acc', 1, 5, 0.9, 0)",
    "INSERT INTO artifacts VALUES ('" + RUN + "', 'model/model.onnx', '" + "b" * 64 + "', 7)",
    "INSERT INTO models VALUES ('cancer', 3, 4)",
    "INSERT INTO model_versions VALUES ('cancer', 1, '" + RUN + "', 'model', '', 3)",
    "INSERT INTO model_files VALUES ('cancer', 1, 'model/model.onnx', '" + "b" * 64 + "', 7)",
]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/folder/registry.db"


def test_a_new_database_is_what_migrations_lead_to(url: str, tmp_path: Path) -> None:
    old = sa.create_engine(f"sqlite:///{tmp_path}/old.db")
    with old.begin() as tx:
        migrate(tx, "head")
        assert compare_metadata(MigrationContext.configure(tx), schema.metadata) == []
        migrated = _dump(tx)
    with open_metadata(url).read() as tx:
        assert _dump(tx) == migrated


def test_an_earlier_database_keeps_what_is_in_it(url: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with sa.create_engine(url).begin() as tx:
        migrate(tx, "0002")
        for statement in EARLIER:
            tx.exec_driver_sql(statement)
    with open_metadata(url).read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), schema.metadata) == []
        run = runs.find(tx, "a" * 32)
        assert run is not None
        assert (run.params, run.tags, run.metrics[0].value) == ({"lr": "0.1"}, {"team": "blue"}, 0.9)
        assert artifacts.find(tx, "a" * 32, "model/model.onnx") is not None
        assert tx.scalar(sa.select(schema.latest_metrics.c.experiment_id)) == 0
        assert tx.scalar(sa.select(schema.metrics.c.value)) == 0.9
        version = model_versions.find(tx, "cancer", 1)
        assert version is not None
        assert tx.scalar(sa.select(schema.model_versions.c.source)) == f"runs:/{'a' * 32}/model"


def test_the_newest_version_is_the_last_migration() -> None:
    versions = sorted((Path(migrations.__file__).parent / "versions").glob("0*.py"))
    assert versions[-1].name.startswith(f"{migrations.HEAD}_")


def migrate(tx: sa.Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = tx
    command.upgrade(config, revision)


def _dump(tx: sa.Connection) -> dict[str, list[object]]:
    tables = sa.inspect(tx).get_table_names()
    return {name: [tuple(row) for row in tx.exec_driver_sql(f"SELECT * FROM {name}")] for name in sorted(tables)}


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


def test_a_transaction_that_raises_changes_nothing(url: str) -> None:
    metadata = open_metadata(url)
    with pytest.raises(RuntimeError), metadata.write() as tx:
        _set_counter(tx, 7)
        raise RuntimeError
    assert _counter(metadata) is None


def test_writers_in_many_threads_take_turns(url: str) -> None:
    metadata = open_metadata(url)
    with metadata.write() as tx:
        _set_counter(tx, 0)

    def increment(_: int) -> None:
        with metadata.write() as tx:
            value = tx.scalar(sa.select(schema.counters.c.value))
            tx.execute(sa.update(schema.counters).values(value=int(str(value)) + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(100)))
    assert _counter(metadata) == 100


def test_a_reader_sees_one_moment(url: str) -> None:
    metadata = open_metadata(url)
    with metadata.read() as tx:
        assert tx.scalar(sa.select(schema.counters.c.value)) is None
        with metadata.write() as other:
            _set_counter(other, 7)
        assert tx.scalar(sa.select(schema.counters.c.value)) is None


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
        assert plain.execute("SELECT version_num FROM alembic_version").fetchall() == [("0003",)]


def _set_counter(tx: sa.Connection, value: int) -> None:
    tx.execute(sa.insert(schema.counters).values(name="test", value=value))


def _counter(metadata: Metadata) -> object:
    with metadata.read() as tx:
        return tx.scalar(sa.select(schema.counters.c.value))
