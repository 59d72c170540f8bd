"""What MLflow's runs used and made: datasets and logged models."""

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from registry.api.mlflow import wire
from registry.api.route import answer, workspace_of
from registry.core.tracking.datasets import Dataset, DatasetInput, ModelOutput
from registry.operations.tracking import inputs


class DatasetInputMessage(msgspec.Struct, frozen=True, kw_only=True):
    dataset: Dataset
    tags: list[wire.KeyValue] = []


class ModelInputMessage(msgspec.Struct, frozen=True, kw_only=True):
    model_id: str


class ModelOutputMessage(msgspec.Struct, frozen=True, kw_only=True):
    model_id: str
    step: wire.Int64 = 0


class LogInputs(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str
    datasets: list[DatasetInputMessage] = []
    models: list[ModelInputMessage] = []


class LogOutputs(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str
    models: list[ModelOutputMessage] = []


async def log_inputs(request: Request) -> Response:
    """Say which datasets and models a run used."""
    said = await wire.read_message(request, LogInputs)
    used = [DatasetInput(dataset=one.dataset, tags=wire.as_dict(one.tags)) for one in said.datasets]
    models = [one.model_id for one in said.models]
    await run_sync(inputs.log_inputs, workspace_of(request), said.run_id, used, models)
    return answer({})


async def log_outputs(request: Request) -> Response:
    """Say which models a run made."""
    said = await wire.read_message(request, LogOutputs)
    made = [ModelOutput(model_id=one.model_id, step=one.step) for one in said.models]
    await run_sync(inputs.log_outputs, workspace_of(request), said.run_id, made)
    return answer({})
