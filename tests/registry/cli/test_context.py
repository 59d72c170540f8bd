import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]

FLAG, VARIABLE, FILE = (f"http://127.0.0.1:{port}" for port in (1, 2, 3))  # nobody answers there


@pytest.fixture
def workspace_file(tmp_path: Path) -> Path:
    path = tmp_path / "workspace" / "workspace.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"url": FILE}))
    return path


def asked(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 1
    return done.stderr.removeprefix("error: the registry at ").partition(" ")[0]


def test_the_workspace_file_beats_the_default(slipway: Slipway, workspace_file: Path) -> None:
    assert asked(slipway("model", "list")) == FILE


def test_the_environment_beats_the_workspace_file(slipway: Slipway, workspace_file: Path) -> None:
    assert asked(slipway("model", "list", SLIPWAY_URL=VARIABLE)) == VARIABLE


def test_the_flag_beats_both(slipway: Slipway, workspace_file: Path) -> None:
    assert asked(slipway("model", "list", "--url", FLAG, SLIPWAY_URL=VARIABLE)) == FLAG


def test_an_empty_variable_is_none(slipway: Slipway, workspace_file: Path) -> None:
    assert asked(slipway("model", "list", SLIPWAY_URL="")) == FILE


@pytest.mark.parametrize("content", ["", "[]", "null", "{}", "\0"])
def test_a_damaged_workspace_file_is_named(slipway: Slipway, workspace_file: Path, content: str) -> None:
    workspace_file.write_text(content)
    done = slipway("model", "list")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"error: {workspace_file} holds no url")
    assert asked(slipway("model", "list", SLIPWAY_URL=VARIABLE)) == VARIABLE
