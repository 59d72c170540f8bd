"""MLflow's experiments and runs."""

from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.mlflow import wire
from registry.api.route import answer, workspace_of
from registry.core.errors import InvalidInput
from registry.core.runs import LifecycleStage, Metric
from registry.operations import tracking

STAGES = {
    "ACTIVE_ONLY": {LifecycleStage.ACTIVE},
    "DELETED_ONLY": {LifecycleStage.DELETED},
    "ALL": {LifecycleStage.ACTIVE, LifecycleStage.DELETED},
}
NEWEST_FIRST = {"start_time desc", "attributes.start_time desc", "attribute.start_time desc"}
MAX_SEARCH = 50_000


async def create_experiment(request: Request) -> Response:
    """Make an experiment."""
    wanted = await wire.read_message(request, wire.CreateExperiment)
    if wanted.artifact_location and not wanted.artifact_location.startswith("mlflow-artifacts:"):
        raise InvalidInput(
            f"Invalid value {wanted.artifact_location!r} for parameter 'artifact_location': the "
            "workspace keeps the artifacts"
        )
    workspace, tags = workspace_of(request), wire.as_dict(wanted.tags)
    made = await run_sync(tracking.create_experiment, workspace, wanted.name, tags)
    return answer({"experiment_id": str(made.id)})


async def get_experiment(request: Request) -> Response:
    """Show an experiment."""
    experiment_id = wire.query_value(request, "experiment_id")
    found = await run_sync(tracking.get_experiment, workspace_of(request), experiment_id)
    return answer({"experiment": wire.experiment_json(found)})


async def get_experiment_by_name(request: Request) -> Response:
    """Find an experiment by its name."""
    name = wire.query_value(request, "experiment_name")
    found = await run_sync(tracking.get_experiment_by_name, workspace_of(request), name)
    return answer({"experiment": wire.experiment_json(found)})


async def create_run(request: Request) -> Response:
    """Start a run."""
    wanted = await wire.read_message(request, wire.CreateRun)

    def create() -> dict[str, Any]:
        made = tracking.create_run(
            workspace_of(request),
            wanted.experiment_id,
            name=wanted.run_name,
            user_id=wanted.user_id,
            started_ms=wanted.start_time,
            tags=wire.as_dict(wanted.tags),
        )
        return wire.run_json(made)

    return answer({"run": await run_sync(create)})


async def get_run(request: Request) -> Response:
    """Show a run."""
    run_id = wire.query_value(request, "run_id")
    return answer({"run": wire.run_json(await run_sync(tracking.get_run, workspace_of(request), run_id))})


async def update_run(request: Request) -> Response:
    """Change or end a run."""
    wanted = await wire.read_message(request, wire.UpdateRun)

    def update() -> dict[str, Any]:
        changed = tracking.update_run(
            workspace_of(request), wanted.run_id, status=wanted.status, ended_ms=wanted.end_time, name=wanted.run_name
        )
        return wire.run_info_json(changed)

    return answer({"run_info": await run_sync(update)})


async def log_metric(request: Request) -> Response:
    """Log one point of a metric."""
    said = await wire.read_message(request, wire.LogMetric)
    return await _log(request, said.run_id, metrics=[said.metric()])


async def log_param(request: Request) -> Response:
    """Log a param."""
    said = await wire.read_message(request, wire.LogParam)
    return await _log(request, said.run_id, params={said.key: said.value})


async def set_tag(request: Request) -> Response:
    """Set a tag."""
    said = await wire.read_message(request, wire.LogParam)
    return await _log(request, said.run_id, tags={said.key: said.value})


async def log_batch(request: Request) -> Response:
    """Log metrics, params and tags, all or none."""
    said = await wire.read_message(request, wire.LogBatch)
    metrics = [message.metric() for message in said.metrics]
    return await _log(request, said.run_id, metrics, wire.as_dict(said.params), wire.as_dict(said.tags))


async def search_runs(request: Request) -> Response:
    """List runs of experiments, the newest first."""
    wanted = await wire.read_message(request, wire.SearchRuns)
    if wanted.filter:
        raise InvalidInput(f"Invalid filter {wanted.filter!r}: filters are not supported yet")
    if any(" ".join(order.lower().split()) not in NEWEST_FIRST for order in wanted.order_by):
        raise InvalidInput(f"Invalid order_by {wanted.order_by!r}: only 'start_time DESC' is supported yet")
    stages = STAGES.get(wanted.run_view_type)
    if stages is None or not 0 < wanted.max_results <= MAX_SEARCH:
        raise InvalidInput("Invalid value for parameter 'run_view_type' or 'max_results'")
    offset = _offset(wanted.page_token)
    found, after = await run_sync(
        tracking.search_runs, workspace_of(request), wanted.experiment_ids, set(stages), wanted.max_results, offset
    )
    page = {"runs": [wire.run_json(run) for run in found]}
    return answer(page if after is None else {**page, "next_page_token": str(after)})


async def _log(
    request: Request,
    run_id: str,
    metrics: list[Metric] | None = None,
    params: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
) -> Response:
    await tracking.log_batch(workspace_of(request), run_id, metrics or [], params or {}, tags or {})
    return answer({})


def _offset(token: str) -> int:
    if token and not (token.isascii() and token.isdecimal() and len(token) < 10):
        raise InvalidInput("Invalid page token")
    return int(token or 0)
