"""MLflow models become images without code, each run under its own mlflow in an environment of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import sklearn
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

from registry.client import Client
from registry.core.activities import Activity, ActivityState
from registry.core.imaging.image_documents import ImageDocument, ImageEnvironmentDocument, SampleDocument
from registry.core.imaging.images import Runtime
from registry.core.imaging.samples import Door
from registry.core.modelling.models import ModelFile, ModelVersion
from registry.operations.workspace import Workspace
from registry.store.modelling import model_versions, models

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore::UserWarning")]

FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
BODY = {"dataframe_split": {"columns": ["a", "b"], "data": FRAME.to_numpy().tolist()}}
REQUIREMENTS = f"scikit-learn=={sklearn.__version__}\ncloudpickle\n"
SUMS = """
from helper import total
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Sums(PythonModel):
    def predict(self, context, model_input, params=None):
        return total(model_input)

set_model(Sums())
"""


def save_linear(folder: Path) -> None:
    model = LinearRegression().fit(FRAME, np.array([4.0, 7.0]))
    signature = infer_signature(FRAME, np.array([4.0, 7.0]))
    mlflow.sklearn.save_model(
        model, folder, signature=signature, serialization_format="cloudpickle", pip_requirements=["scikit-learn"]
    )


def save_sums(folder: Path) -> None:
    code = folder.with_name("code")
    code.mkdir()
    (code / "helper.py").write_text("def total(frame):\n    return frame.sum(axis=1)\n")
    (code / "sums.py").write_text(SUMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(code)
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(code / "sums.py"),
            code_paths=[str(code / "helper.py")],
            signature=infer_signature(FRAME, pd.Series([4.0, 7.0])),
            pip_requirements=[],
        )


def register(workspace: Workspace, name: str, folder: Path, below: str) -> None:
    """Register a saved model whose MLmodel lies in the folder ``below`` of its version, "" for the version's own."""
    files = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        blob = workspace.blobs.put(path.read_bytes())
        digest = blob.digest.removeprefix("sha256:")
        files.append(ModelFile(path=f"{below}{path.relative_to(folder)}", sha256=digest, size=blob.size))
    version = ModelVersion(name=name, version=1, run_id=None, path="", files=files, created_ms=1)
    with workspace.metadata.write() as tx:
        models.create(tx, name, "", 1)
        model_versions.insert(tx, version)


def build(client: Client, name: str, folder: Path, door: Door) -> Activity:
    document = ImageDocument(
        name=name,
        model=f"{name}:1",
        environment=ImageEnvironmentDocument(requirements="requirements.txt"),
        sample_requests=[SampleDocument(file="rows.json", door=door)],
    )
    activity = client.images.build(document, folder)
    while not activity.state.ended:
        activity = client.activities.get(activity.id, after=len(activity.log), wait_s=30)
    return activity


@pytest.mark.timeout(400)  # its environment has the scikit-learn stack
def test_mlflow_models_are_built_run_and_answered_without_code(url: str, workspace: Workspace, tmp_path: Path) -> None:
    client = Client(url)
    (tmp_path / "rows.json").write_text(json.dumps(BODY))
    (tmp_path / "requirements.txt").write_text(REQUIREMENTS)
    saved: dict[str, tuple[Callable[[Path], None], str, Door, Any]] = {
        "linear": (save_linear, "", Door.SCORE, [4.0, 7.0]),  # as a run's logged model is registered
        "sums": (save_sums, "model/", Door.INVOCATIONS, [{"0": 4.0}, {"0": 7.0}]),
    }
    for name, (save, below, door, expected) in saved.items():
        (tmp_path / name).mkdir()
        save(tmp_path / name / "model")
        register(workspace, name, tmp_path / name / "model", below)
        activity = build(client, name, tmp_path, door)
        assert activity.state is ActivityState.SUCCEEDED, activity.message
        assert client.images.get(name).config.runtime is Runtime.MLFLOW
        (answer,) = client.images.golden(name).answers
        assert json.loads(answer.body)["predictions"] == expected
    assert sum("materialising environment" in line for line in activity.log) == 0  # they share one
