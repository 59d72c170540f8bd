from typing import Any

import pytest

from registry.core.errors import InvalidInput
from registry.core.imaging.acceleration import CPU, ExecutionProvider, request_of
from registry.core.imaging.image_documents import load_image
from registry.core.imaging.images import ImageKind

TENSORRT = "TensorrtExecutionProvider"


def document(**acceleration: Any) -> dict[str, Any]:
    settings = {"calibration": {"data": "rows.npy"}, **acceleration}
    return {"name": "fast", "kind": "accelerated", "model": "net:1", "acceleration": settings}


def test_providers_are_written_short_or_whole_and_options_become_text() -> None:
    trt = {"name": "tensorrt", "options": {"trt_fp16_enable": True, "device_id": 1}}
    loaded = load_image(document(providers=["VitisAI", trt, "MyOwnExecutionProvider", "cpu"], require=["TensorRT"]))
    assert loaded.acceleration is not None
    request = request_of(loaded.acceleration, None)
    assert [provider.name for provider in request.providers] == [
        "VitisAIExecutionProvider",
        TENSORRT,
        "MyOwnExecutionProvider",
        CPU,
    ]
    assert request.providers[1].options == {"trt_fp16_enable": "True", "device_id": "1"}
    assert request.require == [TENSORRT]


def test_without_providers_it_is_the_cpu_and_a_drop_of_a_hundredth() -> None:
    loaded = load_image(document())
    assert loaded.kind is ImageKind.ACCELERATED
    assert loaded.acceleration is not None
    request = request_of(loaded.acceleration, None)
    assert request.providers == [ExecutionProvider(name=CPU)]
    assert request.max_accuracy_drop == 0.01


def test_a_label_may_be_a_columns_number() -> None:
    loaded = load_image(document(calibration={"data": "rows.npy", "label": -1}))
    assert loaded.acceleration is not None
    assert request_of(loaded.acceleration, None).label == "-1"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"providers": ["FPGA"]},
            r"\$\.acceleration\.providers\[0\]: there is no execution provider 'FPGA': write one of T",
        ),
        ({"providers": ["CPU", "cpu"]}, r"providers\[1\]: CPUExecutionProvider is in the list twice"),
        ({"require": ["CUDA"]}, r"require\[0\]: CUDAExecutionProvider is not among the providers"),
        ({"max_accuracy_drop": 2}, r"\$\.acceleration\.max_accuracy_drop: expected `float` <= 1"),
        ({"calibration": {"data": "rows.parquet"}}, r"'rows\.parquet' is no \.npy, \.csv or \.json file"),
        ({"calibration": {}}, "the key 'data' is missing"),
        ({"bound": 1}, "unknown key 'bound'"),
    ],
)
def test_a_mistake_is_told_with_its_place(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_image(document(**changes))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "scoring"}, r"\$\.acceleration: these are settings of an image of kind accelerated"),
        ({"acceleration": None}, "an accelerated image is calibrated with rows"),
        ({"docker": {"port": 80}}, r"\$\.docker: these are settings of an image of kind docker"),
        ({"kind": "iot"}, "kind"),
    ],
)
def test_settings_belong_to_their_kind(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_image({**document(), **change})
