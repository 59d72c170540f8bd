"""What the demo ends, and what it leaves alone."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from loadtest.demo.__main__ import run
from loadtest.demo.command import CommandFailed
from loadtest.demo.stage import Stage
from loadtest.demo.story import Demo


class Command:
    """``slipway`` as a script: ``fails`` maps a command's first word to what happens."""

    def __init__(self, folder: Path, state: str, fails: dict[str, BaseException]) -> None:
        self.folder = folder
        self.state = state
        self.fails = fails
        self.ran: list[str] = []

    def run(self, *arguments: str) -> str:
        self.ran.append(arguments[0])
        if arguments[0] in self.fails:
            raise self.fails[arguments[0]]
        return json.dumps({"url": "http://127.0.0.1:1", "processes": [{"name": "registry", "state": self.state}]})

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments))


def tell(command: Command) -> tuple[int, str]:
    output = io.StringIO()
    stage = Stage(Console(file=output, width=200))
    return run(Demo(stage, command, {}), stays=False), output.getvalue()  # type: ignore[arg-type]


def test_a_workspace_that_runs_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "workspace.json").touch()
    command = Command(tmp_path, "running", {})
    code, said = tell(command)
    assert (code, command.ran) == (1, ["status"])
    assert f"`slipway down --dir {tmp_path}`" in said


def test_what_could_not_be_started_is_not_ended(tmp_path: Path) -> None:
    (tmp_path / "workspace.json").touch()
    command = Command(tmp_path, "stopped", {"up": CommandFailed("is up already")})
    code, said = tell(command)
    assert (code, command.ran) == (1, ["status", "up"])
    assert "is up already" in said


@pytest.mark.parametrize(
    ("fails", "code"),
    [
        ({"endpoint": CommandFailed("boom")}, 1),
        ({"endpoint": KeyboardInterrupt()}, 0),
        ({"up": KeyboardInterrupt()}, 0),
    ],
)
def test_what_was_started_is_ended(tmp_path: Path, fails: dict[str, BaseException], code: int) -> None:
    command = Command(tmp_path, "stopped", fails)
    ended, said = tell(command)
    assert (ended, command.ran[-1]) == (code, "down")
    assert said.endswith(("stopped\n", "1 check failed\n"))
