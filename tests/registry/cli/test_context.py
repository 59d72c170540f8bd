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


def test_without_a_workspace_nothing_is_asked(slipway: Slipway, tmp_path: Path) -> None:
    for command in (["model", "list"], ["endpoint", "delete", "cancer"], ["image", "serve", "cancer-onnx:1"]):
        done = slipway(*command)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f"error: there is no workspace in {tmp_path}/workspace: start one with `slipway up`, "
            "or name one with --url or SLIPWAY_URL\n"
        )


@pytest.mark.parametrize("url", ["localhost:5000", "127.0.0.1", "ftp://here", "http://", "http://[::1"])
def test_what_is_no_url_is_named(slipway: Slipway, url: str) -> None:
    done = slipway("model", "list", SLIPWAY_URL=url)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"{url!r} is not a URL" in done.stderr


def test_the_workspace_file_is_found(slipway: Slipway, workspace_file: Path) -> None:
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
