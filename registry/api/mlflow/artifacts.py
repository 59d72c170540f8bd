"""MLflow's artifacts, proxied: files stream through the registry into the blob store and out of it."""

import mimetypes

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from registry.api.blobs import BINARY, DOWNLOAD, receive
from registry.api.mlflow import wire
from registry.api.route import answer, workspace_of
from registry.operations import artifacts


async def put_artifact(request: Request) -> Response:
    """Store a file of a run."""
    workspace, address = workspace_of(request), artifacts.parse_address(request.path_params["path"])
    await run_sync(artifacts.check_can_receive, workspace, address)
    blob = await receive(request, workspace.blobs)
    await run_sync(artifacts.record_artifact, workspace, address, blob)
    return answer({})


async def get_artifact(request: Request) -> Response:
    """Read a file of a run."""
    workspace, address = workspace_of(request), artifacts.parse_address(request.path_params["path"])
    file = await run_sync(artifacts.get_artifact, workspace, address)
    chunks = await run_sync(workspace.blobs.stream, f"sha256:{file.sha256}")
    headers = {
        "content-length": str(file.size),
        **DOWNLOAD,
    }
    return StreamingResponse(chunks, headers=headers, media_type=mimetypes.guess_type(file.path)[0] or BINARY)


async def list_artifacts(request: Request) -> Response:
    """List a folder of a run."""
    workspace, address = workspace_of(request), artifacts.parse_address(wire.query_value(request, "path"))
    files = []
    for entry in await run_sync(artifacts.list_artifacts, workspace, address):
        size = {} if entry.size is None else {"file_size": entry.size}
        files.append({"path": entry.path, "is_dir": entry.size is None, **size})
    return answer({"files": files})


async def search_logged_models(_request: Request) -> Response:
    """List logged models: the client asks before it lists a folder. None can be made here yet, so there are none."""
    return answer({"models": []})


async def get_server_info(_request: Request) -> Response:
    """Say what this server can do beyond the classic calls: nothing yet."""
    return answer({"store_type": "SqlStore", "workspaces_enabled": False, "trace_archival_enabled": False})
