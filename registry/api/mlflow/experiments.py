"""MLflow's experiments."""

from typing import Any

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.mlflow import wire
from registry.api.route import answer, workspace_of
from registry.core.errors import InvalidInput
from registry.core.tracking.runs import Experiment
from registry.core.tracking.search import decode_page_token
from registry.operations.tracking import experiments

MAX_SEARCH = 50_000


class CreateExperiment(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    artifact_location: str = ""
    tags: list[wire.KeyValue] = []


class SearchExperiments(msgspec.Struct, frozen=True, kw_only=True):
    max_results: int = 1000
    page_token: str = ""
    filter: str = ""
    order_by: list[str] = []
    view_type: str = "ACTIVE_ONLY"


class OfExperiment(msgspec.Struct, frozen=True, kw_only=True):
    experiment_id: str


class UpdateExperiment(OfExperiment, frozen=True, kw_only=True):
    new_name: str


class ExperimentTag(OfExperiment, frozen=True, kw_only=True):
    key: str
    value: str = ""


async def create_experiment(request: Request) -> Response:
    """Make an experiment."""
    wanted = await wire.read_message(request, CreateExperiment)
    if wanted.artifact_location and not wanted.artifact_location.startswith("mlflow-artifacts:"):
        raise InvalidInput(
            f"Invalid value {wanted.artifact_location!r} for parameter 'artifact_location': the "
            "workspace keeps the artifacts"
        )
    workspace, tags = workspace_of(request), wire.as_dict(wanted.tags)
    made = await run_sync(experiments.create_experiment, workspace, wanted.name, tags)
    return answer({"experiment_id": str(made.id)})


async def get_experiment(request: Request) -> Response:
    """Show an experiment."""
    experiment_id = wire.query_value(request, "experiment_id")
    found = await run_sync(experiments.get_experiment, workspace_of(request), experiment_id)
    return answer({"experiment": experiment_json(found)})


async def get_experiment_by_name(request: Request) -> Response:
    """Find an experiment by its name."""
    name = wire.query_value(request, "experiment_name")
    found = await run_sync(experiments.get_experiment_by_name, workspace_of(request), name)
    return answer({"experiment": experiment_json(found)})


async def search_experiments(request: Request) -> Response:
    """Find experiments by a filter; a GET says it in its query."""
    if request.method == "POST":
        wanted = await wire.read_message(request, SearchExperiments)
    else:
        wanted = wire.read_params(request, SearchExperiments)

    def search() -> dict[str, Any]:
        found, after = experiments.search_experiments(
            workspace_of(request),
            stages=wire.stages(wanted.view_type),
            filter=wanted.filter,
            order_by=wanted.order_by,
            limit=wire.page_size(wanted.max_results, MAX_SEARCH),
            offset=decode_page_token(wanted.page_token),
        )
        return wire.page("experiments", [experiment_json(one) for one in found], after)

    return answer(await run_sync(search))


async def update_experiment(request: Request) -> Response:
    """Rename an experiment."""
    wanted = await wire.read_message(request, UpdateExperiment)
    await run_sync(experiments.rename_experiment, workspace_of(request), wanted.experiment_id, wanted.new_name)
    return answer({})


async def delete_experiment(request: Request) -> Response:
    """Mark an experiment and its runs deleted."""
    wanted = await wire.read_message(request, OfExperiment)
    await run_sync(experiments.delete_experiment, workspace_of(request), wanted.experiment_id)
    return answer({})


async def restore_experiment(request: Request) -> Response:
    """Mark a deleted experiment, and the runs deleted with it, active."""
    wanted = await wire.read_message(request, OfExperiment)
    await run_sync(experiments.restore_experiment, workspace_of(request), wanted.experiment_id)
    return answer({})


async def set_experiment_tag(request: Request) -> Response:
    """Set an experiment's tag."""
    tag = await wire.read_message(request, ExperimentTag)
    await run_sync(experiments.set_experiment_tag, workspace_of(request), tag.experiment_id, tag.key, tag.value)
    return answer({})


async def delete_experiment_tag(request: Request) -> Response:
    """Delete an experiment's tag."""
    tag = await wire.read_message(request, ExperimentTag)
    await run_sync(experiments.delete_experiment_tag, workspace_of(request), tag.experiment_id, tag.key)
    return answer({})


def experiment_json(experiment: Experiment) -> dict[str, Any]:
    return {
        "experiment_id": str(experiment.id),
        "name": experiment.name,
        "artifact_location": experiment.artifact_location,
        "lifecycle_stage": experiment.lifecycle_stage,
        "creation_time": experiment.created_ms,
        "last_update_time": experiment.updated_ms,
        "tags": wire.pairs(experiment.tags),
    }
