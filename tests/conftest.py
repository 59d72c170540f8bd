"""The ``slipway`` command run in this process, through its entry point; and the servers that tests ask for."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from registry.cli.main import main
from tests.servers.postgresql import Postgresql
from tests.servers.processes import Absent, require

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def slipway(tmp_path: Path) -> Slipway:
    """Return a function that runs ``slipway`` with arguments, and keywords as its environment."""
    clean: dict[str, str | None] = {
        "SLIPWAY_URL": None,
        "SLIPWAY_KEY": None,
        "SLIPWAY_TOKEN": None,
        "SLIPWAY_DIR": str(tmp_path / "workspace"),
        "COLUMNS": "200",
        "FORCE_COLOR": None,
        "NO_COLOR": "1",
    }

    def run(*arguments: str, stdin: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
        with CliRunner().isolation(input=stdin, env=clean | environment) as (out, err, _):
            try:
                main(list(arguments))
                code = 0
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 0
            sys.stdout.flush()
            sys.stderr.flush()
            return subprocess.CompletedProcess(arguments, code, out.getvalue().decode(), err.getvalue().decode())

    return run


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A PostgreSQL that runs as long as the tests."""
    try:
        server = Postgresql()
    except Absent as reason:
        require(reason)
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables; of both kinds in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty/registry.db"
    server: Postgresql = request.getfixturevalue("postgresql")
    return server.empty_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def each_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with the newest tables and nothing in them; of both kinds in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    server: Postgresql = request.getfixturevalue("postgresql")
    return server.clean_database()
