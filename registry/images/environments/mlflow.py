"""What MLflow wrote beside a model: ``requirements.txt``, ``python_env.yaml``, ``conda.yaml`` in ``MLmodel``'s folder.

Source: MLflow's model format, "Environment files".
"""

import msgspec

from registry.core.errors import BuildFailed, InvalidInput
from registry.core.loading import parse_yaml
from registry.images.environments.base import Wanted, minor_of, wanted
from registry.images.environments.conda import from_conda
from registry.images.inputs import ModelInput
from registry.images.mlmodel import FILE, folder_of
from registry.images.pack import Entry

_MAX_BYTES = 1 << 20


class _PythonEnv(msgspec.Struct):
    python: str | None = None


def is_mlflow(model: ModelInput) -> bool:
    """Say whether MLflow logged the model."""
    return folder_of(model.files) is not None


def from_mlflow(model: ModelInput) -> Wanted:
    """Return the environment in which the model was logged.

    Raises:
        BuildFailed: MLflow did not log it, or what it wrote cannot be an image's environment.
    """
    folder = folder_of(model.files)
    if folder is None:
        raise BuildFailed(
            f"model {model.reference} has no {FILE}, so MLflow did not log it: remove environment.mlflow",
            model=model.reference,
        )
    files = {entry.path.removeprefix(folder): entry for entry in model.files if entry.path.startswith(folder)}
    conda = None
    if "conda.yaml" in files and not {"requirements.txt", "python_env.yaml"} <= files.keys():
        conda = from_conda(_text(files["conda.yaml"]), f"conda.yaml of {model.reference}")
    python = conda.python if conda is not None else None
    if "python_env.yaml" in files:
        python = _python_of(files["python_env.yaml"])
    if "requirements.txt" in files:
        return wanted(f"requirements.txt of {model.reference}", _text(files["requirements.txt"]), python)
    if conda is None:
        raise BuildFailed(
            f"model {model.reference} has neither requirements.txt nor conda.yaml beside its {FILE}: "
            "write environment.requirements",
            model=model.reference,
        )
    return Wanted(conda.origin, conda.requirements, python)


def _python_of(entry: Entry) -> str | None:
    try:
        version = msgspec.convert(parse_yaml(_text(entry)), _PythonEnv).python
    except (InvalidInput, msgspec.ValidationError) as error:
        raise BuildFailed(f"{entry.path} of the model is no python_env.yaml: {error}", path=entry.path) from error
    return minor_of(version) if version else None


def _text(entry: Entry) -> str:
    if entry.size > _MAX_BYTES:
        raise BuildFailed(f"{entry.path} of the model is longer than {_MAX_BYTES:,} bytes", path=entry.path)
    try:
        return b"".join(entry.read()).decode()
    except UnicodeDecodeError as error:
        raise BuildFailed(f"{entry.path} of the model is not text: {error}", path=entry.path) from error
