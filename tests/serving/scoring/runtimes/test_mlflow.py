"""MLflow models, saved by the real MLflow, through every door."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import mlflow
import numpy as np
import pandas as pd
import pytest
import tritonclient.grpc
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc.scoring_server import predictions_to_json
from mlflow.types import ColSpec, DataType, Schema
from sklearn.linear_model import LinearRegression

from serving.scoring.errors import LoadFailed, ScriptLoadFailed
from serving.scoring.runtimes.mlflow import load_mlflow

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # advice of mlflow's and scikit-learn's

Ask = Callable[..., Any]
FRAME = pd.DataFrame({"a": [1.0, 0.25], "b": [2.0, -8.0], "c": [3.0, 0.5]})
PREDICTIONS = [-6.5, -17.25]

TIMES = """
from factors import factor
from mlflow.pyfunc import PythonModel

class Times(PythonModel):
    def predict(self, context, model_input, params=None):
        if "x" not in model_input:
            return model_input["what"]
        if (model_input["x"] < 0).any():
            raise RuntimeError("no roots of negative numbers")
        return model_input * factor * (params or {}).get("times", 1)
"""

CHAT = """
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Echo(PythonModel):
    def predict(self, context, model_input, params=None):
        said = [message["content"] for message in model_input["messages"]]
        return {"choices": [{"content": text} for text in said], "temperature": model_input["temperature"]}

set_model(Echo())
"""


@pytest.fixture(scope="module")
def linear_model() -> LinearRegression:
    model = LinearRegression()
    model.coef_, model.intercept_ = np.array([1.0, 2.0, -4.0]), 0.5
    model.n_features_in_, model.feature_names_in_ = 3, np.array(["a", "b", "c"], dtype=object)
    return model


def save(folder: Path, model: LinearRegression, signature: ModelSignature | None) -> Path:
    mlflow.sklearn.save_model(
        model, folder, signature=signature, serialization_format="cloudpickle", pip_requirements=["scikit-learn"]
    )
    return folder


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory, linear_model: LinearRegression) -> Path:
    signature = infer_signature(FRAME, np.array(PREDICTIONS))
    return save(tmp_path_factory.mktemp("columns") / "model", linear_model, signature)


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory: pytest.TempPathFactory, linear_model: LinearRegression) -> Path:
    return save(tmp_path_factory.mktemp("unsigned") / "model", linear_model, None)


@pytest.fixture(scope="module")
def tensor(tmp_path_factory: pytest.TempPathFactory, linear_model: LinearRegression) -> Path:
    signature = infer_signature(FRAME.to_numpy(), np.array(PREDICTIONS))
    return save(tmp_path_factory.mktemp("tensor") / "model", linear_model, signature)


@pytest.fixture(scope="module")
def times(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A custom python_function with a module of its own beside it, an optional column and a parameter."""
    folder = tmp_path_factory.mktemp("times")
    (folder / "factors.py").write_text("factor = 2\n")
    (folder / "times.py").write_text(TIMES + "\nfrom mlflow.models import set_model\nset_model(Times())\n")
    schema = Schema([ColSpec(DataType.long, "x"), ColSpec(DataType.double, "y", required=False)])
    params = infer_signature(pd.DataFrame({"x": [1]}), params={"times": 1}).params
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        mlflow.pyfunc.save_model(
            folder / "model",
            python_model=str(folder / "times.py"),
            code_paths=[str(folder / "factors.py")],
            signature=ModelSignature(schema, schema, params),
            pip_requirements=[],
        )
    return folder / "model"


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the user's own that takes and returns documents."""
    folder = tmp_path_factory.mktemp("chat")
    (folder / "chat.py").write_text(CHAT)
    mlflow.pyfunc.save_model(folder / "model", python_model=str(folder / "chat.py"), pip_requirements=[])
    return folder / "model"


def predictions(answer: Any) -> Any:
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["predictions"]


def message(answer: Any) -> str:
    body = json.loads(answer.body)
    return str(body.get("message") or body.get("error"))


@pytest.mark.parametrize("path", ["/invocations", "/score"])
@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": FRAME.to_dict(orient="split")},
        {"dataframe_records": FRAME.to_dict(orient="records")},
        {"instances": FRAME.to_dict(orient="records")},
        {"inputs": FRAME.to_dict(orient="list")},
    ],
    ids=lambda body: next(iter(body)),
)
def test_every_form_gives_the_same_predictions(
    make_ask: Callable[..., Ask], columns: Path, path: str, body: Any
) -> None:
    assert predictions(make_ask(mlflow=columns)("POST", path, body)) == PREDICTIONS


def test_csv_is_read_as_mlflow_reads_it(make_ask: Callable[..., Ask], columns: Path) -> None:
    ask = make_ask(mlflow=columns)
    body = FRAME.to_csv(index=False).encode()
    assert predictions(ask("POST", "/invocations", body, content_type="text/csv; charset=utf-8")) == PREDICTIONS


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"nonsense", "the body is not what /invocations takes"),
        (b"[1]", "must be a JSON object with one of dataframe_split"),
        (b"\xff", "the body is not what /invocations takes"),
        ({}, "send exactly one of"),
        ({"inputs": [], "instances": []}, "got instances, inputs"),
        ({"inputs": {"a": [1.0]}}, "Model is missing inputs ['b', 'c']."),
        ({"dataframe_records": [{"a": "p", "b": 2, "c": 3}]}, "Failed to convert column a"),
        ({"dataframe_split": {"columns": ["a"]}}, "must have 'data' field"),
        ({"inputs": {"a": [1.0], "b": [1.0], "c": [1.0]}, "params": 3}, "'params' must be a JSON object"),
    ],
)
def test_what_does_not_fit_is_a_400_that_names_the_fault(
    make_ask: Callable[..., Ask], columns: Path, body: Any, named: str
) -> None:
    answer = make_ask(mlflow=columns)("POST", "/invocations", body)
    assert answer.status == 400
    assert named in message(answer)


def test_predictions_are_written_as_mlflow_writes_them(make_ask: Callable[..., Ask], times: Path) -> None:
    """MLflow's own server is the judge."""
    frame = pd.DataFrame({"x": [1, 2]})
    written = io.StringIO()
    predictions_to_json(mlflow.pyfunc.load_model(str(times)).predict(frame), written)
    answer = make_ask(mlflow=times)("POST", "/invocations", {"dataframe_split": frame.to_dict(orient="split")})
    assert json.loads(answer.body) == json.loads(written.getvalue())


def infer(ask: Ask, *tensors: tuple[str, str, list[int], list[Any]]) -> Any:
    inputs = [{"name": name, "datatype": kind, "shape": shape, "data": data} for name, kind, shape, data in tensors]
    return ask("POST", "/v2/models/linear/infer", {"inputs": inputs})


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_columns_are_the_inputs_of_the_open_inference_protocol(
    make_ask: Callable[..., Ask], columns: Path, shape: list[int]
) -> None:
    ask = make_ask(mlflow=columns)
    metadata = json.loads(ask("GET", "/v2/models/linear").body)
    assert metadata["inputs"] == [{"name": name, "datatype": "FP64", "shape": [-1, 1]} for name in "abc"]
    assert metadata["outputs"] == [{"name": "output_0", "datatype": "FP64", "shape": [-1]}]

    answer = infer(ask, *((name, "FP64", shape, FRAME[name].tolist()) for name in "abc"))
    assert json.loads(answer.body)["outputs"] == [
        {"name": "output_0", "datatype": "FP64", "shape": [2], "data": PREDICTIONS}
    ]


def test_columns_of_different_lengths_are_named(make_ask: Callable[..., Ask], columns: Path) -> None:
    rows = {"a": [1.0], "b": [1.0], "c": [1.0, 2.0]}
    answer = infer(make_ask(mlflow=columns), *((name, "FP64", [len(row)], row) for name, row in rows.items()))
    assert (answer.status, message(answer)) == (
        400,
        "the columns have different numbers of rows: 'a' has 1, 'b' has 1, 'c' has 2",
    )


def test_an_optional_column_may_be_missing_and_a_required_one_not(make_ask: Callable[..., Ask], times: Path) -> None:
    ask = make_ask(mlflow=times)
    assert json.loads(infer(ask, ("x", "INT64", [1], [3])).body)["outputs"] == [
        {"name": "x", "datatype": "INT64", "shape": [1], "data": [6]}
    ]
    answer = infer(ask, ("y", "FP64", [1], [3.0]))
    assert (answer.status, message(answer)) == (400, "missing input 'x': the model has 'x', 'y'")


def test_parameters_reach_the_model(make_ask: Callable[..., Ask], times: Path) -> None:
    body = {"inputs": {"x": [1, 2]}, "params": {"times": 10}}
    assert predictions(make_ask(mlflow=times)("POST", "/invocations", body)) == [{"x": 20}, {"x": 40}]


def test_parameters_of_an_infer_request_reach_the_model_that_declares_them(
    make_ask: Callable[..., Ask], times: Path
) -> None:
    ask = make_ask(mlflow=times)
    parameters = {"times": 10, "other": "a", "priority": 1, "binary_data_output": False}
    inputs = [{"name": "x", "datatype": "INT64", "shape": [2], "data": [1, 2]}]
    answer = ask("POST", "/v2/models/linear/infer", {"inputs": inputs, "parameters": parameters})
    assert json.loads(answer.body)["outputs"][0]["data"] == [20, 40]
    answer = ask("POST", "/v2/models/linear/infer", {"inputs": inputs, "parameters": {"times": "many"}})
    assert (answer.status, "times" in message(answer)) == (400, True)


def test_a_body_of_an_llm_is_the_models_own_and_so_is_the_answer(make_ask: Callable[..., Ask], chat: Path) -> None:
    messages = [{"role": "user", "content": "hello"}]
    answer = make_ask(mlflow=chat)("POST", "/invocations", {"messages": messages, "temperature": 0.5})
    assert (answer.status, json.loads(answer.body)) == (200, {"choices": [{"content": "hello"}], "temperature": 0.5})


def test_a_model_that_raises_is_its_own_fault_and_shows_its_line(make_ask: Callable[..., Ask], times: Path) -> None:
    answer = make_ask(mlflow=times)("POST", "/invocations", {"inputs": {"x": [-1]}})
    assert answer.status == 500
    assert message(answer) == "the model raised RuntimeError: no roots of negative numbers (times.py:10)"


def test_a_tensor_is_one_input(make_ask: Callable[..., Ask], tensor: Path) -> None:
    ask = make_ask(mlflow=tensor)
    assert json.loads(ask("GET", "/v2/models/linear").body)["inputs"] == [
        {"name": "input_0", "datatype": "FP64", "shape": [-1, 3]}
    ]
    assert predictions(ask("POST", "/invocations", {"inputs": FRAME.to_numpy().tolist()})) == PREDICTIONS
    answer = infer(ask, ("input_0", "FP64", [2, 3], FRAME.to_numpy().ravel().tolist()))
    assert json.loads(answer.body)["outputs"][0]["data"] == PREDICTIONS


def test_without_a_signature_the_model_judges_its_input(make_ask: Callable[..., Ask], unsigned: Path) -> None:
    ask = make_ask(mlflow=unsigned)
    assert predictions(ask("POST", "/invocations", {"inputs": FRAME.to_numpy().tolist()})) == PREDICTIONS
    refused = ask("POST", "/invocations", {"inputs": [[1.0]]})
    assert refused.status == 400
    assert "X has 1 features, but LinearRegression is expecting 3" in message(refused)
    answer = infer(ask, ("anything", "FP64", [2, 3], FRAME.to_numpy().ravel().tolist()))
    assert json.loads(answer.body)["outputs"][0]["data"] == PREDICTIONS


def test_a_model_inside_a_models_artifacts_is_not_taken_for_it(tmp_path: Path, columns: Path, unsigned: Path) -> None:
    for inner, outer in ((unsigned, "model/artifacts/inner"), (columns, "model")):
        for file in inner.rglob("*"):
            if file.is_file():
                target = tmp_path / outer / file.relative_to(inner)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
    assert load_mlflow(tmp_path).signature is not None


def test_a_folder_that_is_a_link_leading_elsewhere_is_loaded(tmp_path: Path, columns: Path) -> None:
    files, version = tmp_path / "opt/slipway/models/0", tmp_path / "var/azureml-app/azureml-models/iris/1"
    shutil.copytree(columns, files)
    version.parent.mkdir(parents=True)
    version.symlink_to("../../../../opt/slipway/models/0")
    assert load_mlflow(version).signature is not None


def test_no_model_is_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="one outermost MLmodel file; found 0"):
        load_mlflow(tmp_path)


def test_a_model_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {python_function: {loader_module: nowhere}}\nmodel_uuid: a\n")
    with pytest.raises(ScriptLoadFailed, match=r"the MLflow model could not be loaded: .*No module named 'nowhere'"):
        load_mlflow(tmp_path)


@pytest.mark.e2e
def test_a_real_process_serves_it_over_http_and_grpc(start: Callable[..., Any], columns: Path) -> None:
    process = start(mlflow=columns)
    body = {"dataframe_split": {"columns": ["a", "b", "c"], "data": FRAME.to_numpy().tolist()}}
    answer = httpx.post(f"http://{process.http}/invocations", json=body).raise_for_status()
    with tritonclient.grpc.InferenceServerClient(process.grpc) as client:
        inputs = [tritonclient.grpc.InferInput(name, [2, 1], "FP64") for name in "abc"]
        for item in inputs:
            item.set_data_from_numpy(FRAME[[item.name()]].to_numpy())
        over_grpc = client.infer("linear", inputs).as_numpy("output_0").tolist()
    assert answer.json() == {"predictions": PREDICTIONS}
    assert over_grpc == PREDICTIONS
