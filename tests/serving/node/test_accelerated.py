"""A model quantised for real, in the environment that the registry has it quantised in, and served from its image."""

import asyncio
import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import httpx
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from registry.core.errors import BuildFailed
from registry.core.imaging.acceleration import CPU, AccelerationRequest, ExecutionProvider, Quantised
from registry.core.imaging.images import Runtime
from registry.core.imaging.signatures import SignaturePolicy, Trust
from registry.images.build import build_image
from registry.images.inputs import BuildInputs, ModelInput
from registry.images.keeping.layout import ImageLayout
from registry.images.kinds.accelerated import AcceleratedKind, Calibration
from registry.images.lock import Locks, compile_lock, own_requirements
from registry.images.pack import entry_of_bytes
from registry.images.quantise import Quantiser
from registry.images.scoring import scoring_package, scoring_requirements
from serving.node.errors import ScriptFailed
from serving.node.keeping.room import open_room
from serving.node.prepare import prepare_image
from serving.node.running.launch import Launch
from serving.node.running.process import ScoringProcess

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore:Stochastic Optimizer")]

REGISTRY = """
import sys
from pathlib import Path
from registry.images.lock import Locks
from registry.images.quantise import Quantiser
place, work = map(Path, sys.argv[1:3])
quantiser = Quantiser(Locks(place / "locks"), place / "node", sys.argv[3], "amd64", place / "notes")
model, rows = place / "model.onnx", place / "rows.npy"
quantiser.quantise(model, work / "it.onnx", rows, None, 1.0, work, lambda line: print(line, flush=True))
"""
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class Registry(Protocol):
    url: str
    layout: ImageLayout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what is made once: the model, the rows, the environment of the quantiser."""
    place = tmp_path_factory.mktemp("accelerated")
    rows, target = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), MLPClassifier((16,), random_state=7, max_iter=60)).fit(rows, target)
    exported = to_onnx(model, rows[:1].astype(np.float32), options={"zipmap": False}, target_opset=18)
    (place / "model.onnx").write_bytes(exported.SerializeToString())
    np.save(place / "rows.npy", rows.astype(np.float32))
    np.save(place / "labelled.npy", np.column_stack([rows, target]).astype(np.float32))
    names = [f"c{number}" for number in range(rows.shape[1])]
    lines = [
        ",".join([*names, "diagnosis"]),
        *(",".join(map(str, [*row, y])) for row, y in zip(rows, target, strict=True)),
    ]
    (place / "rows.csv").write_text("\n".join(lines))
    (place / "rows.json").write_text(json.dumps({"data": rows.tolist(), "diagnosis": target.tolist()}))
    (place / "noise.npy").write_bytes(b"no rows")
    np.save(place / "narrow.npy", rows[:, :3])
    return place


@pytest.fixture(scope="module")
def quantiser(place: Path) -> Quantiser:
    return Quantiser(Locks(place / "locks"), place / "node", PYTHON, "amd64", place / "notes")


Made = tuple[bytes, Quantised, list[str]]
Quantise = Callable[..., Made]


@pytest.fixture(scope="module")
def quantise(quantiser: Quantiser, place: Path) -> Quantise:
    """Quantise ``model`` with ``rows``; return the bytes, what is known of them, and what was told meanwhile."""

    def run(rows: str = "rows.npy", label: str | None = None, max_drop: float = 0.05, model: str = "model.onnx") -> Any:
        work = Path(tempfile.mkdtemp(dir=place))
        lines: list[str] = []
        file = work / "it.onnx"
        result = quantiser.quantise(place / model, file, place / rows, label, max_drop, work, lines.append)
        return file.read_bytes(), result, lines

    return run


@pytest.fixture(scope="module")
def quantised(quantise: Quantise) -> Made:
    """The model, quantised with rows that have no labels."""
    return quantise()


def test_the_same_model_and_rows_give_the_same_bytes(quantise: Quantise, quantised: Made) -> None:
    first, second = quantised, quantise()
    assert hashlib.sha256(first[0]).digest() == hashlib.sha256(second[0]).digest()
    assert first[1] == second[1]


def test_matrices_are_quantised_behind_an_operator_that_shape_inference_does_not_know(quantised: Made) -> None:
    content, result, _ = quantised
    nodes = onnx.load_from_string(content).graph.node
    dequantised = {name for node in nodes if node.op_type == "DequantizeLinear" for name in node.output}
    products = [node for node in nodes if node.op_type == "MatMul"]
    assert products
    assert all(set(node.input) <= dequantised for node in products)
    assert "MatMul" in result.operators


def test_the_log_has_the_table(quantised: Made, place: Path) -> None:
    content, result, lines = quantised
    table = {line.split("  ")[0]: line for line in lines}
    assert f"{(place / 'model.onnx').stat().st_size:,} B" in table["size"]
    assert f"{len(content):,} B" in table["size"]
    assert "ms" in table["a row"]
    assert "drop" in table["agreement"]
    assert result.rows == 569 // 5


@pytest.mark.parametrize(
    ("rows", "label", "measure"),
    [
        ("labelled.npy", "-1", "accuracy"),
        ("rows.csv", "diagnosis", "accuracy"),
        ("rows.json", "diagnosis", "accuracy"),
    ],
)
def test_rows_come_as_npy_csv_or_json_with_labels_or_without(
    quantise: Quantise, rows: str, label: str | None, measure: str
) -> None:
    _, result, _ = quantise(rows, label)
    assert result.measure == measure
    assert result.after > 0.9
    assert result.drop == pytest.approx(max(0.0, result.before - result.after), abs=1e-5)


@pytest.mark.parametrize(
    ("rows", "label", "message"),
    [
        ("noise.npy", None, "the calibration rows are no npy file"),
        ("narrow.npy", None, r"for 'X' has shape \[569, 3\], and the model takes \['any', 30\]"),
        ("rows.csv", "outcome", r"calibration\.label: 'outcome' is no column of the rows \(there are: c0, c1, "),
        ("rows.json", "outcome", "'outcome' is no list beside \"data\""),
        ("rows.npy", "31", r"'31' is no column of the rows \(it has 30\)"),
    ],
)
def test_rows_that_do_not_fit_are_refused(quantise: Quantise, rows: str, label: str | None, message: str) -> None:
    with pytest.raises(BuildFailed, match=message):
        quantise(rows, label)


def test_a_model_that_loses_more_than_the_bound_is_refused_with_the_figures(quantise: Quantise, place: Path) -> None:
    (place / "fragile.onnx").write_bytes(fragile_model())
    np.save(place / "fragile.npy", np.random.default_rng(1).normal(size=(500, 4)).astype(np.float32))
    with pytest.raises(BuildFailed, match=r"agreement 1\.0000 before, 0\.\d+ after, a drop of 0\.\d+ where 0\.01"):
        quantise("fragile.npy", max_drop=0.01, model="fragile.onnx")


def test_a_model_of_which_nothing_can_be_quantised_is_refused(quantise: Quantise, place: Path) -> None:
    node = helper.make_node(
        "LinearRegressor", ["X"], ["y"], domain="ai.onnx.ml", coefficients=[1.0] * 30, intercepts=[0.0]
    )
    (place / "linear.onnx").write_bytes(one_node(node, 1))
    with pytest.raises(BuildFailed, match="nothing in the model can be quantised: it is made of LinearRegressor"):
        quantise(model="linear.onnx")


def fragile_model() -> bytes:
    """Two classes whose scores differ by a thousandth of what is added to both."""
    weights = np.zeros((4, 2), dtype=np.float32)
    weights[0] = [1000.0, 1000.0]
    weights[1] = [1.0, -1.0]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["X", "w"], ["y"])],
        "fragile",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["rows", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2])],
        [helper.make_tensor("w", TensorProto.FLOAT, [4, 2], weights.ravel())],
    )
    content: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    ).SerializeToString()
    return content


def one_node(node: Any, outputs: int) -> bytes:
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["rows", 30])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", outputs])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    content: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    return content


@pytest.fixture
def launch(registry: Registry, quantiser: Quantiser, place: Path, tmp_path: Path) -> Callable[..., Launch]:
    """Build the accelerated image, and make it present."""

    def launch(providers: list[str], require: list[str]) -> Launch:
        request = AccelerationRequest(
            data="rows.npy",
            max_accuracy_drop=0.05,
            providers=[ExecutionProvider(name=name) for name in providers],
            require=require,
        )
        kind = AcceleratedKind(
            request, Calibration(place / "rows.npy", "sha256:0"), quantiser, tmp_path, lambda line: None
        )
        content = (place / "model.onnx").read_bytes()
        inputs = BuildInputs(
            models=(ModelInput("cancer", 1, None, (entry_of_bytes("model.onnx", content),)),),
            runtime=Runtime.ONNX,
            lock=compile_lock([], own_requirements(scoring_requirements(), Runtime.ONNX), PYTHON, "amd64"),
            python=PYTHON,
            architecture="amd64",
            scoring=scoring_package(Runtime.ONNX),
        )
        digest = build_image(registry.layout, kind.prepare(inputs), lambda progress, line: None).digest
        room = open_room(place / "node", None)
        prepared = prepare_image(
            registry.url, "cancer", digest, room, Trust(policy=SignaturePolicy.OFF), lambda line: None
        )
        return Launch(python=prepared.python, image=prepared.image, serve_as="cancer", backend="", holds=prepared.holds)

    return launch


def test_the_accelerated_image_answers_as_the_original(launch: Callable[..., Launch], place: Path) -> None:
    rows = np.load(place / "rows.npy")[:50]
    labels, scores = onnxruntime.InferenceSession(str(place / "model.onnx")).run(None, {"X": rows})
    chosen = launch(["VitisAIExecutionProvider", CPU], [])

    async def story() -> None:
        process = ScoringProcess.start(chosen, None)
        announcement = await process.ready(60)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{announcement.http_port}") as http:
            answer = (await http.post("/score", json={"data": rows.tolist()})).json()
        assert announcement.provider == CPU
        assert np.mean(np.array(answer["label"]) == labels) >= 0.95
        assert np.abs(np.array(answer["probabilities"]) - scores).mean() < 0.02
        assert answer["probabilities"] != scores.tolist()  # it is another model
        await process.terminate(10)

    asyncio.run(story())


def test_a_node_without_what_is_required_says_what_it_has(launch: Callable[..., Launch]) -> None:
    chosen = launch(["VitisAIExecutionProvider"], ["VitisAIExecutionProvider"])

    async def story() -> None:
        process = ScoringProcess.start(chosen, None)
        with pytest.raises(ScriptFailed, match=rf"requires VitisAIExecutionProvider, and this node has .*{CPU}"):
            await process.ready(60)

    asyncio.run(story())


def test_a_killed_registry_takes_the_quantiser_along(quantised: Made, place: Path, tmp_path: Path) -> None:
    assert quantised  # so the environment is there
    work = tmp_path / "killed"
    work.mkdir()
    registry = subprocess.Popen(
        [sys.executable, "-c", REGISTRY, place, work, PYTHON],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert registry.stdout is not None
    assert registry.stdout.readline().startswith("quantising")
    (child,) = Path(f"/proc/{registry.pid}/task/{registry.pid}/children").read_text().split()
    assert "slipway_quantiser" in Path(f"/proc/{child}/cmdline").read_text()
    pidfd = os.pidfd_open(int(child))
    registry.send_signal(signal.SIGKILL)
    registry.communicate()
    assert select.select([pidfd], [], [], 30)[0], "it is still there"
    os.close(pidfd)
