"""The execution provider of an accelerated image: order, options, what is missing, what is required."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime
import pytest

from serving.scoring.dataplane import DataPlane
from serving.scoring.errors import LoadFailed
from serving.scoring.runtimes.onnx import OnnxRuntime, load_onnx
from serving.scoring.runtimes.providers import CPU, Acceleration, Provider, choose_provider

TENSORRT, VITIS, AZURE = "TensorrtExecutionProvider", "VitisAIExecutionProvider", "AzureExecutionProvider"
HERE = onnxruntime.get_available_providers()


def wanted(*names: str, require: Sequence[str] = ()) -> Acceleration:
    return Acceleration(providers=[Provider(name=name) for name in names], require=list(require))


@pytest.mark.parametrize(
    ("acceleration", "available", "chosen"),
    [
        (Acceleration(), [CPU], CPU),
        (wanted(VITIS, TENSORRT, CPU), [TENSORRT, VITIS, CPU], VITIS),
        (wanted(VITIS, TENSORRT, CPU), [TENSORRT, CPU], TENSORRT),
        (wanted(VITIS, CPU, TENSORRT), [TENSORRT, CPU], CPU),
        (wanted(VITIS), [TENSORRT, CPU], CPU),
        (wanted(VITIS, TENSORRT, CPU, require=[TENSORRT]), [TENSORRT, VITIS, CPU], TENSORRT),
        (wanted(VITIS, TENSORRT, require=[VITIS, TENSORRT]), [TENSORRT, CPU], TENSORRT),
    ],
)
def test_the_first_provider_that_is_there_is_taken(
    acceleration: Acceleration, available: list[str], chosen: str
) -> None:
    assert choose_provider(acceleration, available, lambda choice: [choice.name, CPU]).name == chosen


@pytest.mark.parametrize(
    ("acceleration", "message"),
    [
        (wanted(VITIS, CPU, require=[VITIS]), "requires VitisAIExecutionProvider, and this node has Tensorrt.*, CPU.*"),
        (wanted(VITIS, require=[VITIS, AZURE]), "requires VitisAIExecutionProvider or AzureExecutionProvider"),
        (wanted(TENSORRT, require=[TENSORRT]), "TensorrtExecutionProvider: did not start: its libraries or its device"),
    ],
)
def test_what_is_required_and_missing_is_refused_with_what_there_is(acceleration: Acceleration, message: str) -> None:
    with pytest.raises(LoadFailed, match=message):
        choose_provider(acceleration, [TENSORRT, CPU], lambda choice: [CPU])


def test_a_provider_that_does_not_start_is_passed_over() -> None:
    started = []

    def start(choice: Provider) -> list[str]:
        started.append(choice.name)
        return [CPU]

    assert choose_provider(wanted(TENSORRT, CPU), [TENSORRT, CPU], start).name == CPU
    assert started == [TENSORRT, CPU]


@pytest.fixture
def load(make_image: Callable[..., Path], linear: bytes) -> Callable[[Acceleration], OnnxRuntime]:
    return lambda acceleration: load_onnx(make_image(model=linear), 1, 1, acceleration)


@pytest.mark.skipif(AZURE not in HERE, reason="this onnxruntime has only one provider")
def test_onnxruntime_runs_the_model_on_the_chosen_one(load: Callable[[Acceleration], OnnxRuntime]) -> None:
    runtime = load(wanted(TENSORRT, AZURE, CPU))
    assert runtime.provider == AZURE
    assert runtime._session.get_providers()[0] == AZURE


def test_a_provider_is_started_with_its_own_options() -> None:
    started: list[Provider] = []
    tensorrt = Provider(name=TENSORRT, options={"trt_fp16_enable": "1"})

    def start(choice: Provider) -> list[str]:
        started.append(choice)
        return [choice.name, CPU]

    assert choose_provider(Acceleration(providers=[tensorrt, Provider(name=CPU)]), [TENSORRT, CPU], start) == tensorrt
    assert started == [tensorrt]


def test_a_plain_image_runs_on_the_cpu_and_says_so(make_plane: Callable[..., DataPlane], linear: bytes) -> None:
    plane = make_plane(model=linear)
    assert isinstance(plane.runtime, OnnxRuntime)
    assert plane.runtime.provider == CPU
    outputs = plane.runtime.infer({"x": np.ones((1, 3), np.float32)}, plane.call("1", {}))
    assert outputs["y"].tolist() == [[-0.5]]


def test_a_process_says_which_provider_it_runs_on(start: Callable[..., Any], linear: bytes) -> None:
    settings = {"providers": [{"name": TENSORRT}, {"name": CPU, "options": {}}], "drop": 0.0}
    process = start(model=linear, acceleration=settings)
    assert process.news["provider"] == CPU
    assert httpx.get(f"http://{process.http}/v2/models/linear").json()["properties"] == {"execution_provider": CPU}
    assert "on CPUExecutionProvider" in process.log_text()


def test_a_process_without_what_its_image_requires_is_never_ready(start: Callable[..., Any], linear: bytes) -> None:
    process = start(model=linear, acceleration={"providers": [{"name": VITIS}, {"name": CPU}], "require": [VITIS]})
    assert process.news["state"] == "failed"
    assert process.news["error"].startswith(f"the image requires {VITIS}, and this node has ")
    assert process.child.wait(10) == 3
