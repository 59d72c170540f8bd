"""The scoring process' own source, taken as data: this side never imports or runs it."""

import importlib.util
from functools import cache
from pathlib import Path

from registry.core.errors import Unavailable
from registry.core.imaging.images import Runtime
from registry.images.bare_source import bare_source
from registry.images.pack import Entry, entry_of_bytes

# What only some models need of the package, by how paths begin, the longest counting. All the rest is every image's.
_NEEDED_BY = {
    "runtimes/azureml/": {Runtime.SCRIPT},
    "runtimes/azureml/__init__.py": set(Runtime),
    "runtimes/azureml/schemas.py": set(Runtime),  # the form in which any runtime may describe itself
    "runtimes/cpus.py": {Runtime.ONNX},
    "runtimes/forks.py": {Runtime.MLFLOW, Runtime.SCRIPT},
    "runtimes/independence.py": {Runtime.ONNX},
    "runtimes/mlflow": {Runtime.MLFLOW},
    "runtimes/mlflow_signature.py": {Runtime.MLFLOW, Runtime.SCRIPT},
    "runtimes/onnx.py": {Runtime.ONNX},
    "runtimes/script": {Runtime.SCRIPT},
    "runtimes/users_python.py": {Runtime.MLFLOW, Runtime.SCRIPT},
}


@cache
def scoring_package(runtime: Runtime) -> tuple[Entry, ...]:
    """List the ``.py`` files of the scoring process that such a model needs, bare, with paths relative to its package.

    Raises:
        Unavailable: this installation holds only the control plane.
    """
    folder = _folder()
    paths = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*.py"))}
    return tuple(
        entry_of_bytes(path, bare_source(file.read_text("utf-8")).encode())
        for path, file in paths.items()
        if runtime in _needed_by(path)
    )


def _needed_by(path: str) -> set[Runtime]:
    beginnings = [beginning for beginning in _NEEDED_BY if path.startswith(beginning)]
    return _NEEDED_BY[max(beginnings, key=len)] if beginnings else set(Runtime)


def scoring_requirements() -> str:
    """Return the scoring process' own list of requirements.

    Raises:
        Unavailable: this installation holds only the control plane.
    """
    return (_folder() / "requirements.txt").read_text()


def _folder() -> Path:
    spec = importlib.util.find_spec("serving")
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / "scoring"
        if (folder / "__init__.py").is_file():
            return folder
    raise Unavailable("the scoring process is not installed here: images are built where package 'serving' is")
