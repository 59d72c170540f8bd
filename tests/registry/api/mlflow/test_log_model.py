"""Models logged, registered and loaded by MLflow's real client."""

import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnx
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression

from registry.client import Client

INPUTS = np.array([[0.0], [1.0], [2.0], [3.0]])
CLASSES = np.array([0, 0, 1, 1])


class Doubled(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        return model_input * 2


@pytest.fixture
def client(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowClient]:
    monkeypatch.chdir(tmp_path)  # the client looks for a project's lock file where it runs
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    mlflow.set_tracking_uri(url)
    mlflow.set_experiment(experiment_id="0")  # the client remembers one for as long as the process lives
    yield MlflowClient(url)
    mlflow.set_tracking_uri(None)


@pytest.fixture
def logged(client: MlflowClient) -> Any:
    """A logistic regression, logged as "trees" and registered as the first version of "cancer"."""
    model = LogisticRegression().fit(INPUTS, CLASSES)
    signature = infer_signature(INPUTS, CLASSES)
    with mlflow.start_run(run_name="training"):
        return mlflow.sklearn.log_model(
            model,
            name="trees",
            registered_model_name="cancer",
            signature=signature,
            pip_requirements=[f"scikit-learn=={metadata.version('scikit-learn')}"],
            params={"C": "1.0"},
            serialization_format="cloudpickle",
        )


def test_a_logged_model_is_ready_registered_and_linked_to_its_run(client: MlflowClient, logged: Any) -> None:
    model = mlflow.get_logged_model(logged.model_id)
    assert (model.name, str(model.status), model.source_run_id) == ("trees", "READY", logged.run_id)
    assert model.params == {"C": "1.0"}
    assert '"cancer"' in model.tags["mlflow.modelVersions"]
    (version,) = client.search_model_versions("name = 'cancer'")
    assert (version.version, version.source, version.run_id) == ("1", f"models:/{logged.model_id}", logged.run_id)
    run = client.get_run(logged.run_id)
    assert [output.model_id for output in run.outputs.model_outputs] == [logged.model_id]


def test_the_environment_of_a_version_is_read_from_what_mlflow_wrote(url: str, logged: Any) -> None:
    with Client(url) as registry:
        of_run = registry.runs.code(logged.run_id).environment
        (version,) = registry.models.lineage("cancer").versions
        (made,) = registry.runs.get(logged.run_id).made
    assert of_run is not None
    assert of_run.python == platform.python_version()
    assert of_run.packages["scikit-learn"] == metadata.version("scikit-learn")
    assert version.code is not None
    assert version.code.environment == of_run
    assert (made.name, made.version) == ("cancer", 1)


def test_every_kind_of_uri_loads_the_same_model(client: MlflowClient, logged: Any) -> None:
    client.set_registered_model_alias("cancer", "champion", 1)
    client.transition_model_version_stage("cancer", 1, "Production")
    expected = LogisticRegression().fit(INPUTS, CLASSES).predict(INPUTS)
    for uri in (
        "models:/cancer/1",
        "models:/cancer@champion",
        "models:/cancer/latest",
        "models:/cancer/Production",
        f"models:/{logged.model_id}",
        f"runs:/{logged.run_id}/trees",
    ):
        loaded = mlflow.pyfunc.load_model(uri)
        assert (loaded.predict(INPUTS) == expected).all(), uri
    assert mlflow.sklearn.load_model("models:/cancer/1").C == 1.0
    assert mlflow.models.get_model_info("models:/cancer/1").signature == infer_signature(INPUTS, CLASSES)


def test_what_is_downloaded_is_exactly_what_was_frozen(client: MlflowClient, logged: Any, tmp_path: Path) -> None:
    uri = client.get_model_version_download_uri("cancer", "1")
    down = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(tmp_path / "version")))
    original = Path(mlflow.artifacts.download_artifacts(f"models:/{logged.model_id}", dst_path=str(tmp_path / "model")))
    files = {path.relative_to(down).as_posix(): path.read_bytes() for path in down.rglob("*") if path.is_file()}
    assert files == {name: (original / name).read_bytes() for name in files}
    assert {"MLmodel", "model.pkl", "requirements.txt"} <= files.keys()


def test_a_function_and_an_onnx_graph_are_logged_and_loaded(client: MlflowClient) -> None:
    with mlflow.start_run():
        mlflow.pyfunc.log_model(
            name="doubled", python_model=Doubled(), registered_model_name="my model #1", pip_requirements=["pandas"]
        )
        graph = helper.make_graph(
            [helper.make_node("Neg", ["x"], ["y"])],
            "negative",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        info = mlflow.onnx.log_model(made, name="negative", pip_requirements=["onnxruntime"])
    doubled = mlflow.pyfunc.load_model("models:/my model #1/1")
    assert doubled.predict(pd.DataFrame({"a": [1, 2]}))["a"].tolist() == [2, 4]
    onnx.checker.check_model(mlflow.onnx.load_model(info.model_uri))


def test_a_model_is_registered_from_a_run_and_from_another_model(client: MlflowClient, logged: Any) -> None:
    again = mlflow.register_model(f"runs:/{logged.run_id}/trees", "second")
    copied = client.copy_model_version("models:/cancer/1", "third")
    assert (again.version, again.source, again.run_id) == ("1", f"models:/{logged.model_id}", logged.run_id)
    assert (copied.name, copied.run_id, copied.source) == ("third", logged.run_id, "models:/cancer/1")
    assert mlflow.sklearn.load_model("models:/third/1").C == 1.0


def test_an_old_style_model_among_a_runs_artifacts_is_registered(client: MlflowClient, tmp_path: Path) -> None:
    mlflow.sklearn.save_model(
        LogisticRegression().fit(INPUTS, CLASSES),
        tmp_path / "m",
        pip_requirements=["scikit-learn"],
        serialization_format="cloudpickle",
    )
    run_id = client.create_run("0").info.run_id
    client.log_artifacts(run_id, str(tmp_path / "m"), "deep/model")
    client.create_registered_model("old")
    client.create_model_version("old", f"mlflow-artifacts:/0/{run_id}/artifacts/deep/model", run_id)
    assert mlflow.pyfunc.load_model("models:/old/1").metadata.run_id is None
    assert mlflow.sklearn.load_model(f"runs:/{run_id}/deep/model").C == 1.0


def test_logged_models_are_found_by_what_is_known_of_them(client: MlflowClient) -> None:
    made = []
    for number in range(5):
        with mlflow.start_run() as run:
            model = client.create_logged_model(
                "0",
                name=f"m{number}",
                source_run_id=run.info.run_id,
                params={"depth": str(number)},
                tags={"team": "alpha"},
                model_type="tree",
            )
            data = mlflow.data.from_numpy(INPUTS + number % 2, name=f"data{number % 2}")
            mlflow.log_metric("accuracy", number / 10, model_id=model.model_id, dataset=data)
            mlflow.log_metric("loss", 1 - number / 10, model_id=model.model_id)
            made.append(model.model_id)

    def found(filter_string: str = "", **rest: Any) -> list[str]:
        models = client.search_logged_models(["0"], filter_string=filter_string, **rest)
        return [model.name for model in models]

    assert found() == ["m4", "m3", "m2", "m1", "m0"]
    assert found("metrics.accuracy > 0.1 AND params.depth != '4'") == ["m3", "m2"]
    assert found("name = 'm1' AND tags.team = 'alpha' AND model_type = 'tree' AND status = 'PENDING'") == ["m1"]
    assert found("metrics.accuracy >= 0", datasets=[{"dataset_name": "data1"}]) == ["m3", "m1"]
    assert found(datasets=[{"dataset_name": "data1"}]) == ["m3", "m1"]
    assert found(order_by=[{"field_name": "metrics.loss", "ascending": True}]) == ["m4", "m3", "m2", "m1", "m0"]
    order = {"field_name": "metrics.accuracy", "ascending": True, "dataset_name": "data0"}
    assert found(order_by=[order])[:3] == ["m0", "m2", "m4"]
    assert found(order_by=[{"field_name": "name", "ascending": True}], max_results=2) == ["m0", "m1"]
    first = client.search_logged_models(["0"], max_results=3)
    rest = client.search_logged_models(["0"], max_results=3, page_token=first.token)
    assert [model.name for model in [*first, *rest]] == ["m4", "m3", "m2", "m1", "m0"]
    (metric,) = [one for one in client.get_logged_model(made[3]).metrics if one.key == "accuracy"]
    assert (metric.value, metric.dataset_name, metric.model_id) == (0.3, "data1", made[3])
    client.delete_logged_model(made[0])
    assert found("name = 'm0'") == []
    with pytest.raises(MlflowException, match="not found") as caught:
        client.get_logged_model(made[0])
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_logged_model_lives_from_pending_to_failed_or_ready(client: MlflowClient, tmp_path: Path) -> None:
    model = client.create_logged_model("0", params={str(number): "x" for number in range(150)})
    assert len(model.params) == 150
    assert model.artifact_location == f"mlflow-artifacts:/0/models/{model.model_id}/artifacts"
    (tmp_path / "a.txt").write_text("a")
    client.log_model_artifact(model.model_id, str(tmp_path / "a.txt"))
    assert [file.path for file in client.list_logged_model_artifacts(model.model_id)] == ["a.txt"]
    assert str(client.finalize_logged_model(model.model_id, "FAILED").status) == "FAILED"
    assert str(client.finalize_logged_model(model.model_id, "READY").status) == "READY"
    client.set_logged_model_tags(model.model_id, {"a/b": "1", "c": "2"})
    client.delete_logged_model_tag(model.model_id, "c")
    client.log_model_params(model.model_id, {"more": "y"})
    again = client.get_logged_model(model.model_id)
    assert (again.tags["a/b"], "c" in again.tags, again.params["more"]) == ("1", False, "y")
    with pytest.raises(MlflowException, match="cannot become FAILED"):
        client.finalize_logged_model(model.model_id, "FAILED")
