"""A workspace with a run in it, and documents to hand in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.core.modelling.models import ModelFile
from registry.core.tracking.runs import Experiment, LifecycleStage, Run, RunStatus
from registry.operations.workspace import Workspace
from registry.store.tracking import artifacts, experiments, runs

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a document and returns its path."""

    def make(**content: Any) -> str:
        path = tmp_path / "document.yaml"
        path.write_text(json.dumps(content))  # JSON is YAML
        return str(path)

    return make


@pytest.fixture
def run(workspace: Workspace) -> str:
    """A run that has logged model/model.onnx, 3 bytes."""
    active = LifecycleStage.ACTIVE
    experiment = Experiment(
        id=9, name="trees", artifact_location="mlflow-artifacts:/9", lifecycle_stage=active, created_ms=1, updated_ms=1
    )
    made = Run(
        id="r1",
        experiment_id=9,
        name="first",
        user_id="ada",
        status=RunStatus.FINISHED,
        lifecycle_stage=active,
        artifact_uri="mlflow-artifacts:/9/r1/artifacts",
        started_ms=1,
        ended_ms=2,
    )
    with workspace.metadata.write() as tx:
        experiments.insert(tx, experiment)
        runs.put(tx, made)
        artifacts.put(tx, made.id, ModelFile(path="model/model.onnx", sha256="a" * 64, size=3))
    return made.id
