"""``MLmodel``: what MLflow wrote about a model that it logged.

Source: MLflow's model format. Where a model holds others among its artifacts, the outermost is the model.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from registry.core.errors import BuildFailed, InvalidInput
from registry.core.loading import parse_yaml
from registry.images.pack import Entry

FILE = "MLmodel"
PYTHON_FUNCTION, ONNX = "python_function", "onnx"  # flavours
_MAX_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]*")


class MLmodel(msgspec.Struct):
    flavors: dict[str, Any]
    mlflow_version: str | None = None

    @property
    def runs_itself(self) -> bool:
        """Whether its own python_function is to run it. One of the flavour onnx is run by onnxruntime alone."""
        return PYTHON_FUNCTION in self.flavors and ONNX not in self.flavors


def folder_of(files: Iterable[Entry]) -> str | None:
    """Return the folder that MLflow logged, as a prefix of its files' paths, or None if it logged none."""
    found = [entry.path for entry in files if entry.path.rpartition("/")[2] == FILE]
    return min(found, key=lambda path: (path.count("/"), path)).removesuffix(FILE) if found else None


def find_mlmodel(model: str, files: Sequence[Entry]) -> MLmodel | None:
    """Read a model's ``MLmodel``, if it has one.

    Raises:
        BuildFailed: it is none, or there are several side by side.
    """
    folder = folder_of(files)
    if folder is None:
        return None
    depth = folder.count("/")
    several = [one.path for one in files if one.path.rpartition("/")[2] == FILE and one.path.count("/") == depth]
    if len(several) > 1:
        raise BuildFailed(f"model {model} has {len(several)} {FILE} files side by side: {', '.join(several[:3])}")
    entry = next(one for one in files if one.path == several[0])
    try:
        if entry.size > _MAX_BYTES:
            raise InvalidInput(f"it has {entry.size:,} bytes")
        return msgspec.convert(parse_yaml(b"".join(entry.read())), MLmodel)
    except (InvalidInput, msgspec.ValidationError) as error:
        raise BuildFailed(
            f"{entry.path} of model {model} is not what MLflow writes: {error}", path=entry.path
        ) from error


def mlflow_requirements(mlmodel: MLmodel, users: Iterable[str]) -> list[str]:
    """List what runs the model besides ``users``' requirements: MLflow at the version that logged it, unless named.

    ``mlflow-skinny`` has all that loads and runs a python_function, but for pandas. Early versions of MLflow 2 import
    pkg_resources, which setuptools had until 80, and do not say so.
    """
    named = {_name(requirement) for requirement in users}
    version = mlmodel.mlflow_version or ""
    own = ["setuptools<81"] if version.startswith("2.") and "setuptools" not in named else []
    if "mlflow" in named:
        return own
    skinny = [] if "mlflow-skinny" in named else [f"mlflow-skinny=={version}" if version else "mlflow-skinny>=2.22"]
    return [*own, *skinny, "pandas"]


def _name(requirement: str) -> str:
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""
