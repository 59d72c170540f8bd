"""A database that is busy, full, stopped or cut off: whoever asks is told so, and nothing is half-written."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from registry.core.errors import Unavailable
from registry.operations.tracking.experiments import create_experiment, get_experiment_by_name
from registry.operations.tracking.tracking import create_run
from registry.operations.workspace import Workspace
from registry.store import schema
from registry.store.blobs import open_blobs
from registry.store.metadata import Metadata, open_metadata
from tests.registry.conftest import serve
from tests.servers.postgresql import Postgresql

TOO_LARGE = """
import resource, sys
from registry.core.errors import Unavailable
from registry.operations.tracking.experiments import create_experiment
from registry.operations.workspace import open_workspace

workspace = open_workspace(sys.argv[1], "memory://")
largest = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
for number in range(10_000):
    try:
        create_experiment(workspace, f"n{number}", {"tag": "x" * 10_000})
    except Unavailable as error:
        print(number, error.message)
        break
"""


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(open_metadata(f"sqlite:///{tmp_path}/registry.db", patience_s=0.3), open_blobs("memory://"))
    yield workspace
    workspace.close()


def test_another_process_that_keeps_sqlites_lock_is_a_503(sqlite: Workspace, tmp_path: Path) -> None:
    run = create_run(sqlite, "0", name="", user_id="", started_ms=None, tags={}).id
    other = sqlite3.connect(tmp_path / "registry.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with serve(sqlite, tmp_path / "images") as url, httpx.Client(base_url=f"{url}/api/2.0/mlflow") as http:
        for path, body in (
            ("experiments/create", {"name": "a"}),
            ("runs/log-batch", {"run_id": run, "params": [{"key": "a", "value": "b"}]}),
            ("runs/set-tag", {"run_id": run, "key": "a", "value": "b"}),
        ):
            answer = http.post(path, json=body)
            assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
            assert "busy" in answer.json()["message"]
        assert http.get("runs/get", params={"run_id": run}).status_code == 200
        other.rollback()
        assert http.post("experiments/create", json={"name": "a"}).status_code == 200
    other.close()


def test_a_full_sqlite_is_unavailable_and_has_nothing_half_written(sqlite: Workspace, tmp_path: Path) -> None:
    limit = 200
    sa.event.listen(sqlite.metadata.engine, "checkout", lambda raw, *_: raw.execute(f"PRAGMA max_page_count={limit}"))
    made = []
    with pytest.raises(Unavailable, match="disk is full"):
        for number in range(10_000):
            create_experiment(sqlite, f"n{number}", {"tag": "x" * 10_000})
            made.append(f"n{number}")
    assert _experiments(sqlite.metadata) == sorted([*made, "Default"])
    limit = 2_000
    create_experiment(sqlite, "after", {"tag": "x" * 10_000})


def test_a_disk_that_refuses_sqlite_is_unavailable(sqlite: Workspace, tmp_path: Path) -> None:
    command = [sys.executable, "-c", TOO_LARGE, f"sqlite:///{tmp_path}/registry.db", str(1 << 20)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    number, _, message = said.partition(" ")
    assert message.startswith("the database's disk"), said
    assert len(_experiments(sqlite.metadata)) == int(number) + 1


def test_a_postgresql_that_was_started_again_is_used_again(postgresql: Postgresql) -> None:
    metadata = open_metadata(postgresql.clean_database())
    workspace = Workspace(metadata, open_blobs("memory://"))
    create_experiment(workspace, "before", {})
    postgresql.stop()
    try:
        for _ in range(2):
            with pytest.raises(Unavailable, match="away"):
                create_experiment(workspace, "meanwhile", {})
            with pytest.raises(Unavailable, match="away"):
                get_experiment_by_name(workspace, "before")
        with pytest.raises(Unavailable, match="cannot open the database"):
            open_metadata(postgresql.url("shared"))
    finally:
        postgresql.start()
    assert get_experiment_by_name(workspace, "before").name == "before"
    create_experiment(workspace, "after", {})
    assert _experiments(metadata) == ["Default", "after", "before"]
    workspace.close()


def test_a_connection_that_is_cut_takes_its_block_back(postgresql: Postgresql) -> None:
    metadata = open_metadata(postgresql.clean_database())
    with pytest.raises(Unavailable), metadata.write() as tx:
        tx.execute(sa.insert(schema.counters).values(name="half", value=1))
        postgresql.end_connections()
        tx.execute(sa.insert(schema.counters).values(name="whole", value=1))
    with pytest.raises(Unavailable), metadata.write() as tx:
        tx.execute(sa.insert(schema.counters).values(name="half", value=1))
        postgresql.end_connections()  # and the commit finds out
    with metadata.write() as tx:  # the turn was given back
        assert tx.scalars(sa.select(schema.counters.c.name)).all() == []
    metadata.close()


def test_a_postgresql_that_is_not_there_or_refuses_is_unavailable(postgresql: Postgresql) -> None:
    for url in (
        "postgresql://ada:s3cret@127.0.0.1:1/slipway",
        postgresql.url("nowhere"),
        postgresql.url("shared").replace("postgres@", "nobody:s3cret@"),
    ):
        with pytest.raises(Unavailable, match="cannot open the database") as raised:
            open_metadata(url)
        assert "s3cret" not in raised.value.message


def _experiments(metadata: Metadata) -> list[str]:
    with metadata.read() as tx:
        return list(tx.scalars(sa.select(schema.experiments.c.name).order_by(schema.experiments.c.name)))
