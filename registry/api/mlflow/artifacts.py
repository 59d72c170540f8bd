"""MLflow's artifacts, proxied: files stream through the registry into the blob store and out of it."""

import mimetypes
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.blobs import receive
from registry.api.download import BINARY, send
from registry.api.mlflow import wire
from registry.api.route import answer, workspace_of
from registry.core.tracking.artifacts import ArtifactAddress, parse_address
from registry.operations.tracking import artifacts


async def put_artifact(request: Request) -> Response:
    """Store a file of a run or of a logged model."""
    workspace, address = workspace_of(request), parse_address(request.path_params["path"])
    since = await run_sync(artifacts.check_can_receive, workspace, address)
    blob = await receive(request, workspace.blobs)
    await run_sync(artifacts.record_artifact, workspace, address, blob, since)
    return answer({})


async def get_artifact(request: Request) -> Response:
    """Read a file, or a range of it."""
    return await send_artifact(request, parse_address(request.path_params["path"]))


async def list_artifacts(request: Request) -> Response:
    """List a folder."""
    workspace, address = workspace_of(request), parse_address(wire.query_value(request, "path"))
    entries = await run_sync(artifacts.list_artifacts, workspace, address)
    return answer({"files": [file_json(entry) for entry in entries]})


async def delete_artifacts(request: Request) -> Response:
    """Forget a file or a folder of a run, or of a logged model that is not final."""
    workspace, address = workspace_of(request), parse_address(request.path_params["path"])
    await run_sync(artifacts.delete_artifacts, workspace, address)
    return answer({})


async def get_server_info(_request: Request) -> Response:
    """Say what this server can do beyond the classic calls: nothing yet."""
    return answer({"store_type": "SqlStore", "workspaces_enabled": False, "trace_archival_enabled": False})


async def send_artifact(request: Request, address: ArtifactAddress) -> Response:
    """Answer with the file at an address, as a download under its own name. Raises NotFound."""
    workspace = workspace_of(request)
    file = await run_sync(artifacts.get_artifact, workspace, address)
    media_type = mimetypes.guess_type(file.path)[0] or BINARY
    name = file.path.rpartition("/")[2]
    return await send(request, workspace.blobs, f"sha256:{file.sha256}", file.size, media_type, name)


def file_json(entry: artifacts.ListedFile) -> dict[str, Any]:
    size = {} if entry.size is None else {"file_size": entry.size}
    return {"path": entry.path, "is_dir": entry.size is None, **size}
