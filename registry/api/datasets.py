"""Datasets and their versions."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.route import answer, nothing, path_number, read_record, workspace_of
from registry.core.modelling.dataset_versions import LATEST, DatasetList, NewDatasetVersion
from registry.operations.modelling import dataset_versions


async def list_datasets(request: Request) -> Response:
    """List every version of every dataset."""
    return answer(DatasetList(versions=await run_sync(dataset_versions.list_versions, workspace_of(request))))


async def get_dataset(request: Request) -> Response:
    """List a dataset's versions."""
    found = await run_sync(dataset_versions.list_versions, workspace_of(request), request.path_params["name"])
    return answer(DatasetList(versions=found))


async def create_version(request: Request) -> Response:
    """Make uploaded blobs the next version of a dataset."""
    new = await read_record(request, NewDatasetVersion)
    name = request.path_params["name"]
    return answer(await run_sync(dataset_versions.create_version, workspace_of(request), name, new), 201)


async def get_version(request: Request) -> Response:
    """Show a version, by its number or 'latest'."""
    version = None if request.path_params["version"] == LATEST else path_number(request, "version")
    name = request.path_params["name"]
    return answer(await run_sync(dataset_versions.get_version, workspace_of(request), name, version))


async def delete_version(request: Request) -> Response:
    """Hide a version."""
    arguments = (request.path_params["name"], path_number(request, "version"))
    await run_sync(dataset_versions.delete_version, workspace_of(request), *arguments)
    return nothing()


async def restore_version(request: Request) -> Response:
    """Show a deleted version again."""
    arguments = (request.path_params["name"], path_number(request, "version"))
    return answer(await run_sync(dataset_versions.restore_version, workspace_of(request), *arguments))
