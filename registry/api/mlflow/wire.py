"""MLflow's bodies as records, and our nouns as its JSON. Lenient as protobuf's JSON is: unknown fields are ignored,
64-bit numbers may be text, NaN and infinities are words."""

import math
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.requests import Request

from registry.api.route import read_body
from registry.core.errors import InvalidInput
from registry.core.runs import Experiment, Metric, Run, RunStatus, clamp

T = TypeVar("T")
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class KeyValue(msgspec.Struct, frozen=True):
    key: str
    value: str = ""


class MetricMessage(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    value: float | str
    timestamp: Int64
    step: Int64 = 0

    def metric(self) -> Metric:
        """Raise InvalidInput if the value is not a number."""
        try:
            value = clamp(float(self.value))
        except ValueError as error:
            raise InvalidInput(f"Invalid value {self.value!r} for parameter 'value'") from error
        return Metric(key=self.key, value=value, timestamp_ms=self.timestamp, step=self.step)


class CreateExperiment(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    artifact_location: str = ""
    tags: list[KeyValue] = []


class CreateRun(msgspec.Struct, frozen=True, kw_only=True):
    experiment_id: str = "0"
    user_id: str = ""
    run_name: str = ""
    start_time: Int64 | None = None
    tags: list[KeyValue] = []


class UpdateRun(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str
    status: RunStatus | None = None
    end_time: Int64 | None = None
    run_name: str | None = None


class LogMetric(MetricMessage, frozen=True, kw_only=True):
    run_id: str


class LogParam(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str
    key: str
    value: str = ""


class LogBatch(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str
    metrics: list[MetricMessage] = []
    params: list[KeyValue] = []
    tags: list[KeyValue] = []


class SearchRuns(msgspec.Struct, frozen=True, kw_only=True):
    experiment_ids: list[str] = []
    filter: str = ""
    run_view_type: str = "ACTIVE_ONLY"
    max_results: int = 1000
    order_by: list[str] = []
    page_token: str = ""


async def read_message(request: Request, record: type[T]) -> T:
    """Return the JSON body as a message. Raises InvalidInput in MLflow's words."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if media_type != "application/json":
        raise InvalidInput(f"Bad Request. Content-Type should be application/json, not {media_type!r}")
    try:
        return msgspec.json.decode(await read_body(request), type=record, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(_words(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"Bad Request. The body is not JSON: {error}") from error


def query_value(request: Request, name: str) -> str:
    """Return one value of the query. Raises InvalidInput if it is not there."""
    value = request.query_params.get(name, "")
    if not value:
        raise InvalidInput(f"Missing value for required parameter '{name}'.")
    return value


def experiment_json(experiment: Experiment) -> dict[str, Any]:
    return {
        "experiment_id": str(experiment.id),
        "name": experiment.name,
        "artifact_location": experiment.artifact_location,
        "lifecycle_stage": experiment.lifecycle_stage,
        "creation_time": experiment.created_ms,
        "last_update_time": experiment.updated_ms,
        "tags": pairs(experiment.tags),
    }


def run_json(run: Run) -> dict[str, Any]:
    data = {
        "metrics": [metric_json(metric) for metric in run.metrics],
        "params": pairs(run.params),
        "tags": pairs(run.tags),
    }
    return {"info": run_info_json(run), "data": data, "inputs": {}}


def run_info_json(run: Run) -> dict[str, Any]:
    info = {
        "run_id": run.id,
        "run_uuid": run.id,
        "run_name": run.name,
        "experiment_id": str(run.experiment_id),
        "user_id": run.user_id,
        "status": run.status,
        "start_time": run.started_ms,
        "artifact_uri": run.artifact_uri,
        "lifecycle_stage": run.lifecycle_stage,
    }
    return info if run.ended_ms is None else {**info, "end_time": run.ended_ms}


def as_dict(pairs: list[KeyValue]) -> dict[str, str]:
    """Return key → value. Raises InvalidInput if a key comes twice with two values."""
    values: dict[str, str] = {}
    for pair in pairs:
        if values.setdefault(pair.key, pair.value) != pair.value:
            raise InvalidInput(f"Duplicate key {pair.key!r} with different values")
    return values


def pairs(values: dict[str, str]) -> list[dict[str, str]]:
    """Return key → value as MLflow's list."""
    return [{"key": key, "value": value} for key, value in values.items()]


def metric_json(metric: Metric) -> dict[str, Any]:
    value = "NaN" if math.isnan(metric.value) else metric.value
    return {"key": metric.key, "value": value, "timestamp": metric.timestamp_ms, "step": metric.step}


def _words(message: str) -> str:
    missing = message.removeprefix("Object missing required field `").partition("`")[0]
    if missing != message.partition("`")[0]:
        return f"Missing value for required parameter '{missing}'."
    return f"Invalid value for parameter: {message}"
