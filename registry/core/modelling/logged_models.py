"""Logged models: what a run made, with its own files, params, tags and metrics, before or without being registered."""

from enum import StrEnum

import msgspec

from registry.core.errors import InvalidInput, NotFound, WrongState
from registry.core.tracking.runs import LifecycleStage, Metric
from registry.core.tracking.search import Order

MAX_PARAMS = 1000  # of one request
MAX_SEARCH = 100


class LoggedModelStatus(StrEnum):
    """Lifecycle: pending → ready, or pending → failed → ready. What is ready does not change."""

    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"


class ModelMetric(Metric, frozen=True, kw_only=True):
    """A point that a run measured of a logged model."""

    run_id: str


class LoggedModel(msgspec.Struct, frozen=True, kw_only=True):
    """``metrics`` holds the latest point of each metric, run and dataset."""

    id: str  # "m-" and 32 hexadecimal digits
    experiment_id: int
    name: str
    model_type: str = ""
    status: LoggedModelStatus = LoggedModelStatus.PENDING
    status_message: str = ""
    lifecycle_stage: LifecycleStage = LifecycleStage.ACTIVE
    source_run_id: str | None = None
    artifact_uri: str
    created_ms: int
    updated_ms: int
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: list[ModelMetric] = []


class DatasetChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset by its name; ``digest`` "" is any."""

    name: str
    digest: str = ""


class ModelOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order; that of a metric may be of one dataset."""

    order: Order
    dataset: DatasetChoice | None = None


def no_logged_model(model_id: str) -> NotFound:
    return NotFound(f"Logged model with ID '{model_id}' not found.", model_id=model_id)


def check_can_become(model: LoggedModel, status: LoggedModelStatus) -> None:
    """Raise InvalidInput if nothing becomes ``status``, WrongState if this model no longer does."""
    if status is LoggedModelStatus.PENDING:
        raise InvalidInput("Invalid value for parameter 'status': a model becomes READY or FAILED")
    if model.status is LoggedModelStatus.READY and status is not LoggedModelStatus.READY:
        raise WrongState(f"logged model {model.id} is READY: it cannot become {status}", model_id=model.id)


def check_can_change_files(model: LoggedModel) -> None:
    """Raise WrongState if the model's files are final."""
    if model.status is LoggedModelStatus.READY:
        raise WrongState(f"logged model {model.id} is READY: its files no longer change", model_id=model.id)
