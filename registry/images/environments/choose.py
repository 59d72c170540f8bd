"""The environment that a build asks for."""

from collections.abc import Sequence

from registry.core.errors import BuildFailed
from registry.core.imaging.environments import EnvironmentRequest, check_environment
from registry.images.environments.base import Wanted, wanted
from registry.images.environments.conda import from_conda
from registry.images.environments.curated import find_curated, from_curated
from registry.images.environments.mlflow import from_mlflow, is_mlflow
from registry.images.environments.pyproject import check_requires_python, from_pyproject
from registry.images.inputs import ModelInput
from registry.images.lock import Locks, check_python


def check_request(request: EnvironmentRequest) -> None:
    """Check all that needs no model.

    Raises:
        InvalidInput, NotFound, BuildFailed: the request can never make an environment.
    """
    check_environment(request)
    if request.python_version is not None:
        check_python(request.python_version)
    if request.name is not None:
        find_curated(request.name)
    if not request.mlflow:
        _source(request, ())


def choose_environment(
    request: EnvironmentRequest, models: Sequence[ModelInput], *, needs_code: bool, default_python: str
) -> tuple[list[Wanted], str]:
    """Return all that the environment is to hold, and its Python version.

    A model that MLflow logged and that needs code brings its own environment where the request names none. The Python
    version is the request's, or else the source's, the curated environment's, or ``default_python``.

    Raises:
        InvalidInput, NotFound, BuildFailed: they cannot make an environment.
    """
    found = [from_curated(request.name, default_python)] if request.name is not None else []
    source = _source(request, models)
    if source is None and not found and needs_code:
        source = next((from_mlflow(model) for model in models if is_mlflow(model)), None)
    if source is not None:
        found.insert(0, source)
    said = [one.python for one in found if one.python]
    python = check_python(request.python_version or (said[0] if said else default_python))
    if request.pyproject is not None:
        check_requires_python(request.pyproject, python)
    return found, python


def resolve(locks: Locks, sources: list[Wanted], own: list[str], python: str, architecture: str) -> bytes:
    """Return the lock of all sources and the scoring process' ``own`` requirements together.

    Raises:
        BuildFailed: they cannot be resolved; the message is uv's explanation, and a source's remedy.
    """
    users = [requirement for source in sources for requirement in source.requirements]
    try:
        return locks.resolve(users, own, python, architecture)
    except BuildFailed as error:
        remedies = [f"({source.origin}: {source.remedy})" for source in sources if source.remedy]
        raise BuildFailed("\n".join([error.message, *remedies]), **error.details) from error


def _source(request: EnvironmentRequest, models: Sequence[ModelInput]) -> Wanted | None:
    if request.requirements is not None:
        return wanted("requirements", request.requirements)
    if request.pyproject is not None:
        return from_pyproject(request.pyproject, request.extras)
    if request.conda_file is not None:
        return from_conda(request.conda_file)
    if request.mlflow:
        return from_mlflow(_logged(models))
    return None


def _logged(models: Sequence[ModelInput]) -> ModelInput:
    found = [model for model in models if is_mlflow(model)]
    if len(found) > 1:
        names = ", ".join(model.reference for model in found)
        raise BuildFailed(f"MLflow logged {names}: which environment is the image's? Write environment.requirements")
    return found[0] if found else models[0]
