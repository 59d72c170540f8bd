"""MLflow's listing of a run's files, by the run's id."""

from typing import Any

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.mlflow import wire
from registry.api.route import answer, workspace_of
from registry.operations.tracking import run_files


class ListArtifacts(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str
    path: str = ""


async def list_artifacts(request: Request) -> Response:
    """List a folder of a run; paths begin at the run's own folder."""
    wanted = wire.read_params(request, ListArtifacts)
    root_uri, entries = await run_sync(run_files.list_folder, workspace_of(request), wanted.run_id, wanted.path)
    files: list[dict[str, Any]] = [
        {"path": one.path, "is_dir": one.size is None, **({} if one.size is None else {"file_size": one.size})}
        for one in entries
    ]
    return answer({"root_uri": root_uri, "files": files})
