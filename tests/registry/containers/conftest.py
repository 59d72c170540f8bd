"""An image in a running registry, a base for it, and what an export of it takes."""

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from registry.containers.export import Order
from registry.core.imaging.container_locations import parse_location
from registry.core.imaging.containers import ContainerSettings
from registry.core.imaging.images import Image, Runtime
from registry.images.build import build_image
from registry.images.inputs import BuildInputs, ModelInput
from registry.images.keeping.layout import ImageLayout
from registry.images.lock import compile_lock
from registry.images.pack import entry_of_bytes, entry_of_file
from registry.operations.imaging.catalog import record_image
from registry.operations.workspace import Workspace
from tests.registry.containers.bases import write_layout

ONNX = b"\x08\x0a\x3a\x02\x0a\x00"
REQUIREMENT = "charset-normalizer==3.4.4"  # has a script, and compiled parts for each processor


@pytest.fixture(scope="session")
def lock() -> bytes:
    return compile_lock([REQUIREMENT], [], "3.11", "amd64")


@pytest.fixture(scope="session")
def wheel(lock: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The only wheel of the lock, as a build with ``vendor`` would have it."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", REQUIREMENT]
    platform = ["--python-version", "3.11", "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64"]
    subprocess.run([*command, *platform, "--dest", str(folder)], check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture
def exportable(workspace: Workspace, url: str, tmp_path: Path, lock: bytes) -> Image:
    """An image in the running registry whose environment is one small package."""
    return built_image(workspace, tmp_path / "images", image_inputs(lock))


@pytest.fixture
def vendored(workspace: Workspace, url: str, tmp_path: Path, lock: bytes, wheel: Path) -> Image:
    """The same with its wheel in it."""
    wheels = (entry_of_file(wheel.name, wheel),)
    return built_image(workspace, tmp_path / "images", replace(image_inputs(lock), wheels=wheels))


def image_inputs(lock: bytes) -> BuildInputs:
    return BuildInputs(
        models=(ModelInput("cancer", 1, "run1", (entry_of_bytes("model.onnx", ONNX),)),),
        runtime=Runtime.ONNX,
        lock=lock,
        python="3.11",
        architecture="amd64",
        scoring=(entry_of_bytes("__main__.py", b"print()"),),
    )


def built_image(workspace: Workspace, layout: Path, inputs: BuildInputs) -> Image:
    built = build_image(ImageLayout(layout), inputs, lambda progress, line: None)
    return record_image(
        workspace,
        name="cancer-onnx",
        digest=built.digest,
        config=built.config,
        layers=built.manifest.layers,
        size_bytes=built.size_bytes,
    )


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_layout(tmp_path / "base")


OrderMaker = Callable[..., Order]


@pytest.fixture
def order(exportable: Image, url: str, base: Path) -> OrderMaker:
    """Make an order to export the image to a place; ``settings`` are the container's."""

    def make(to: str, onto: str = "", variables: dict[str, str] | None = None, **settings: object) -> Order:
        chosen = ContainerSettings(**settings)  # type: ignore[arg-type]
        return Order(
            url, exportable, parse_location(onto or f"oci:{base}"), parse_location(to), chosen, variables or {}
        )

    return make


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Let files grow to so many bytes only, as on a disk that is full; until the test's end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
