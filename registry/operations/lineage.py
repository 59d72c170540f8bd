"""Lineage of a model, both ways: the run and source each version came from, and the images and deployments after it."""

import msgspec

from registry.core.errors import InvalidInput, NotFound
from registry.core.loading import parse_json, parse_yaml
from registry.core.models import ModelVersion, no_model
from registry.core.rest import ModelLineage, ModelSignature, VersionLineage
from registry.operations.model_users import deployments_of, images_of
from registry.operations.workspace import Workspace
from registry.store import experiments, models, runs
from registry.store.blobs import Blobs
from registry.store.metadata import Connection

DESCRIPTION_FILE = "MLmodel"
MAX_DESCRIPTION_BYTES = 1 << 20


def get_lineage(workspace: Workspace, name: str) -> ModelLineage:
    """Return where each version of a model came from, what it takes and gives, and who uses it. Raises NotFound."""
    with workspace.metadata.read() as tx:
        model = models.find_model(tx, name)
        if model is None:
            raise no_model(name)
        images, deployments = images_of(tx, name), deployments_of(tx, name)
        origins = {version.version: _origin(tx, version) for version in model.versions}
    return ModelLineage(
        name=name,
        versions=[
            VersionLineage(
                version=version.version,
                source=version.source,
                run_id=version.run_id,
                run_name=origins[version.version][0],
                experiment=origins[version.version][1],
                logged_model_id=version.logged_model_id,
                signature=read_signature(workspace.blobs, version),
                images=images.get(version.version, []),
                deployments=deployments.get(version.version, []),
            )
            for version in model.versions
        ],
    )


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


def _origin(tx: Connection, version: ModelVersion) -> tuple[str | None, str | None]:
    run = runs.find(tx, version.run_id) if version.run_id else None
    experiment = experiments.find(tx, run.experiment_id) if run else None
    return run.name if run else None, experiment.name if experiment else None
