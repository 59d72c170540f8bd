from pathlib import Path

import mlflow
import pytest
from sklearn.linear_model import LogisticRegression

from registry.core.errors import BuildFailed
from registry.images.environments.mlflow import from_mlflow, is_mlflow
from registry.images.inputs import ModelInput
from registry.images.pack import entry_of_bytes, entry_of_file

REQUIREMENTS = b"mlflow==3.1\nscikit-learn==1.6.1\n"
PYTHON_ENV = b"python: 3.10.13\nbuild_dependencies: [pip==23]\ndependencies: [-r requirements.txt]\n"
CONDA = b"dependencies: [python=3.11.7, pip, {pip: [mlflow==3.2]}]\n"


def logged(**files: bytes) -> ModelInput:
    """A model whose files have underscores for dots, below the folder ``model``."""
    names = {name: name.replace("_txt", ".txt").replace("_yaml", ".yaml") for name in files}
    entries = [entry_of_bytes(f"model/{names[name]}", content) for name, content in files.items()]
    return ModelInput("cancer", 2, None, (*entries, entry_of_bytes("model/MLmodel", b"flavors: {}")))


def test_what_mlflow_really_writes_is_understood(tmp_path: Path) -> None:
    mlflow.sklearn.save_model(
        LogisticRegression().fit([[0.0], [1.0]], [0, 1]),
        tmp_path / "model",
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn==1.6.1"],
    )
    files = [path for path in sorted((tmp_path / "model").rglob("*")) if path.is_file()]
    model = ModelInput(
        "cancer", 2, None, tuple(entry_of_file(path.relative_to(tmp_path).as_posix(), path) for path in files)
    )
    found = from_mlflow(model)

    assert is_mlflow(model)
    assert "scikit-learn==1.6.1" in found.requirements
    assert any(line.startswith("mlflow") for line in found.requirements)
    assert found.python is not None
    assert found.python.startswith("3.1")


def test_requirements_and_the_python_version_have_files_of_their_own() -> None:
    found = from_mlflow(logged(requirements_txt=REQUIREMENTS, python_env_yaml=PYTHON_ENV, conda_yaml=CONDA))

    assert (found.requirements, found.python) == (("mlflow==3.1", "scikit-learn==1.6.1"), "3.10")
    assert found.origin == "requirements.txt of cancer:2"


def test_the_conda_file_says_what_the_others_do_not() -> None:
    assert from_mlflow(logged(requirements_txt=REQUIREMENTS, conda_yaml=CONDA)).python == "3.11"
    alone = from_mlflow(logged(conda_yaml=CONDA))
    assert (alone.requirements, alone.python) == (("mlflow==3.2",), "3.11")


def test_of_models_within_models_the_topmost_counts() -> None:
    inner = entry_of_bytes("model/artifacts/inner/MLmodel", b"")
    outer = logged(requirements_txt=REQUIREMENTS)
    model = ModelInput("cancer", 2, None, (inner, *outer.files))

    assert from_mlflow(model).requirements == ("mlflow==3.1", "scikit-learn==1.6.1")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (ModelInput("cancer", 2, None, (entry_of_bytes("model.pkl", b""),)), "MLflow did not log it"),
        (logged(), "neither requirements.txt nor conda.yaml"),
        (logged(requirements_txt=b"-e ./code"), r"requirements\.txt of cancer:2: requirements, line 1"),
        (logged(requirements_txt=REQUIREMENTS, python_env_yaml=b"["), "no python_env.yaml"),
        (logged(requirements_txt=b"\xff"), "is not text"),
    ],
)
def test_a_model_without_a_usable_environment_says_why(model: ModelInput, message: str) -> None:
    with pytest.raises(BuildFailed, match=message):
        from_mlflow(model)
