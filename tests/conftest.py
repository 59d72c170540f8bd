"""The ``slipway`` command run in this process, through its entry point."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from registry.cli.main import main

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
