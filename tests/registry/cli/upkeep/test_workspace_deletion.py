"""Deleting a whole workspace by the command; and by a registry that is killed in the middle."""

import hashlib
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.client import Client
from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.imaging.images import Image
from tests.registry.api.test_killed import Registry

Slipway = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ask(slipway: Slipway, url: str) -> Slipway:
    return lambda *words, stdin="": slipway("workspace", "delete", *words, SLIPWAY_URL=url, stdin=stdin)


@pytest.fixture
def name(url: str, tmp_path: Path) -> str:
    """The workspace's name: there is a model in it."""
    (tmp_path / "model.bin").write_text("weights")
    with Client(url) as client:
        client.models.import_files("cancer", tmp_path / "model.bin")
        assert client.preview_deletion().name == tmp_path.name
    return tmp_path.name


def models(url: str) -> int:
    with Client(url) as client:
        return len(client.models.list())


def test_without_a_word_more_it_is_only_shown(ask: Slipway, name: str, url: str) -> None:
    shown = ask()
    assert shown.returncode == 0
    for text in ("model versions", "1 file of 7 bytes", f"--confirm {name}"):
        assert text in shown.stdout
    assert json.loads(ask("-o", "json").stdout)["name"] == name
    assert models(url) == 1


def test_its_name_confirms_it(ask: Slipway, name: str, url: str) -> None:
    wrong = ask("--confirm", "other")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert f"this workspace is called '{name}'" in wrong.stderr
    assert models(url) == 1
    done = ask("--confirm", name)
    assert done.returncode == 0
    assert f"workspace {name} is empty: deleted files: 1, of 7 bytes" in done.stdout
    assert models(url) == 0
    assert "0 files of 0 bytes in the stores" in ask().stdout
    assert json.loads(ask("--confirm", name, "-o", "json").stdout)["state"] == "succeeded"


def test_a_person_types_the_name(ask: Slipway, name: str, url: str) -> None:
    assert ask("--yes", stdin="\n\n").returncode != 0
    assert ask("--yes", stdin="other\n").returncode == 2
    assert models(url) == 1
    assert ask("--yes", stdin=f"{name}\n").returncode == 0
    assert models(url) == 0


def test_what_refuses_is_named(ask: Slipway, name: str, url: str, image: Image) -> None:
    with Client(url) as client:
        client.endpoints.create("cancer", EndpointDocument())
        blue = DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
        client.deployments.create("cancer", "blue", blue)
    assert "refused: cancer/blue revision 1 is starting" in ask().stdout
    assert ask("--yes", stdin=f"{name}\n").returncode == 1
    refused = ask("--confirm", name)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "cancer/blue revision 1 is starting" in refused.stderr
    assert models(url) == 1


@pytest.mark.e2e
def test_a_registry_that_is_killed_in_the_middle_has_an_empty_workspace_and_finishes(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    try:
        registry.mlflow("registered-models/create", {"name": "cancer"})
        blobs = tmp_path / "blobs/blobs/sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        for number in range(2000):
            (blobs / hashlib.sha256(b"%d" % number).hexdigest()).write_bytes(b"%d" % number)

        activity = call(registry, "POST", "/workspace/deletion", {"confirm": tmp_path.name})
        while call(registry, "GET", f"/activities/{activity['id']}")["progress"] < 0.2:
            time.sleep(0.01)
        registry.kill()
        left = len(list(blobs.iterdir()))
        assert 0 < left < 2000
        registry.start()

        assert call(registry, "GET", "/models") == {"models": []}
        interrupted = call(registry, "GET", f"/activities/{activity['id']}")
        assert (interrupted["state"], "stopped" in interrupted["message"]) == ("failed", True)
        assert call(registry, "GET", "/workspace/deletion")["stored_files"] == left
        again = call(registry, "POST", "/workspace/deletion", {"confirm": tmp_path.name})
        ended = call(registry, "GET", f"/activities/{again['id']}?after=999&wait_s=30")
        assert (ended["state"], list(blobs.iterdir())) == ("succeeded", [])
    finally:
        registry.process.terminate()
        registry.process.wait(10)


def call(registry: Registry, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    status, answer = registry.ask(method, f"/api/v1{path}", body)
    assert status < 300, answer
    return json.loads(answer)
