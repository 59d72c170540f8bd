"""MLflow's runs, and what is logged to them."""

from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.mlflow import wire
from registry.api.route import answer, workspace_of
from registry.core.tracking.runs import Metric
from registry.operations.tracking import tracking

MAX_BATCH_BYTES = 1_000_000


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


async def delete_tag(request: Request) -> Response:
    """Delete a tag."""
    said = await wire.read_message(request, wire.RunKey)
    await run_sync(tracking.delete_tag, workspace_of(request), said.run_id, said.key)
    return answer({})


async def delete_run(request: Request) -> Response:
    """Mark a run deleted."""
    said = await wire.read_message(request, wire.OfRun)
    await run_sync(tracking.delete_run, workspace_of(request), said.run_id)
    return answer({})


async def restore_run(request: Request) -> Response:
    """Mark a deleted run active."""
    said = await wire.read_message(request, wire.OfRun)
    await run_sync(tracking.restore_run, workspace_of(request), said.run_id)
    return answer({})


async def log_batch(request: Request) -> Response:
    """Log metrics, params and tags, all or none."""
    said = await wire.read_message(request, wire.LogBatch, MAX_BATCH_BYTES)
    metrics = [message.metric() for message in said.metrics]
    return await _log(request, said.run_id, metrics, wire.as_dict(said.params), wire.last_of(said.tags))


async def _log(
    request: Request,
    run_id: str,
    metrics: list[Metric] | None = None,
    params: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
) -> Response:
    await tracking.log_batch(workspace_of(request), run_id, metrics or [], params or {}, tags or {})
    return answer({})
