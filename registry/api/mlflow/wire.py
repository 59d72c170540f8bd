"""MLflow's bodies as records, and our nouns as its JSON. Lenient as protobuf's JSON is: unknown fields are ignored,
64-bit numbers may be text, NaN and infinities are words."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, get_origin

import msgspec
from starlette.requests import Request

from registry.api.route import read_body
from registry.core.errors import InvalidInput
from registry.core.tracking.datasets import MAX_DIGEST, MAX_NAME, DatasetInput
from registry.core.tracking.runs import LifecycleStage, Metric, Run, RunStatus, clamp
from registry.core.tracking.search import encode_page_token

T = TypeVar("T")
MAX_SHOWN = 60  # characters of a value that a message repeats
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]", re.ASCII)
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Time = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
STAGES = {
    "ACTIVE_ONLY": frozenset({LifecycleStage.ACTIVE}),
    "DELETED_ONLY": frozenset({LifecycleStage.DELETED}),
    "ALL": frozenset(LifecycleStage),
}


class KeyValue(msgspec.Struct, frozen=True):
    key: str
    value: str = ""


class MetricMessage(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    value: float | str
    timestamp: Time
    step: Int64 = 0
    model_id: str = ""
    dataset_name: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] = ""
    dataset_digest: Annotated[str, msgspec.Meta(max_length=MAX_DIGEST)] = ""

    def metric(self) -> Metric:
        """Raise InvalidInput if the value is not a number."""
        try:
            value = clamp(float(self.value))
        except ValueError as error:
            raise InvalidInput(f"Invalid value {self.value!r} for parameter 'value'") from error
        return Metric(
            key=self.key,
            value=value,
            timestamp_ms=self.timestamp,
            step=self.step,
            model_id=self.model_id,
            dataset_name=self.dataset_name,
            dataset_digest=self.dataset_digest,
        )


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


class OfRun(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str


class RunKey(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str
    key: str


async def read_message(request: Request, record: type[T], limit_bytes: int | None = None) -> T:
    """Return the JSON body as a message; a null field was not sent. Raises InvalidInput in MLflow's words."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if media_type != "application/json":
        raise InvalidInput(f"Bad Request. Content-Type should be application/json, not {media_type!r}")
    body = await read_body(request)
    if limit_bytes is not None and len(body) > limit_bytes:
        raise InvalidInput(f"The request must be at most {limit_bytes} bytes, and has {len(body)}.")
    try:
        return _decode(body, record)
    except msgspec.ValidationError as error:
        raise InvalidInput(_words(str(error), None)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"Bad Request. The body is not JSON: {error}") from error
    except RecursionError as error:
        raise InvalidInput("Bad Request. The body is nested too deeply") from error


def read_params(request: Request, record: type[T]) -> T:
    """Return the query as a message; a list is a parameter given several times. Raises InvalidInput."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(record):  # type: ignore[arg-type] # T is always a Struct
        given = [value for value in request.query_params.getlist(field.name) if value]
        if given:
            values[field.name] = given if get_origin(field.type) is list else given[-1]
    return _convert(values, record)


def query_value(request: Request, name: str) -> str:
    """Return one value of the query. Raises InvalidInput if it is not there."""
    value = request.query_params.get(name, "")
    if not value:
        raise InvalidInput(f"Missing value for required parameter '{name}'.")
    return value


def stages(view_type: str) -> frozenset[LifecycleStage]:
    """Return which stages a view shows. Raises InvalidInput."""
    if view_type not in STAGES:
        raise InvalidInput(f"Invalid view type {view_type!r}: use {', '.join(STAGES)}")
    return STAGES[view_type]


def page_size(max_results: int, most: int) -> int:
    """Return how many results a page has. Raises InvalidInput."""
    if not 0 < max_results <= most:
        raise InvalidInput(f"Invalid value {max_results} for parameter 'max_results': use 1 to {most}")
    return max_results


def page(name: str, entries: Sequence[Any], after: int | None) -> dict[str, Any]:
    """Return a page, with the token of the next one if ``after`` is its offset."""
    return {name: entries} if after is None else {name: entries, "next_page_token": encode_page_token(after)}


def run_json(run: Run) -> dict[str, Any]:
    data = {
        "metrics": [metric_json(metric) for metric in run.metrics],
        "params": pairs(run.params),
        "tags": pairs(run.tags),
    }
    inputs = {
        "dataset_inputs": [_dataset_input_json(one) for one in run.dataset_inputs],
        "model_inputs": [{"model_id": model_id} for model_id in run.model_inputs],
    }
    outputs = [{"model_id": output.model_id, "step": output.step} for output in run.model_outputs]
    return {
        "info": run_info_json(run),
        "data": data,
        "inputs": {name: entries for name, entries in inputs.items() if entries},
        **({"outputs": {"model_outputs": outputs}} if outputs else {}),
    }


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


def metric_json(metric: Metric) -> dict[str, Any]:
    value = "NaN" if math.isnan(metric.value) else metric.value
    return {"key": metric.key, "value": value, "timestamp": metric.timestamp_ms, "step": metric.step}


def as_dict(pairs: list[KeyValue]) -> dict[str, str]:
    """Return key → value. Raises InvalidInput if a key comes twice with two values."""
    values: dict[str, str] = {}
    for pair in pairs:
        if values.setdefault(pair.key, pair.value) != pair.value:
            raise InvalidInput(f"Duplicate key {pair.key!r} with different values")
    return values


def last_of(pairs: list[KeyValue]) -> dict[str, str]:
    """Return key → value, of a key that comes twice the last."""
    return {pair.key: pair.value for pair in pairs}


def present(values: dict[str, Any]) -> dict[str, Any]:
    """Return what is set: a field that is empty is not sent, and the client reads it as None."""
    return {name: value for name, value in values.items() if value not in ("", None, [])}


def pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _dataset_input_json(one: DatasetInput) -> dict[str, Any]:
    dataset = {name: value for name, value in msgspec.structs.asdict(one.dataset).items() if value is not None}
    return {"dataset": dataset, "tags": pairs(one.tags)}


def _decode(body: bytes, record: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=record, strict=False)
    except msgspec.ValidationError:  # of nulls perhaps, or of what comes before the JSON itself goes wrong
        return _convert(_without_nulls(msgspec.json.decode(body)), record)


def _convert(values: Any, record: type[T]) -> T:
    try:
        return msgspec.convert(values, record, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(_words(str(error), values)) from error


def _without_nulls(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_nulls(item) for key, item in value.items() if item is not None}
        case list():
            return [_without_nulls(item) for item in value if item is not None]
        case _:
            return value


def _words(message: str, values: Any) -> str:
    """Say in MLflow's words what msgspec found wrong in values."""
    text, _, path = message.partition(" - at `$")
    missing = text.removeprefix("Object missing required field `").partition("`")[0]
    if missing != text.partition("`")[0]:
        return f"Missing value for required parameter '{missing}'."
    path = path.rstrip("`")
    given = msgspec.json.encode(_value_at(values, path)).decode()[:MAX_SHOWN]
    return f"Invalid value {given} for parameter '{path.lstrip('.') or 'body'}': {text[0].lower()}{text[1:]}"


def _value_at(values: Any, path: str) -> Any:
    """Return what lies at a path of msgspec's, such as ``.tags[0].key``; None if it cannot be told."""
    for name, index in _STEP.findall(path):
        if name and isinstance(values, dict):
            values = values.get(name)
        elif index and isinstance(values, list):
            values = values[int(index)]
        else:
            return None
    return values
