"""One file of a run, a logged model or a version, as the pages of MLflow's own UI ask for it: by a query."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from registry.api.mlflow import wire
from registry.api.mlflow.artifacts import send_artifact
from registry.core.modelling.models import read_version
from registry.core.paths import check_archive_path
from registry.core.tracking.artifacts import ArtifactAddress, LoggedModelFiles, RunFiles, VersionFiles


class OfVersion(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: str
    path: str


async def get_run_file(request: Request) -> Response:
    """Read a file of a run; its id may have its older name."""
    run_id = request.query_params.get("run_id") or wire.query_value(request, "run_uuid")
    path = check_archive_path(wire.query_value(request, "path"))
    return await send_artifact(request, ArtifactAddress(RunFiles(run_id), path))


async def get_version_file(request: Request) -> Response:
    """Read a file of a registered version."""
    wanted = wire.read_params(request, OfVersion)
    owner = VersionFiles(wanted.name, read_version(wanted.version))
    return await send_artifact(request, ArtifactAddress(owner, check_archive_path(wanted.path)))


async def get_logged_model_file(request: Request) -> Response:
    """Read a file of a logged model."""
    path = check_archive_path(wire.query_value(request, "artifact_file_path"))
    return await send_artifact(request, ArtifactAddress(LoggedModelFiles(request.path_params["model_id"]), path))
