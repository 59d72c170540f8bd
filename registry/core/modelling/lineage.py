"""Lineage, both ways: what a model's version came from, and what came from it, from a run or from a dataset."""

from typing import Any

import msgspec

from registry.core.deploying.endpoints import RevisionState
from registry.core.tracking.datasets import DatasetUse
from registry.core.tracking.run_code import RunCode


class DeploymentUse(msgspec.Struct, frozen=True, kw_only=True):
    """A revision that holds a model's version. ``state`` is None once its deployment was deleted."""

    endpoint: str
    deployment: str
    revision: int
    state: RevisionState | None
    image: str
    image_digest: str
    since_ms: int

    @property
    def backend(self) -> str:
        """The name, without regard to case, that requests to it are recorded under; never another revision's."""
        return f"{self.endpoint}.{self.deployment}.{self.revision}".lower()


class ModelSignature(msgspec.Struct, frozen=True, kw_only=True):
    """What a version's MLmodel file says that the model takes and gives."""

    inputs: Any = None
    outputs: Any = None
    params: Any = None


class VersionUse(msgspec.Struct, frozen=True, kw_only=True):
    """A version with the images that hold it, and the deployments that run or ran such an image."""

    name: str
    version: int
    images: list[str] = []
    deployments: list[DeploymentUse] = []


class VersionLineage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version came from, and who uses it. ``code`` is what its run was made from, its snapshot without files,
    and the environment that its own files describe where the run says nothing of one."""

    version: int
    source: str
    run_id: str | None = None
    run_name: str | None = None
    experiment: str | None = None
    logged_model_id: str | None = None
    signature: ModelSignature | None = None
    code: RunCode | None = None
    datasets: list[DatasetUse] = []
    images: list[str] = []
    deployments: list[DeploymentUse] = []


class ModelLineage(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    versions: list[VersionLineage]


class DatasetReader(msgspec.Struct, frozen=True, kw_only=True):
    """A run that read a dataset, and the versions it made."""

    run_id: str
    run_name: str
    experiment: str
    dataset: DatasetUse
    made: list[VersionUse] = []


class DatasetLineage(msgspec.Struct, frozen=True, kw_only=True):
    """``runs`` are the newest that read a dataset of this digest."""

    digest: str
    runs: list[DatasetReader]
