"""Models and their versions."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.route import answer, caller_of, read_record, workspace_of
from registry.core.rest import ModelList, NewVersion
from registry.operations import model_versions, models


async def list_models(request: Request) -> Response:
    """List models."""
    return answer(ModelList(models=await run_sync(models.list_models, workspace_of(request))))


async def get_model(request: Request) -> Response:
    """Show a model."""
    return answer(await run_sync(models.get_model, workspace_of(request), request.path_params["name"]))


async def register_version(request: Request) -> Response:
    """Register a version from a run's artifacts."""
    new = await read_record(request, NewVersion)
    workspace, name = workspace_of(request), request.path_params["name"]
    arguments = (new.run_id, new.path, new.description, caller_of(request))
    made = await run_sync(model_versions.register_version, workspace, name, *arguments)
    return answer(made, 201)


async def get_version(request: Request) -> Response:
    """Show a version, by its number, an alias or 'latest'."""
    names = request.path_params
    return answer(await run_sync(models.get_version, workspace_of(request), names["name"], names["version"]))
