"""Lineage, both ways: what each version of a model came from and who uses it, and what came of a run or a dataset."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from registry.core.errors import InvalidInput, NotFound
from registry.core.loading import parse_json, parse_yaml
from registry.core.modelling.lineage import (
    DatasetLineage,
    DatasetReader,
    ModelLineage,
    ModelSignature,
    VersionLineage,
    VersionUse,
)
from registry.core.modelling.models import ModelFile, ModelVersion, no_model
from registry.core.tracking.datasets import read_dataset
from registry.core.tracking.run_code import RunCode
from registry.core.tracking.runs import Run
from registry.operations.modelling.model_users import images_of
from registry.operations.tracking.run_code import complete, describing
from registry.operations.tracking.run_lookup import LEAST_PREFIX
from registry.operations.workspace import Workspace
from registry.store.blobs import Blobs
from registry.store.metadata import Connection
from registry.store.modelling import model_uses, model_versions, models
from registry.store.modelling.model_uses import Uses
from registry.store.tracking import datasets, experiments, run_code, runs

DESCRIPTION_FILE = "MLmodel"
MAX_DESCRIPTION_BYTES = 1 << 20
MAX_READERS = 1000


class _Past(NamedTuple):
    """What is known of the runs that versions came from."""

    runs: dict[str, Run]
    experiments: dict[int, str]
    code: dict[str, RunCode]


class _Future(NamedTuple):
    """What is known of what came of versions: by model and version."""

    images: Mapping[tuple[str, int], list[str]]
    deployments: Uses


def get_lineage(workspace: Workspace, name: str) -> ModelLineage:
    """Return where each version of a model came from, what it takes and gives, and who uses it. Raises NotFound."""
    with workspace.metadata.read() as tx:
        model = models.find_model(tx, name)
        if model is None:
            raise no_model(name)
        past = _past(tx, {version.run_id for version in model.versions if version.run_id})
        future = _future(tx, [name])
    return ModelLineage(
        name=name, versions=[_version_lineage(workspace.blobs, version, past, future) for version in model.versions]
    )


def get_dataset_lineage(workspace: Workspace, digest: str) -> DatasetLineage:
    """Return the runs that read a dataset, the newest 1000, and the versions, images and deployments that came of them.

    ``digest`` may be the beginning of one.

    Raises:
        NotFound: no run read a dataset of this digest.
        InvalidInput: several digests begin so, or fewer than four characters are given.
    """
    with workspace.metadata.read() as tx:
        digest = _find_digest(tx, digest)
        readers = datasets.readers_of(tx, digest, MAX_READERS)
        found = runs.of_ids(tx, {run_id for run_id, _ in readers})
        names = experiments.names_of(tx, {run.experiment_id for run in found.values()})
        made = made_by(tx, found)
    return DatasetLineage(
        digest=digest,
        runs=[
            DatasetReader(
                run_id=run_id,
                run_name=found[run_id].name,
                experiment=names[found[run_id].experiment_id],
                dataset=read_dataset(use),
                made=made[run_id],
            )
            for run_id, use in readers
        ],
    )


def _find_digest(tx: Connection, digest: str) -> str:
    found = datasets.digests_like(tx, digest, 2)
    if digest in found:
        return digest
    if len(digest) < LEAST_PREFIX:
        raise InvalidInput(f"{digest!r} is too short: give at least {LEAST_PREFIX} characters of the dataset's digest")
    if len(found) > 1:
        raise InvalidInput(f"several datasets' digests begin with {digest!r}: give more of it", digest=digest)
    if not found:
        raise NotFound(
            f"no run has read a dataset with the digest {digest!r}: `slipway run show` tells those of a run",
            digest=digest,
        )
    return found[0]


def made_by(tx: Connection, run_ids: Collection[str]) -> dict[str, list[VersionUse]]:
    """Return run → the versions that came of it, with the images and deployments that came of those."""
    rows = model_versions.made_by(tx, run_ids)
    future = _future(tx, {name for _, name, _ in rows})
    made: dict[str, list[VersionUse]] = {run_id: [] for run_id in run_ids}
    for run_id, name, version in rows:
        made.setdefault(run_id, []).append(
            VersionUse(
                name=name,
                version=version,
                images=future.images.get((name, version), []),
                deployments=future.deployments.get((name, version), []),
            )
        )
    return made


def read_signature(blobs: Blobs, version: ModelVersion) -> ModelSignature | None:
    """Return what the version's MLmodel file says of inputs and outputs; None if it says nothing or is not one."""
    path = f"{version.folder}/{DESCRIPTION_FILE}" if version.folder else DESCRIPTION_FILE
    file = next((one for one in version.files if one.path == path), None)
    if file is None or file.size > MAX_DESCRIPTION_BYTES:
        return None
    try:
        written = parse_yaml(blobs.get(f"sha256:{file.sha256}"))["signature"]
        parts = {name: _schema(written.get(name)) for name in ("inputs", "outputs", "params")}
    except (InvalidInput, NotFound, KeyError, TypeError, AttributeError):
        return None  # users write this file too, and a listing must not fail for it
    return msgspec.convert(parts, ModelSignature)


def _schema(written: object) -> object:
    """MLflow writes a schema as JSON inside the YAML. Nothing else is taken: YAML's references can be endless."""
    return parse_json(written) if isinstance(written, str) else None


def _past(tx: Connection, run_ids: Collection[str]) -> _Past:
    found = runs.of_ids(tx, run_ids)
    names = experiments.names_of(tx, {run.experiment_id for run in found.values()})
    return _Past(found, names, run_code.of_runs(tx, list(found)))


def _future(tx: Connection, names: Collection[str]) -> _Future:
    return _Future(images_of(tx, names), model_uses.of_models(tx, names)) if names else _Future({}, {})


def _version_lineage(blobs: Blobs, version: ModelVersion, past: _Past, future: _Future) -> VersionLineage:
    run = past.runs.get(version.run_id) if version.run_id else None
    key = (version.name, version.version)
    return VersionLineage(
        version=version.version,
        source=version.source,
        run_id=version.run_id,
        run_name=run.name if run else None,
        experiment=past.experiments[run.experiment_id] if run else None,
        logged_model_id=version.logged_model_id,
        signature=read_signature(blobs, version),
        code=_code(blobs, version.files, run, past),
        datasets=[read_dataset(one) for one in run.dataset_inputs] if run else [],
        images=future.images.get(key, []),
        deployments=future.deployments.get(key, []),
    )


def _code(blobs: Blobs, files: list[ModelFile], run: Run | None, past: _Past) -> RunCode | None:
    recorded = past.code.get(run.id) if run else None
    code = complete(blobs, run.tags if run else {}, recorded, describing(files))
    return None if code == RunCode() else code
