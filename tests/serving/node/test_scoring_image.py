"""The real scoring process, as the image carries it, under the image's own environment."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from registry.core.imaging.images import Runtime
from registry.core.imaging.signatures import SignaturePolicy, Trust
from registry.images.build import build_image
from registry.images.inputs import BuildInputs, ModelInput
from registry.images.keeping.layout import ImageLayout
from registry.images.lock import compile_lock, own_requirements
from registry.images.pack import Entry, entry_of_bytes
from registry.images.scoring import scoring_package, scoring_requirements
from registry.images.wheels import wheels_of
from serving.node.errors import ScriptFailed
from serving.node.keeping.room import open_room
from serving.node.prepare import prepare_image
from serving.node.running.launch import Launch
from serving.node.running.process import ScoringProcess

pytestmark = pytest.mark.e2e

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
VERSIONS = """
import os
import numpy

def init():
    global versions
    versions = [numpy.__version__, open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.txt")).read(), os.getcwd()]

def run(data):
    return versions
"""
SEVERAL = """
import os

def init():
    global found
    found = [
        open(os.path.join(os.environ["AZUREML_MODEL_DIR"], name, "3", "m.txt")).read() for name in ("one", "two")
    ]

def run(data):
    return found
"""
UNSIGNED = Trust(policy=SignaturePolicy.OFF)
FAILING = """
def init():
    raise ValueError("no such column")

def run(data):
    return data
"""


class Registry(Protocol):
    url: str
    layout: ImageLayout


@pytest.fixture(scope="module")
def lock() -> bytes:
    return compile_lock(["numpy==1.26.4"], own_requirements(scoring_requirements(), Runtime.SCRIPT), PYTHON, "amd64")


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def launch(registry: Registry, lock: bytes, state_dir: Path) -> Callable[..., Launch]:
    """Build, pull and materialise an image with this scoring script, and perhaps with wheels."""

    def launch(script: str, wheels: tuple[Entry, ...] = (), node: Path = state_dir) -> Launch:
        inputs = BuildInputs(
            models=(ModelInput("cancer", 1, None, (entry_of_bytes("model.txt", b"a model"),)),),
            runtime=Runtime.SCRIPT,
            code=(entry_of_bytes("score.py", script.encode()), entry_of_bytes("types.py", b"raise SystemExit('mine')")),
            scoring_script="score.py",
            lock=lock,
            python=PYTHON,
            architecture="amd64",
            scoring=scoring_package(Runtime.SCRIPT),
            wheels=wheels,
        )
        digest = build_image(registry.layout, inputs, lambda progress, line: None).digest
        prepared = prepare_image(registry.url, "cancer", digest, open_room(node, None), UNSIGNED, lambda line: None)
        prepared.close()
        return Launch(
            python=prepared.python, image=prepared.image, serve_as="cancer", backend="cancer.blue.1", secret="edge"
        )

    return launch


def test_an_image_scores_under_its_own_numpy_and_its_own_folder(launch: Callable[..., Launch], tmp_path: Path) -> None:
    chosen = launch(VERSIONS)

    async def story() -> None:
        process = ScoringProcess.start(chosen, tmp_path / "log")
        announcement = await process.ready(60)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{announcement.http_port}") as http:
            stranger = await http.post("/score", json={"data": [[1]]})
            answer = await http.post("/score", json={"data": [[1]]}, headers={"x-slipway-edge": "edge"})

        assert stranger.status_code == 403
        assert answer.json() == ["1.26.4", "a model", str(chosen.image / "var/azureml-app")]
        assert await process.terminate(10) == 0

    asyncio.run(story())


def test_an_image_that_carries_its_wheels_scores_on_a_node_without_index_and_cache(
    launch: Callable[..., Launch], lock: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = wheels_of(lock, PYTHON, "amd64")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    chosen = launch(VERSIONS, wheels, tmp_path / "node")

    async def story() -> None:
        process = ScoringProcess.start(chosen, tmp_path / "log")
        announcement = await process.ready(60)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{announcement.http_port}") as http:
            answer = await http.post("/score", json={"data": [[1]]}, headers={"x-slipway-edge": "edge"})
        assert answer.json()[:2] == ["1.26.4", "a model"]
        assert await process.terminate(10) == 0

    asyncio.run(story())


def test_a_script_finds_each_of_several_models(
    registry: Registry, lock: bytes, state_dir: Path, tmp_path: Path
) -> None:
    inputs = BuildInputs(
        models=tuple(ModelInput(name, 3, None, (entry_of_bytes("m.txt", name.encode()),)) for name in ("one", "two")),
        runtime=Runtime.SCRIPT,
        code=(entry_of_bytes("score.py", SEVERAL.encode()),),
        scoring_script="score.py",
        lock=lock,
        python=PYTHON,
        architecture="amd64",
        scoring=scoring_package(Runtime.SCRIPT),
    )
    digest = build_image(registry.layout, inputs, lambda progress, line: None).digest
    prepared = prepare_image(registry.url, "both", digest, open_room(state_dir, None), UNSIGNED, lambda line: None)
    prepared.close()
    chosen = Launch(python=prepared.python, image=prepared.image, serve_as="both", backend="both.blue.1")

    async def story() -> None:
        process = ScoringProcess.start(chosen, tmp_path / "log")
        announcement = await process.ready(60)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{announcement.http_port}") as http:
            assert (await http.post("/score", json={})).json() == ["one", "two"]
        assert await process.terminate(10) == 0

    asyncio.run(story())


def test_an_init_that_raises_is_the_error_with_its_line(launch: Callable[..., Launch], tmp_path: Path) -> None:
    chosen = launch(FAILING)

    async def story() -> None:
        process = ScoringProcess.start(chosen, tmp_path / "log")
        with pytest.raises(
            ScriptFailed, match=r"^init\(\) of score\.py failed: ValueError: no such column \(score\.py:3\)$"
        ):
            await process.ready(60)
        assert await process.wait() == 3

    asyncio.run(story())
