import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.operations.security.vault import read_secret
from registry.operations.workspace import Workspace

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize(
    ("content", "kept"), [("hunter2\n", "hunter2"), ("two\nlines\r\n", "two\nlines"), (" spaced ", " spaced ")]
)
def test_a_value_comes_from_a_pipe_or_a_file_and_is_shown_nowhere(
    slipway: Slipway, url: str, workspace: Workspace, tmp_path: Path, content: str, kept: str
) -> None:
    piped = slipway("secret", "set", "piped", "--url", url, stdin=content)
    file = tmp_path / "value"
    file.write_bytes(content.encode())
    of_file = slipway("secret", "set", "filed", "--file", str(file), "-o", "json", "--url", url)
    listed = slipway("secret", "list", "-o", "json", "--url", url)

    assert (piped.returncode, piped.stdout) == (0, "secret piped set\n")
    assert json.loads(of_file.stdout).keys() == {"name", "created_ms", "updated_ms", "who"}
    assert [secret["name"] for secret in json.loads(listed.stdout)] == ["filed", "piped"]
    assert read_secret(workspace, "piped") == read_secret(workspace, "filed") == kept
    assert "hunter2" not in piped.stdout + piped.stderr + of_file.stdout + listed.stdout


def test_a_secret_is_forgotten(slipway: Slipway, url: str) -> None:
    slipway("secret", "set", "a", "--url", url, stdin="x")
    assert slipway("secret", "delete", "a", "--url", url).stdout == "secret a deleted\n"
    assert slipway("secret", "list", "--url", url).stdout == "no secrets yet: slipway secret set\n"
    gone = slipway("secret", "delete", "a", "--url", url)
    assert (gone.returncode, gone.stderr) == (1, "error: there is no secret 'a'\n")


def test_a_value_on_the_command_line_is_refused(slipway: Slipway, url: str) -> None:
    assert slipway("secret", "set", "a", "hunter2", "--url", url).returncode == 2


def test_a_value_that_is_none_is_one_line(slipway: Slipway, url: str, tmp_path: Path) -> None:
    empty = slipway("secret", "set", "a", "--url", url, stdin="\n")
    assert (empty.returncode, empty.stderr.count("\n")) == (2, 1)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "binary", tmp_path / "missing"):
        done = slipway("secret", "set", "a", "--file", str(path), "--url", url)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
