"""An image in a running registry, a base for it, and what an export of it takes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.containers.export import Order
from registry.containers.locations import parse_location
from registry.core.containers import ContainerSettings
from registry.core.images import Image, Runtime
from registry.images.build import build_image
from registry.images.inputs import BuildInputs, ModelInput
from registry.images.layout import ImageLayout
from registry.images.lock import compile_lock
from registry.images.pack import entry_of_bytes
from registry.operations.catalog import record_image
from registry.operations.workspace import Workspace
from tests.registry.containers.bases import write_layout

ONNX = b"\x08\x0a\x3a\x02\x0a\x00"
REQUIREMENT = "charset-normalizer==3.4.4"  # has a script, and compiled parts for each processor


@pytest.fixture(scope="session")
def lock() -> bytes:
    return compile_lock([REQUIREMENT], [], "3.11", "amd64")


@pytest.fixture
def exportable(workspace: Workspace, url: str, tmp_path: Path, lock: bytes) -> Image:
    """An image in the running registry whose environment is one small package."""
    return built_image(workspace, tmp_path / "images", image_inputs(lock))


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
