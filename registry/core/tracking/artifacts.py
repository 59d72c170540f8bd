"""Addresses of files: whose they are, and the path among them. They stand in ``mlflow-artifacts:/…`` and below
``/mlflow-artifacts/artifacts/``.

=====================================  ========================================
``<experiment>/<run>/artifacts/…``     what a run logged
``<experiment>/models/<id>/artifacts/…``  a logged model's files
``registered-models/<name>/<version>/…``  a registered version's files, read only
=====================================  ========================================
"""

from typing import NamedTuple, TypeAlias
from urllib.parse import quote, unquote

from registry.core.errors import InvalidInput
from registry.core.modelling.models import read_version
from registry.core.names import check_name
from registry.core.paths import check_archive_path

SCHEME = "mlflow-artifacts:/"
FOLDER = "artifacts"
LOGGED_MODELS = "models"
REGISTERED = "registered-models"


class RunFiles(NamedTuple):
    """``experiment_id`` is what the address claims; "" claims nothing."""

    run_id: str
    experiment_id: str = ""


class LoggedModelFiles(NamedTuple):
    model_id: str
    experiment_id: str = ""


class VersionFiles(NamedTuple):
    name: str
    version: int


Owner: TypeAlias = RunFiles | LoggedModelFiles | VersionFiles


class ArtifactAddress(NamedTuple):
    """``path`` is "" for all the files of the owner."""

    owner: Owner
    path: str


def parse_address(text: str) -> ArtifactAddress:
    """Split an address.

    Raises:
        InvalidInput: a part climbs, is empty, or nothing that keeps files has such an address.
    """
    text = text.rstrip("/")
    try:
        check_archive_path(text)
    except InvalidInput as error:
        raise InvalidInput("Invalid path", path=text) from error
    match text.split("/"):
        case [registered, name, version, *path] if registered == REGISTERED:
            return ArtifactAddress(VersionFiles(_read_name(name), read_version(version)), "/".join(path))
        case [experiment, models, model_id, folder, *path] if (models, folder) == (LOGGED_MODELS, FOLDER):
            return ArtifactAddress(LoggedModelFiles(model_id, experiment), "/".join(path))
        case [experiment, run_id, folder, *path] if folder == FOLDER and run_id != LOGGED_MODELS:
            return ArtifactAddress(RunFiles(run_id, experiment), "/".join(path))
    raise InvalidInput(
        f"Invalid path {text!r}: artifacts lie below EXPERIMENT/RUN/{FOLDER}, "
        f"EXPERIMENT/{LOGGED_MODELS}/MODEL/{FOLDER} or {REGISTERED}/NAME/VERSION",
        path=text,
    )


def logged_model_uri(experiment_id: int, model_id: str) -> str:
    return f"{SCHEME}{experiment_id}/{LOGGED_MODELS}/{model_id}/{FOLDER}"


def version_uri(name: str, version: int) -> str:
    """Return where MLflow's client downloads a version. What a URI would read otherwise is written as ``=`` and two
    digits: the client quotes paths in some calls and not in others."""
    return f"{SCHEME}{REGISTERED}/{quote(name, safe='').replace('%', '=')}/{version}"


def _read_name(text: str) -> str:
    return check_name("model", unquote(text.replace("%", "%25").replace("=", "%"), errors="replace"))
