"""Experiments and runs, with the limits MLflow sets to what is logged to them."""

import math
import re
from enum import StrEnum

import msgspec

from registry.core.errors import InvalidInput
from registry.core.tracking.datasets import DatasetInput, ModelOutput

MAX_METRICS = 1000
MAX_PARAMS = 100
MAX_TAGS = 100
MAX_ENTITIES = 1000
MAX_KEY = 250
MAX_PARAM_VALUE = 6000
MAX_TAG_VALUE = 8000
MAX_RUN_NAME = 250
MAX_USER_ID = 256
MAX_EXPERIMENT_NAME = 500
MAX_EXPERIMENT_TAG_VALUE = 20_000
LARGEST = 1.7976931348623157e308  # stands for infinity, as in MLflow
RUN_NAME_TAG = "mlflow.runName"

_KEY = re.compile(r"[/\w.\- :]*\Z")


class RunStatus(StrEnum):
    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


class LifecycleStage(StrEnum):
    ACTIVE = "active"
    DELETED = "deleted"


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    artifact_location: str
    lifecycle_stage: LifecycleStage
    created_ms: int
    updated_ms: int
    tags: dict[str, str] = {}


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One point of a metric's history. ``value`` may be NaN, never infinite.

    ``model_id`` is the logged model that was measured, the dataset what it was measured on; "" is none.
    """

    key: str
    value: float
    timestamp_ms: int
    step: int = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""

    @property
    def rank(self) -> tuple[int, int, float]:
        """Order points: the greatest is the metric's latest value."""
        return (self.step, self.timestamp_ms, -math.inf if math.isnan(self.value) else self.value)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """``metrics`` holds the latest point of each; everything is sorted by key.

    ``model_inputs`` are ids of logged models.
    """

    id: str
    experiment_id: int
    name: str
    user_id: str
    status: RunStatus
    lifecycle_stage: LifecycleStage
    artifact_uri: str
    started_ms: int
    ended_ms: int | None
    metrics: list[Metric] = []
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    dataset_inputs: list[DatasetInput] = []
    model_inputs: list[str] = []
    model_outputs: list[ModelOutput] = []


def clamp(value: float) -> float:
    """Replace an infinity by the largest number of its sign."""
    return math.copysign(LARGEST, value) if math.isinf(value) else value


def check_batch(metrics: list[Metric], params: dict[str, str], tags: dict[str, str]) -> None:
    """Raise InvalidInput if MLflow's limits to one request, or to a key, are passed. Long values are cut."""
    counts = (
        ("metrics", len(metrics), MAX_METRICS),
        ("params", len(params), MAX_PARAMS),
        ("tags", len(tags), MAX_TAGS),
    )
    for kind, count, limit in counts:
        if count > limit:
            raise InvalidInput(f"A batch logging request can contain at most {limit} {kind}. Got {count} {kind}.")
    total = sum(count for _, count, _ in counts)
    if total > MAX_ENTITIES:
        raise InvalidInput(f"A batch logging request can contain at most {MAX_ENTITIES} entities. Got {total}.")
    for key in (*(metric.key for metric in metrics), *params, *tags):
        check_key(key)


def check_first_tags(tags: dict[str, str]) -> None:
    """Raise InvalidInput if a run cannot begin with these tags."""
    if len(tags) > MAX_ENTITIES:
        raise InvalidInput(f"A run can begin with at most {MAX_ENTITIES} tags. Got {len(tags)}.")
    for key in tags:
        check_key(key)


def cut_params(params: dict[str, str]) -> dict[str, str]:
    """Return params as they are kept: what is longer is cut, as MLflow's server does, so that no training fails."""
    return {key: value[:MAX_PARAM_VALUE] for key, value in params.items()}


def cut_tags(tags: dict[str, str]) -> dict[str, str]:
    """Return a run's tags as they are kept, cut as its params are. An empty name names nothing."""
    kept = {key: value[: MAX_RUN_NAME if key == RUN_NAME_TAG else MAX_TAG_VALUE] for key, value in tags.items()}
    return {key: value for key, value in kept.items() if value or key != RUN_NAME_TAG}


def check_active(noun: str, id: str, stage: LifecycleStage) -> None:
    """Raise InvalidInput if what was to be changed is deleted: it must be restored first."""
    if stage is not LifecycleStage.ACTIVE:
        raise InvalidInput(f"The {noun} {id} must be in the 'active' state. Current state is {stage}.", id=id)


def check_user_id(user_id: str) -> None:
    """Raise InvalidInput if it is too long: cut, it might be somebody else's."""
    if len(user_id) > MAX_USER_ID:
        raise InvalidInput(
            f"Invalid value for parameter 'user_id': it has {len(user_id)} characters, at most {MAX_USER_ID}"
        )


def check_experiment_name(name: str) -> None:
    """Raise InvalidInput unless an experiment can be called so."""
    if not name.strip() or len(name) > MAX_EXPERIMENT_NAME:
        raise InvalidInput(f"Invalid experiment name: use 1 to {MAX_EXPERIMENT_NAME} characters")


def check_experiment_tags(tags: dict[str, str]) -> None:
    """Raise InvalidInput if a key or value passes the limits of an experiment's tags."""
    for key in tags:
        check_key(key)
    check_values("tag", tags, MAX_EXPERIMENT_TAG_VALUE)


def check_key(key: str) -> None:
    """Raise InvalidInput unless ``key`` can name a metric, param or tag."""
    parts = key.split("/")
    if not key or len(key) > MAX_KEY or not _KEY.match(key) or ".." in parts or "." in parts or "" in parts:
        raise InvalidInput(
            f"Invalid value {key[:MAX_KEY]!r} for parameter 'key': use 1 to {MAX_KEY} letters, digits, underscores, "
            "dashes, periods, spaces, colons and slashes, and no path such as '..'"
        )


def check_values(kind: str, values: dict[str, str], limit: int) -> None:
    """Raise InvalidInput if a value is longer than ``limit`` characters."""
    for key, value in values.items():
        if len(value) > limit:
            raise InvalidInput(f"Invalid value for {kind} {key!r}: it has {len(value)} characters, at most {limit}")


def check_same_params(run_id: str, before: dict[str, str], params: dict[str, str]) -> None:
    """Raise InvalidInput if a param is there with another value: a param never changes."""
    for key, value in params.items():
        if before.get(key, value) != value:
            raise InvalidInput(
                f"Changing param values is not allowed. Param with key={key!r} was already logged with "
                f"value={before[key]!r} for run ID={run_id!r}. Attempted logging new value {value!r}."
            )
