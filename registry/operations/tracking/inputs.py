"""What runs used and made: datasets, and logged models by their ids."""

from collections.abc import Sequence

from registry.core.tracking.datasets import DatasetInput, ModelOutput, check_inputs
from registry.operations.tracking.tracking import check_writable
from registry.operations.workspace import Workspace
from registry.store.tracking import datasets


def log_inputs(workspace: Workspace, run_id: str, inputs: Sequence[DatasetInput], model_ids: Sequence[str]) -> None:
    """Say which datasets and logged models a run used; twice is once.

    Raises:
        NotFound: no such run.
        InvalidInput: a name is empty or too long, or the run is deleted.
    """
    check_inputs(inputs, model_ids)
    with workspace.metadata.write() as tx:
        experiment_id = check_writable(tx, run_id)
        datasets.add_inputs(tx, run_id, experiment_id, inputs, workspace.new_id)
        datasets.add_model_inputs(tx, run_id, model_ids)


def log_outputs(workspace: Workspace, run_id: str, outputs: Sequence[ModelOutput]) -> None:
    """Say which logged models a run made, and at which step; a later step of the same model replaces it.

    Raises:
        NotFound: no such run.
        InvalidInput: an id is empty or too long, or the run is deleted.
    """
    check_inputs([], [output.model_id for output in outputs])
    with workspace.metadata.write() as tx:
        check_writable(tx, run_id)
        datasets.add_model_outputs(tx, run_id, outputs)
