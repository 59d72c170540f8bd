"""What a run used and made: datasets that it names, logged models that it read or wrote."""

import contextlib
from collections.abc import Sequence

import msgspec

from registry.core.errors import InvalidInput

MAX_INPUTS = 1000
MAX_NAME = 500
MAX_DIGEST = 64
MAX_SOURCE_TYPE = 64
MAX_TAG_KEY = 255
MAX_TAG_VALUE = 500
MAX_MODEL_ID = 34
CONTEXT_TAG = "mlflow.data.context"
CODE_SOURCE = "code"  # MLflow's source type of data that a script made; its source is {"tags": {…}} as JSON
SCRIPT_TAG = "mlflow.source.name"


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset is its name and digest within an experiment; ``schema`` and ``profile`` are JSON as text."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class DatasetInput(msgspec.Struct, frozen=True, kw_only=True):
    """``tags`` say how one run used it, such as ``mlflow.data.context``."""

    dataset: Dataset
    tags: dict[str, str] = {}


class DatasetUse(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset as a run read it; ``context`` is what for, such as ``training``."""

    name: str
    digest: str
    source_type: str
    source: str
    context: str | None


class DatasetSummary(msgspec.Struct, frozen=True, kw_only=True):
    experiment_id: int
    name: str
    digest: str
    context: str | None


class _CodeSource(msgspec.Struct, frozen=True):
    tags: dict[str, str | None] = {}


class ModelOutput(msgspec.Struct, frozen=True, kw_only=True):
    model_id: str
    step: int = 0


_CODE = msgspec.json.Decoder(_CodeSource)


def read_dataset(one: DatasetInput) -> DatasetUse:
    """Return how a run used a dataset, without the dataset's schema and profile."""
    dataset = one.dataset
    return DatasetUse(
        name=dataset.name,
        digest=dataset.digest,
        source_type=dataset.source_type,
        source=dataset.source,
        context=one.tags.get(CONTEXT_TAG),
    )


def name_source(dataset: DatasetUse) -> str:
    """Return where a dataset lies; of one that a script made, the script's name if the script is told."""
    if dataset.source_type == CODE_SOURCE:
        with contextlib.suppress(msgspec.MsgspecError):  # clients write it
            return _CODE.decode(dataset.source).tags.get(SCRIPT_TAG) or dataset.source
    return dataset.source


def check_inputs(datasets: Sequence[DatasetInput], model_ids: Sequence[str]) -> None:
    """Raise InvalidInput if a name is empty or too long, or there are too many."""
    if len(datasets) + len(model_ids) > MAX_INPUTS:
        raise InvalidInput(f"At most {MAX_INPUTS} datasets and models can be logged at once")
    for one in datasets:
        dataset = one.dataset
        _check_length("name", dataset.name, MAX_NAME)
        _check_length("digest", dataset.digest, MAX_DIGEST)
        _check_length("source_type", dataset.source_type, MAX_SOURCE_TYPE)
        for key, value in one.tags.items():
            _check_length("key", key, MAX_TAG_KEY)
            if len(value) > MAX_TAG_VALUE:
                raise InvalidInput(f"Invalid value for tag {key!r}: it has {len(value)} characters, at most 500")
    for model_id in model_ids:
        check_model_id(model_id)


def check_model_id(model_id: str) -> None:
    """Raise InvalidInput unless a logged model can have this id."""
    _check_length("model_id", model_id, MAX_MODEL_ID)


def _check_length(name: str, value: str, limit: int) -> None:
    if not value:
        raise InvalidInput(f"Missing value for required parameter '{name}'.")
    if len(value) > limit:
        raise InvalidInput(f"Invalid value {value[:60]!r} for parameter '{name}': at most {limit} characters")
