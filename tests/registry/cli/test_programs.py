"""What programs read: JSON from every command that asks the registry."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from typer.core import TyperGroup
from typer.main import get_command

from registry.cli.main import build
from registry.core.imaging.images import Image

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]

WITHOUT = {
    ("score",): "its output is what the model answered, byte by byte",
    ("image", "serve"): "a process that serves until it is ended",
}


@pytest.fixture
def told(slipway: Slipway, url: str) -> Callable[..., Any]:
    """Return a function that runs ``slipway … -o json`` and reads its output."""

    def ask(*words: str, stdin: str = "") -> Any:
        done = slipway(*words, "-o", "json", SLIPWAY_URL=url, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return ask


def without_output(command: object, *words: str) -> set[tuple[str, ...]]:
    """Return the commands that ask the registry and have no ``--output``."""
    if isinstance(command, TyperGroup):
        return {one for name, inner in command.commands.items() for one in without_output(inner, *words, name)}
    options = {name for parameter in getattr(command, "params") for name in parameter.opts}  # noqa: B009
    return {words} if "--url" in options and "--output" not in options else set()


def test_every_command_that_asks_the_registry_has_an_output_for_programs() -> None:
    assert without_output(get_command(build())) == set(WITHOUT)


def test_what_is_gone_is_told_by_its_name(told: Callable[..., Any], image: Image) -> None:
    told("secret", "set", "pw", stdin="x")
    assert told("secret", "delete", "pw") == {"deleted": "pw"}
    told("token", "create", "ada")
    assert told("token", "revoke", "ada") == {"deleted": "ada"}
    assert told("image", "tag", "cancer-onnx:1", "stable")["digest"] == image.digest
    assert told("image", "untag", "cancer-onnx:stable") == {"deleted": "cancer-onnx:stable"}
    assert told("trust", "policy", "warn")["policy"] == "warn"
    key = told("trust", "rotate")["id"]
    told("trust", "rotate")
    assert told("trust", "remove", key) == {"deleted": key}


def test_what_is_restored_is_told_as_it_is_now(told: Callable[..., Any], url: str, tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("1")
    told("dataset", "create", "rows", str(tmp_path / "rows"))
    assert told("dataset", "delete", "rows", "1") == {"deleted": "rows:1"}
    assert told("dataset", "restore", "rows", "1")["version"] == 1

    told("model", "import", "cancer", str(tmp_path / "rows"))
    assert told("model", "alias", "cancer", "champion", "1")["aliases"] == {"champion": 1}
    assert told("model", "alias", "cancer", "champion", "--delete") == {"deleted": "cancer@champion"}
    assert told("model", "delete", "cancer", "1") == {"deleted": "cancer:1"}
    assert told("model", "restore", "cancer", "1")["version"] == 1
    assert told("model", "delete", "cancer") == {"deleted": "cancer"}
    assert told("model", "restore", "cancer")["name"] == "cancer"

    run = MlflowClient(url).create_run("0").info.run_id
    assert told("run", "delete", run[:8]) == {"deleted": run}
    assert told("run", "restore", run[:8])["lifecycle_stage"] == "active"
