"""A container image on Debian's packages, run for real: in namespaces and a root of its own, by a user of no rights."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from registry.containers.export import Order, export_image
from registry.core.imaging.container_locations import parse_location
from registry.core.imaging.containers import ContainerSettings
from registry.core.imaging.images import Image, Runtime
from registry.images.inputs import BuildInputs, ModelInput
from registry.images.lock import compile_lock, own_requirements
from registry.images.pack import entry_of_bytes
from registry.images.scoring import scoring_package, scoring_requirements
from registry.operations.workspace import Workspace
from serving.node.keeping.unpack import unpack_layer
from tests.registry.containers.conftest import built_image
from tests.servers import debian
from tests.servers.processes import Absent, free_port, require

pytestmark = pytest.mark.e2e

ROWS = {"data": [[0.25, -1.5, 3.0], [1.0, 2.0, 4.0]]}
READY_S = 60


@pytest.fixture(scope="module")
def base() -> Path:
    try:
        return debian.base_layout()
    except Absent as reason:
        require(reason)


@pytest.fixture
def image(workspace: Workspace, url: str, tmp_path: Path) -> Image:
    """A real image: the scoring process, onnxruntime, and a model."""
    inputs = BuildInputs(
        models=(ModelInput("cancer", 1, None, (entry_of_bytes("model.onnx", model()),)),),
        runtime=Runtime.ONNX,
        lock=compile_lock([], own_requirements(scoring_requirements(), Runtime.ONNX), debian.PYTHON, "amd64"),
        python=debian.PYTHON,
        architecture="amd64",
        scoring=scoring_package(Runtime.ONNX),
    )
    return built_image(workspace, tmp_path / "images", inputs)


def model() -> bytes:
    weights = np.random.default_rng(7).normal(size=(3, 2)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["xw"]), helper.make_node("Softmax", ["xw"], ["y"], axis=1)],
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2])],
        [helper.make_tensor("w", TensorProto.FLOAT, [3, 2], weights.ravel())],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(made)
    content: bytes = made.SerializeToString()
    return content


def test_an_exported_image_runs_on_debian_and_answers_as_the_image_itself(
    base: Path, image: Image, url: str, tmp_path: Path
) -> None:
    order = Order(
        url,
        image,
        parse_location(f"oci:{base}:{debian.TAG}"),
        parse_location(f"oci:{tmp_path}/out:it"),
        ContainerSettings(),
        {},
    )
    digest = export_image(order, lambda progress, line: None)
    seen = json.loads(call("skopeo", "inspect", f"oci:{tmp_path}/out:it"))
    assert (seen["Digest"], seen["Labels"]["org.opencontainers.image.title"]) == (digest, "cancer-onnx")
    config = json.loads(call("skopeo", "inspect", "--config", "--raw", f"oci:{tmp_path}/out:it"))["config"]
    call("umoci", "unpack", "--image", f"{tmp_path}/out:it", f"{tmp_path}/bundle")
    with (
        container(tmp_path / "bundle" / "rootfs", config) as (address, probe),
        plain(image, tmp_path / "images", tmp_path / "plain") as own_address,
    ):
        assert probe() == 0
        answers = [httpx.post(f"http://{one}/score", json=ROWS).json() for one in (address, own_address)]
        assert answers[0] == answers[1]
        assert len(answers[0]) == 2
    shutil.rmtree(tmp_path / "bundle")


def call(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def container(root: Path, config: dict[str, Any]) -> Iterator[tuple[str, Callable[[], int]]]:
    """Run what the config says in ``root``, on ports of its own; give its address, and its health check's exit code."""
    http, grpc = free_port(), free_port()
    chosen = {"SLIPWAY_HOST": "127.0.0.1", "SLIPWAY_HTTP_PORT": str(http), "SLIPWAY_GRPC_PORT": str(grpc)}
    variables = {**dict(text.split("=", 1) for text in config["Env"]), **chosen}
    devices = 'mount --bind /dev "$0/dev" && mount -t proc proc "$0/proc" && exec chroot "$@"'
    isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", devices, str(root)]
    isolated += [f"--userspec={config['User']}", str(root), "/usr/bin/env", "-i", "-C", config["WorkingDir"]]
    isolated += [f"{name}={value}" for name, value in variables.items()]
    log = root.parent / "log"

    def probe() -> int:
        kind, *test = config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return subprocess.run([*isolated, *test], capture_output=True, check=False).returncode

    with log.open("wb") as output:
        process = subprocess.Popen(
            [*isolated, *config["Entrypoint"]], stdout=output, stderr=output, start_new_session=True
        )
    try:
        end = time.monotonic() + READY_S
        while probe() != 0:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
        yield f"127.0.0.1:{http}", probe
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def plain(image: Image, layout: Path, root: Path) -> Iterator[str]:
    """Run the image as a node does, without a container; give its address."""
    root.mkdir()
    for layer in image.layers:
        unpack_layer(layout / "blobs" / layer.digest.replace(":", "/"), layer, root)
    (root / "image.json").write_bytes(msgspec.json.encode(image.config))
    port = free_port()
    command = [sys.executable, "-m", "serving.scoring", "--root", str(root), "--http-port", str(port)]
    process = subprocess.Popen(command)
    try:
        end = time.monotonic() + READY_S
        while not answers(port):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/-/ready").is_success
    except httpx.HTTPError:
        return False
