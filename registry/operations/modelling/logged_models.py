"""Logged models: made by a run or alone, filled with files, then final."""

from msgspec.structs import replace

from registry.core.errors import InvalidInput, NotFound
from registry.core.modelling.logged_models import (
    MAX_PARAMS,
    DatasetChoice,
    LoggedModel,
    LoggedModelStatus,
    ModelOrder,
    check_can_become,
    no_logged_model,
)
from registry.core.modelling.models import check_tags
from registry.core.tracking.artifacts import logged_model_uri
from registry.core.tracking.runs import (
    MAX_EXPERIMENT_NAME,
    LifecycleStage,
    check_active,
    check_key,
    check_same_params,
)
from registry.core.tracking.search import Comparison
from registry.operations.tracking.experiments import get_experiment_within
from registry.operations.tracking.tracking import get_run_within
from registry.operations.workspace import Workspace
from registry.store.metadata import Connection
from registry.store.modelling import logged_model_search
from registry.store.modelling import logged_models as rows


def create_logged_model(
    workspace: Workspace,
    experiment_id: str,
    *,
    name: str,
    model_type: str,
    source_run_id: str,
    params: dict[str, str],
    tags: dict[str, str],
) -> LoggedModel:
    """Make a logged model that is pending. Without a name it gets one made of its id.

    Raises:
        InvalidInput: the name holds what no path or reference may, a limit is passed, or the experiment is deleted.
        NotFound: no such experiment or run.
    """
    _check_name(name)
    _check_params(params)
    check_tags(tags)
    if len(model_type) > MAX_EXPERIMENT_NAME:
        raise InvalidInput(f"Invalid value for parameter 'model_type': more than {MAX_EXPERIMENT_NAME} characters")
    model_id = f"m-{workspace.new_id()}"
    with workspace.metadata.write() as tx:
        experiment = get_experiment_within(tx, experiment_id)
        check_active("experiment", experiment_id, experiment.lifecycle_stage)
        if source_run_id:
            get_run_within(tx, source_run_id)
        now_ms = workspace.now_ms()
        model = LoggedModel(
            id=model_id,
            experiment_id=experiment.id,
            name=name or f"model-{model_id[2:10]}",
            model_type=model_type,
            source_run_id=source_run_id or None,
            artifact_uri=logged_model_uri(experiment.id, model_id),
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        rows.put(tx, model)
        rows.add_params(tx, model_id, params)
        rows.set_tags(tx, model_id, tags)
        return get_within(tx, model_id)


def get_logged_model(workspace: Workspace, model_id: str, *, deleted_too: bool = False) -> LoggedModel:
    """Return a logged model with all that is known of it. Raises NotFound."""
    with workspace.metadata.read() as tx:
        model = rows.find(tx, model_id)
    if model is None or (model.lifecycle_stage is LifecycleStage.DELETED and not deleted_too):
        raise no_logged_model(model_id)
    return model


def finalize_logged_model(workspace: Workspace, model_id: str, status: LoggedModelStatus) -> LoggedModel:
    """Say that a model's files are whole, or never came. Those of a ready model no longer change.

    Raises:
        NotFound: no such model.
        InvalidInput: nothing becomes ``status``.
        WrongState: it is ready and cannot fail any more.
    """
    with workspace.metadata.write() as tx:
        model = get_within(tx, model_id)
        check_can_become(model, status)
        rows.put(tx, replace(model, status=status, updated_ms=workspace.now_ms()))
        return get_within(tx, model_id)


def delete_logged_model(workspace: Workspace, model_id: str) -> None:
    """Hide a logged model. Versions registered from it keep their files. Raises NotFound."""
    with workspace.metadata.write() as tx:
        now_ms = workspace.now_ms()
        gone = replace(get_within(tx, model_id), lifecycle_stage=LifecycleStage.DELETED, updated_ms=now_ms)
        rows.put(tx, gone, deleted_ms=now_ms)


def log_model_params(workspace: Workspace, model_id: str, params: dict[str, str]) -> None:
    """Log all of them, or none.

    Raises:
        NotFound: no such model.
        InvalidInput: a limit is passed, or a param is there with another value.
    """
    _check_params(params)
    with workspace.metadata.write() as tx:
        model = get_within(tx, model_id)
        check_same_params(model_id, rows.params_of(tx, model_id, params), params)
        rows.add_params(tx, model_id, params)
        rows.put(tx, replace(model, updated_ms=workspace.now_ms()))


def set_model_tags(workspace: Workspace, model_id: str, tags: dict[str, str]) -> LoggedModel:
    """Set tags, also of a ready model.

    Raises:
        NotFound: no such model.
        InvalidInput: a limit is passed.
    """
    check_tags(tags)
    with workspace.metadata.write() as tx:
        model = get_within(tx, model_id)
        rows.set_tags(tx, model_id, tags)
        rows.put(tx, replace(model, updated_ms=workspace.now_ms()))
        return get_within(tx, model_id)


def delete_model_tag(workspace: Workspace, model_id: str, key: str) -> None:
    """Delete a tag. Raises NotFound if there is no such model or tag."""
    with workspace.metadata.write() as tx:
        model = get_within(tx, model_id)
        if not rows.delete_tag(tx, model_id, key):
            raise NotFound(f"logged model {model_id} has no tag {key!r}", model_id=model_id, key=key)
        rows.put(tx, replace(model, updated_ms=workspace.now_ms()))


def search_logged_models(
    workspace: Workspace,
    experiment_ids: list[str],
    comparisons: list[Comparison],
    datasets: list[DatasetChoice],
    orders: list[ModelOrder],
    limit: int,
    offset: int,
) -> tuple[list[LoggedModel], int | None]:
    """Return a page of experiments' logged models, and the offset of the next page if there is one."""
    known = [int(text) for text in experiment_ids if text.isascii() and text.isdecimal() and len(text) < 10]
    with workspace.metadata.read() as tx:
        found = logged_model_search.search(tx, known, comparisons, datasets, orders, limit + 1, offset)
    return found[:limit], offset + limit if len(found) > limit else None


def get_within(tx: Connection, model_id: str) -> LoggedModel:
    """Return a logged model inside the caller's transaction. Raises NotFound."""
    model = rows.find(tx, model_id)
    if model is None or model.lifecycle_stage is LifecycleStage.DELETED:
        raise no_logged_model(model_id)
    return model


def _check_name(name: str) -> None:
    # The characters that MLflow refuses: they would be read as parts of models:/… and runs:/….
    if len(name) > MAX_EXPERIMENT_NAME or not set("/:.%\"'").isdisjoint(name):
        raise InvalidInput(
            f"Invalid value {name[:80]!r} for parameter 'name': use at most {MAX_EXPERIMENT_NAME} characters, "
            "none of them '/', ':', '.', '%' or a quote"
        )


def _check_params(params: dict[str, str]) -> None:
    if len(params) > MAX_PARAMS:
        raise InvalidInput(f"At most {MAX_PARAMS} params at once, not {len(params)}")
    for key in params:
        check_key(key)  # a value may be of any length, as in MLflow
