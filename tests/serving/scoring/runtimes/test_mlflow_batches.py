"""Requests to MLflow models whose rows a deployment declares to be independent, saved by the real MLflow."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

from serving.scoring.dataplane import DataPlane
from serving.scoring.engine.settings import EngineSettings
from serving.scoring.errors import LoadFailed, ScoringError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # advice of mlflow's

TOGETHER = EngineSettings(batching="on")
JSON = "application/json"
# Gives twice the input, and with how many rows it ran.
CODE = """
import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

def twice(frame, times):
    if (frame["x"] < 0).any():
        raise RuntimeError("no roots of negative numbers")
    return frame["x"].to_numpy() * times, np.full(len(frame), len(frame))

class Twice(PythonModel):
    def predict(self, context, model_input, params=None):
        x = model_input if isinstance(model_input, np.ndarray) else model_input["x"]
        frame = pd.DataFrame({"x": np.asarray(x).ravel()})
        y, rows = twice(frame, (params or {}).get("times", 2))
        return RESULT

set_model(Twice())
"""
FRAME = "pd.DataFrame({'y': y, 'rows': rows})"
COLUMNS = ModelSignature(
    Schema([ColSpec(DataType.long, "x")]), params=ParamSchema([ParamSpec("times", DataType.long, 2)])
)


@pytest.fixture
def plane_of(tmp_path: Path, make_plane: Callable[..., DataPlane]) -> Callable[..., DataPlane]:
    """Load a model that returns ``result``."""

    def make(
        result: str = FRAME, signature: ModelSignature | None = COLUMNS, settings: EngineSettings = TOGETHER
    ) -> DataPlane:
        code = tmp_path / "twice.py"
        code.write_text(CODE.replace("RESULT", result))
        model = tmp_path / "saved"
        mlflow.pyfunc.save_model(model, python_model=code, signature=signature, pip_requirements=["pandas"])
        return make_plane(mlflow=model, settings=settings)

    return make


def at_once(plane: DataPlane, *asked: Callable[[DataPlane], Awaitable[Any]]) -> list[Any]:
    """Ask while the model's thread is busy; return the answers, or what was raised."""

    async def answers() -> list[Any]:
        gate = threading.Event()
        plane.engine.errand(lambda: _wait(gate))
        asking = [asyncio.ensure_future(ask(plane)) for ask in asked]
        await asyncio.sleep(0)
        assert plane.engine.waiting == len(asked)
        gate.set()
        return list(await asyncio.gather(*asking, return_exceptions=True))

    return asyncio.run(answers())


def _wait(gate: threading.Event) -> None:
    assert gate.wait(20)


def body(document: Any, media_type: str = JSON) -> Callable[[DataPlane], Awaitable[Any]]:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()

    async def ask(plane: DataPlane) -> Any:
        return json.loads(await plane.invoke(content, media_type, plane.call("r", {})))["predictions"]

    return ask


def tensor(*values: int) -> Callable[[DataPlane], Awaitable[Any]]:
    async def ask(plane: DataPlane) -> Any:
        outputs = await plane.infer({"x": np.array(values)}, plane.call("r", {}))
        return {name: array.tolist() for name, array in outputs.items()}

    return ask


def split(*values: int, **more: Any) -> Callable[[DataPlane], Awaitable[Any]]:
    return body({"dataframe_split": {"columns": ["x"], "data": [[value] for value in values]}, **more})


def test_requests_of_all_doors_run_in_one_frame_and_each_gets_its_own_rows(plane_of: Callable[..., DataPlane]) -> None:
    answers = at_once(
        plane_of(), split(1, 2), body({"dataframe_records": [{"x": 3}]}), body(b"x\n4\n", "text/csv"), tensor(5, 6)
    )
    assert answers == [
        [{"y": 2, "rows": 6}, {"y": 4, "rows": 6}],
        [{"y": 6, "rows": 6}],
        [{"y": 8, "rows": 6}],
        {"y": [10, 12], "rows": [6, 6]},
    ]


def test_only_the_row_that_the_model_raises_for_fails(plane_of: Callable[..., DataPlane]) -> None:
    answers = at_once(plane_of(), *(split(row if row != 11 else -1) for row in range(32)))
    failed = answers.pop(11)
    assert isinstance(failed, ScoringError)
    assert failed.message == "the model raised RuntimeError: no roots of negative numbers (twice.py:9)"
    assert [answer[0]["y"] for answer in answers] == [2 * row for row in range(32) if row != 11]


def test_a_body_that_cannot_be_read_fails_before_the_others_run(plane_of: Callable[..., DataPlane]) -> None:
    first, failed, last = at_once(plane_of(), split(1), body({"nothing": 1}), split(2))
    assert (first, last) == ([{"y": 2, "rows": 2}], [{"y": 4, "rows": 2}])
    assert "send exactly one of" in str(failed)


def test_other_parameters_or_an_index_run_apart(plane_of: Callable[..., DataPlane]) -> None:
    indexed = body({"dataframe_split": {"columns": ["x"], "index": ["a"], "data": [[1]]}})
    answers = at_once(plane_of(), split(1), split(1, params={"times": 3}), indexed, split(4))
    assert answers == [[{"y": 2, "rows": 2}], [{"y": 3, "rows": 1}], [{"y": 2, "rows": 1}], [{"y": 8, "rows": 2}]]


@pytest.mark.parametrize(
    ("result", "first", "second"),
    [
        ("y.tolist()", [2], [4, 6]),
        ("y", [2], [4, 6]),
        ("pd.Series(y, name='y')", [{"y": 2}], [{"y": 4}, {"y": 6}]),
        ("{'y': y, 'rows': rows.tolist()}", {"y": [2], "rows": [3]}, {"y": [4, 6], "rows": [3, 3]}),
    ],
)
def test_lists_arrays_series_and_dictionaries_of_them_are_split(
    plane_of: Callable[..., DataPlane], result: str, first: Any, second: Any
) -> None:
    assert at_once(plane_of(result), split(1), split(2, 3)) == [first, second]


def test_arrays_run_together_too(plane_of: Callable[..., DataPlane]) -> None:
    signature = ModelSignature(Schema([TensorSpec(np.dtype(np.int64), (-1, 1))]))
    plane = plane_of("np.stack([y, rows], axis=1)", signature)
    assert at_once(plane, body({"inputs": [[1], [2]]}), body({"inputs": [[3]]})) == [[[2, 3], [4, 3]], [[6, 3]]]


@pytest.mark.parametrize("result", ["{'y': y.tolist(), 'model': 'twice'}", "[y.sum()]", "int(y.sum())", "{}"])
def test_a_result_that_has_not_one_for_each_row_is_asked_for_one_by_one(
    plane_of: Callable[..., DataPlane], result: str
) -> None:
    plane = plane_of(result)
    apart = [at_once(plane, ask)[0] for ask in (split(1), split(2, 3))]
    assert at_once(plane, split(1), split(2, 3)) == apart


def test_a_model_that_nobody_declared_runs_one_request_at_a_time(plane_of: Callable[..., DataPlane]) -> None:
    frame = pd.DataFrame({"x": [1]})
    plane = plane_of(signature=infer_signature(frame), settings=EngineSettings())
    assert at_once(plane, split(1), split(2)) == [[{"y": 2, "rows": 1}], [{"y": 4, "rows": 1}]]


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ({"script": "def init(): ...\n\ndef run(data): ...\n"}, "needs a run_batch(inputs) in the scoring script"),
        ({"model": "whole"}, "inputs and outputs all have a first dimension of any size"),
    ],
)
def test_who_declares_what_cannot_be_is_told(
    make_plane: Callable[..., DataPlane], model: dict[str, Any], named: str
) -> None:
    if "model" in model:
        model = {"model": whole_model()}
    with pytest.raises(LoadFailed) as refused:
        make_plane(**model, settings=TOGETHER)
    assert named in refused.value.message


def whole_model() -> bytes:
    """A model that sums everything up."""
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)],
        "whole",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    content: bytes = model.SerializeToString()
    return content
