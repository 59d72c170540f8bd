"""Everything that tritonclient's four clients can ask of a scoring process, one call at a time."""

import json
from collections.abc import Callable
from queue import Queue
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from tests.serving.scoring.oip.conftest import KINDS
from tests.serving.scoring.oip.triton import CLIENTS, Triton
from tests.serving.scoring.process import Process

ROWS = np.array([[1, 2, 3], [0.25, -8, 0.5]], dtype=np.float32)
INTEGERS = {name: np.iinfo(name.lower()) for name in KINDS if "INT" in name}
VALUES: dict[str, Any] = {
    **{name: np.array([limits.min, limits.max], dtype=limits.dtype) for name, limits in INTEGERS.items()},
    "BOOL": np.array([True, False]),
    "FP16": np.array([0.5, -65504], dtype=np.float16),
    "FP32": np.array([np.finfo(np.float32).max, np.nan], dtype=np.float32),
    "FP64": np.array([1e300, -np.inf]),
    "BYTES": np.array(["", "grün\0"], dtype=object),
}


@pytest.fixture(params=CLIENTS)
def linear(request: pytest.FixtureRequest, linear_process: Process) -> Triton:
    return Triton(request.param, linear_process)


@pytest.fixture(params=CLIENTS)
def kinds(request: pytest.FixtureRequest, kinds_process: Process) -> Triton:
    return Triton(request.param, kinds_process)


def strings(array: Any) -> Any:
    return [item.decode() if isinstance(item, bytes) else item for item in array.ravel().tolist()]


def test_the_default_form_of_a_request_is_answered(linear: Triton) -> None:
    result = linear.call("infer", "linear", [linear.tensor("x", "FP32", ROWS)], request_id="42", model_version="7")
    assert result.as_numpy("y").tolist() == [[-6.5], [-17.25]]
    answer = result.get_response() if not linear.over_grpc else result.get_response(as_json=True)
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("linear", "7", "42")


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_every_datatype_comes_back_as_it_went_in(kinds: Triton, binary_in: bool, binary_out: bool) -> None:
    inputs = [
        kinds.tensor(name, name, VALUES[name], binary_data=binary_in or name == "FP16")  # which has no JSON form
        for name in reversed(KINDS)
    ]
    outputs = [kinds.output(f"{name}_out", binary_data=binary_out or name == "FP16") for name in KINDS]
    result = kinds.call("infer", "linear", inputs, outputs=outputs)
    for name in KINDS:
        got = result.as_numpy(f"{name}_out")
        if name == "BYTES":
            assert strings(got) == strings(VALUES[name])
        else:
            assert got.dtype == VALUES[name].dtype
            assert np.array_equal(got, VALUES[name], equal_nan=name.startswith("FP"))


def test_only_the_outputs_asked_for_come_and_in_that_order(kinds: Triton) -> None:
    inputs = [kinds.tensor(name, name, VALUES[name]) for name in KINDS]
    outputs = [kinds.output(f"{name}_out") for name in ("INT8", "BOOL")]
    answer = kinds.call("infer", "linear", inputs, outputs=outputs).get_response()
    named = [each.name for each in answer.outputs] if kinds.over_grpc else [each["name"] for each in answer["outputs"]]
    assert named == ["INT8_out", "BOOL_out"]


def test_requests_may_be_under_way_together(linear_process: Process) -> None:
    for kind in ("http", "grpc"):
        triton = Triton(kind, linear_process)
        options = {"concurrency": 4} if kind == "http" else {}
        with triton.module.InferenceServerClient(triton._address, **options) as client:
            asked = [begin_on(triton, client, number) for number in range(8)]
            assert [finish().as_numpy("y").tolist() for finish in asked] == [[[n + 0.5]] for n in range(8)]


def begin_on(triton: Triton, client: Any, number: int) -> Callable[[], Any]:
    inputs = [triton.tensor("x", "FP32", np.array([[number, 0, 0]], dtype=np.float32))]
    if not triton.over_grpc:
        return client.async_infer("linear", inputs).get_result  # type: ignore[no-any-return]
    done: Queue[Any] = Queue()
    client.async_infer("linear", inputs, callback=lambda result, error: done.put(error or result))
    return lambda: done.get(timeout=10)


def test_health_and_metadata(linear: Triton) -> None:
    assert linear.call("is_server_live")
    assert linear.call("is_server_ready")
    assert linear.call("is_model_ready", "linear")
    assert linear.call("is_model_ready", "linear", "7")
    assert not linear.call("is_model_ready", "other")
    assert not linear.call("is_model_ready", "linear", "8")
    server = linear.call("get_server_metadata")
    assert server["name"] == "slipway"
    assert "statistics" in server["extensions"]
    model = linear.call("get_model_metadata", "linear")
    assert (model["name"], model["versions"], model["platform"]) == ("linear", ["7"], "onnxruntime_onnx")
    assert [int(size) for size in model["inputs"][0]["shape"]] == [-1, 3]


def test_the_configuration_is_a_model_configuration(linear: Triton) -> None:
    config = linear.call("get_model_config", "linear", "7")
    config = config.get("config", config)
    assert (config["name"], config["backend"]) == ("linear", "onnxruntime")
    assert int(config["max_batch_size"]) == 2**31 - 1
    (given,) = config["input"]
    assert (given["name"], given["data_type"], [int(size) for size in given["dims"]]) == ("x", "TYPE_FP32", [3])
    assert [int(size) for size in config["output"][0]["dims"]] == [1]
    assert not config["model_transaction_policy"].get("decoupled", False)


def test_statistics_count_requests_items_and_their_time(linear: Triton) -> None:
    before = counted(linear)
    for _ in range(3):
        linear.call("infer", "linear", [linear.tensor("x", "FP32", ROWS)])
    after = counted(linear)
    assert after["items"] - before["items"] == 6
    for name in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        assert after[name] - before[name] == 3
    assert after["ns"] > before["ns"]
    assert after["last"] >= before["last"] > 0
    assert len(linear.call("get_inference_statistics")["model_stats"]) == 1


def counted(triton: Triton) -> dict[str, int]:
    (stats,) = triton.call("get_inference_statistics", "linear", "7")["model_stats"]
    durations = stats["inference_stats"]
    return {
        "items": int(stats.get("inference_count", 0)),
        "last": int(stats.get("last_inference", 0)) or 1,
        "ns": int(durations["success"].get("ns", 0)),
        **{name: int(duration.get("count", 0)) for name, duration in durations.items()},
    }


def test_the_repository_holds_the_one_model(linear: Triton) -> None:
    index = linear.call("get_model_repository_index")
    (entry,) = index["models"] if linear.over_grpc else index
    assert (entry["name"], entry["version"], entry["state"]) == ("linear", "7", "READY")
    linear.call("load_model", "linear")
    for method, model, said in (
        ("load_model", "other", "failed to load 'other'"),
        ("unload_model", "linear", "`slipway deployment delete` ends it"),
        ("unload_model", "other", "Request for unknown model: 'other' is not found"),
    ):
        with pytest.raises(InferenceServerException, match=said):
            linear.call(method, model)
    assert linear.call("is_model_ready", "linear")


def test_a_model_cannot_be_given_other_files_or_configuration(linear: Triton) -> None:
    with pytest.raises(InferenceServerException, match="failed to load 'linear' with config: "):
        linear.call("load_model", "linear", config=json.dumps({"max_batch_size": 1}))


@pytest.mark.parametrize("memory", ["system", "cuda"])
def test_there_is_no_shared_memory(linear: Triton, memory: str) -> None:
    status = linear.call(f"get_{memory}_shared_memory_status")
    assert status.get("regions", {}) == {} if linear.over_grpc else status == []
    region = ("/key", 64) if memory == "system" else (b"aGFuZGxl", 0, 64)
    with pytest.raises(InferenceServerException, match="shared memory is off here"):
        linear.call(f"register_{memory}_shared_memory", "region", *region)
    with pytest.raises(InferenceServerException, match="there is no shared memory region 'region'"):
        linear.call(f"get_{memory}_shared_memory_status", "region")
    linear.call(f"unregister_{memory}_shared_memory")
    linear.call(f"unregister_{memory}_shared_memory", "region")


def test_a_tensor_in_shared_memory_is_refused(linear: Triton) -> None:
    tensor, output = linear.module.InferInput("x", [1, 3], "FP32"), linear.module.InferRequestedOutput("y")
    tensor.set_shared_memory("region", 12)
    output.set_shared_memory("region", 4)
    for inputs, outputs in (([tensor], None), ([linear.tensor("x", "FP32", ROWS)], [output])):
        with pytest.raises(InferenceServerException, match="shared memory is off here"):
            linear.call("infer", "linear", inputs, outputs=outputs)


def test_trace_settings_are_read_and_stay_as_they_are(linear: Triton) -> None:
    for options in ({}, {"model_name": "linear"}):
        settings = linear.call("get_trace_settings", **options)
        level = settings["settings"]["trace_level"]["value"] if linear.over_grpc else settings["trace_level"]
        assert level == ["OFF"]
    linear.call("update_trace_settings", settings={"trace_level": ["OFF"], "trace_rate": "1000", "trace_count": None})
    with pytest.raises(InferenceServerException, match="'trace_level' cannot be changed here"):
        linear.call("update_trace_settings", settings={"trace_level": ["TIMESTAMPS"]})
    with pytest.raises(InferenceServerException, match="unknown setting 'levels'"):
        linear.call("update_trace_settings", settings={"levels": ["OFF"]})
    with pytest.raises(InferenceServerException, match="unknown model: 'other'"):
        linear.call("get_trace_settings", model_name="other")


def test_log_settings_are_read_and_stay_as_they_are(linear: Triton) -> None:
    settings = linear.call("get_log_settings")
    info = settings["settings"]["log_info"]["bool_param"] if linear.over_grpc else settings["log_info"]
    assert info is True
    linear.call("update_log_settings", {"log_info": True, "log_verbose_level": 0, "log_format": "default"})
    for change in ({"log_verbose_level": 1}, {"log_info": False}, {"log_file": "/tmp/log"}):
        with pytest.raises(InferenceServerException, match="cannot be changed here"):
            linear.call("update_log_settings", change)


def test_classes_instead_of_numbers(linear: Triton) -> None:
    inputs = [linear.tensor("x", "FP32", ROWS)]
    for binary in (True, False):
        output = linear.output("y", class_count=2, binary_data=binary)
        classes = linear.call("infer", "linear", inputs, outputs=[output]).as_numpy("y")
        assert [[item.decode() if isinstance(item, bytes) else item for item in row] for row in classes] == [
            ["-6.500000:0"],
            ["-17.250000:0"],
        ]


@pytest.mark.parametrize(
    ("parameters", "answered"),
    [
        ({"mine": "a", "number": 1, "truth": True}, True),
        ({"timeout": "soon"}, False),
    ],
)
def test_parameters_of_the_request_do_no_harm(linear: Triton, parameters: dict[str, Any], answered: bool) -> None:
    inputs = [linear.tensor("x", "FP32", ROWS)]
    options = {"priority": 3, "sequence_id": 9, "sequence_start": True, "sequence_end": True}
    if answered:
        for extra in (options, {"sequence_id": "nine"}, {"timeout": 1_000_000}):
            result = linear.call("infer", "linear", inputs, parameters=parameters, **extra)
            assert result.as_numpy("y").shape == (2, 1)
    else:
        with pytest.raises((InferenceServerException, ValueError)):
            linear.call("infer", "linear", inputs, parameters=parameters)
