"""What of the scoring process' source an image carries: all that its model needs, and nothing of other models'."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from registry.core.imaging.images import Runtime
from registry.images.scoring import scoring_package

CARRIED = {runtime: {entry.path: b"".join(entry.read()) for entry in scoring_package(runtime)} for runtime in Runtime}
# What __main__ imports when it loads a model of the runtime, and nobody before.
LOADED = {
    Runtime.ONNX: ("runtimes/onnx.py", "runtimes/cpus.py"),
    Runtime.SCRIPT: ("runtimes/script_loading.py", "runtimes/azureml/modules.py"),
    Runtime.MLFLOW: ("runtimes/mlflow.py", "runtimes/mlflow_batches.py"),
}
WITH_USERS_CODE = ("runtimes/forks.py",)  # the same, for all but ONNX


def imported(path: str, source: bytes) -> Iterator[str]:
    """Yield the package's files that a module may import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            named = PurePosixPath(path).parents[node.level - 1] / (node.module or "").replace(".", "/")
            yield from (f"{named / alias.name}.py" for alias in node.names)
            yield f"{named}.py"


@pytest.mark.parametrize("runtime", Runtime)
def test_what_a_module_imports_travels_with_it(runtime: Runtime) -> None:
    carried = CARRIED[runtime]
    all_files = set().union(*CARRIED.values())
    elsewhere = {("__main__.py", name) for other in Runtime if other is not runtime for name in LOADED[other]}
    elsewhere |= {("__main__.py", name) for name in WITH_USERS_CODE if runtime is Runtime.ONNX}
    missing = {
        (path, name)
        for path, source in carried.items()
        for name in imported(path, source)
        if name in all_files and name not in carried
    }
    assert missing <= elsewhere


@pytest.mark.parametrize("runtime", Runtime)
def test_an_image_carries_its_own_runtime_and_no_other(runtime: Runtime) -> None:
    assert {other for other, paths in LOADED.items() if set(paths) & set(CARRIED[runtime])} == {runtime}
