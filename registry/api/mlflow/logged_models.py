"""MLflow 3's logged models."""

from typing import Any

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.mlflow import wire
from registry.api.mlflow.artifacts import file_json
from registry.api.route import answer, workspace_of
from registry.core.errors import InvalidInput
from registry.core.modelling.logged_models import LoggedModel, LoggedModelStatus, ModelMetric
from registry.core.paths import check_archive_path
from registry.core.tracking.artifacts import ArtifactAddress, LoggedModelFiles
from registry.operations.modelling import logged_models as operations
from registry.operations.tracking import artifacts

# By name, as protobuf's JSON has enums.
STATUS_NAMES = {
    LoggedModelStatus.PENDING: "LOGGED_MODEL_PENDING",
    LoggedModelStatus.READY: "LOGGED_MODEL_READY",
    LoggedModelStatus.FAILED: "LOGGED_MODEL_UPLOAD_FAILED",
}
STATUSES = {name: status for status, name in STATUS_NAMES.items()}


class CreateLoggedModel(msgspec.Struct, frozen=True, kw_only=True):
    experiment_id: str
    name: str = ""
    model_type: str = ""
    source_run_id: str = ""
    params: list[wire.KeyValue] = []
    tags: list[wire.KeyValue] = []


class FinalizeLoggedModel(msgspec.Struct, frozen=True, kw_only=True):
    status: str


class LogParams(msgspec.Struct, frozen=True, kw_only=True):
    params: list[wire.KeyValue] = []


class SetTags(msgspec.Struct, frozen=True, kw_only=True):
    tags: list[wire.KeyValue] = []


async def create_logged_model(request: Request) -> Response:
    """Make a logged model."""
    wanted = await wire.read_message(request, CreateLoggedModel)

    def create() -> LoggedModel:
        return operations.create_logged_model(
            workspace_of(request),
            wanted.experiment_id,
            name=wanted.name,
            model_type=wanted.model_type,
            source_run_id=wanted.source_run_id,
            params=wire.as_dict(wanted.params),
            tags=wire.as_dict(wanted.tags),
        )

    return _answer(await run_sync(create))


async def get_logged_model(request: Request) -> Response:
    """Show a logged model."""
    deleted_too = request.query_params.get("allow_deleted", "").lower() == "true"

    def get() -> LoggedModel:
        return operations.get_logged_model(workspace_of(request), _id(request), deleted_too=deleted_too)

    return _answer(await run_sync(get))


async def finalize_logged_model(request: Request) -> Response:
    """Say that a logged model's files are whole, or never came."""
    said = await wire.read_message(request, FinalizeLoggedModel)
    status = STATUSES.get(said.status)
    if status is None:
        raise InvalidInput(f"Invalid value {said.status!r} for parameter 'status': use one of {', '.join(STATUSES)}")
    return _answer(await run_sync(operations.finalize_logged_model, workspace_of(request), _id(request), status))


async def delete_logged_model(request: Request) -> Response:
    """Delete a logged model."""
    await run_sync(operations.delete_logged_model, workspace_of(request), _id(request))
    return answer({})


async def log_params(request: Request) -> Response:
    """Log params of a logged model."""
    said = await wire.read_message(request, LogParams)
    await run_sync(operations.log_model_params, workspace_of(request), _id(request), wire.as_dict(said.params))
    return answer({})


async def set_tags(request: Request) -> Response:
    """Set tags of a logged model."""
    said = await wire.read_message(request, SetTags)
    tags = wire.as_dict(said.tags)
    return _answer(await run_sync(operations.set_model_tags, workspace_of(request), _id(request), tags))


async def delete_tag(request: Request) -> Response:
    """Delete a tag of a logged model."""
    key = request.path_params["key"]
    await run_sync(operations.delete_model_tag, workspace_of(request), _id(request), key)
    return answer({})


async def list_directory(request: Request) -> Response:
    """List a folder of a logged model's files."""
    workspace, folder = workspace_of(request), request.query_params.get("artifact_directory_path", "").strip("/")
    if folder:
        check_archive_path(folder)
    model = await run_sync(operations.get_logged_model, workspace, _id(request))
    address = ArtifactAddress(LoggedModelFiles(model.id), folder)
    entries = await run_sync(artifacts.list_folder, workspace, address)
    return answer({"root_uri": model.artifact_uri, "files": [file_json(entry) for entry in entries]})


def logged_model_json(model: LoggedModel) -> dict[str, Any]:
    info = {
        "model_id": model.id,
        "experiment_id": str(model.experiment_id),
        "name": model.name,
        "creation_timestamp_ms": model.created_ms,
        "last_updated_timestamp_ms": model.updated_ms,
        "artifact_uri": model.artifact_uri,
        "status": STATUS_NAMES[model.status],
        "status_message": model.status_message,
        "model_type": model.model_type,
        "source_run_id": model.source_run_id,
        "tags": wire.pairs(model.tags),
    }
    data = {"params": wire.pairs(model.params), "metrics": [_metric_json(metric) for metric in model.metrics]}
    return {"info": wire.present(info), "data": wire.present(data)}


def _metric_json(metric: ModelMetric) -> dict[str, Any]:
    dataset = wire.present({"dataset_name": metric.dataset_name, "dataset_digest": metric.dataset_digest})
    return {**wire.metric_json(metric), "model_id": metric.model_id, "run_id": metric.run_id, **dataset}


def _answer(model: LoggedModel) -> Response:
    return answer({"model": logged_model_json(model)})


def _id(request: Request) -> str:
    return str(request.path_params["model_id"])
