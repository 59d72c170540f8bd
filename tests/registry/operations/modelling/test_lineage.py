import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.deploying.endpoints import RevisionState
from registry.core.errors import InvalidInput, NotFound, WrongState
from registry.core.imaging.images import Image
from registry.core.modelling.lineage import VersionUse
from registry.core.modelling.models import ModelFile
from registry.core.rest import ImportedFile
from registry.core.tracking.datasets import Dataset, DatasetInput
from registry.core.tracking.run_code import Environment, GitState, NewRunCode, Origin
from registry.operations.deploying.deployments import delete_deployment, put_deployment, set_revision_state
from registry.operations.deploying.endpoints import delete_endpoint, put_endpoint
from registry.operations.modelling.lineage import get_dataset_lineage, get_lineage
from registry.operations.modelling.model_versions import delete_version, import_version, register_version
from registry.operations.tracking.inputs import log_inputs
from registry.operations.tracking.run_code import record_code
from registry.operations.tracking.run_views import get_details
from registry.operations.tracking.tracking import create_run, log_batch
from registry.operations.workspace import Workspace
from registry.store.tracking import artifacts

BLUE = DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
ROWS = Dataset(name="rows", digest="d1234", source_type="http", source="https://data.example/rows")


@pytest.fixture
def run(workspace: Workspace) -> str:
    """A run that read a dataset and made cancer:1."""
    run_id = create_run(workspace, "0", name="deep", user_id="ada", started_ms=1, tags={}).id
    log_inputs(workspace, run_id, [DatasetInput(dataset=ROWS, tags={"mlflow.data.context": "training"})], [])
    blob = workspace.blobs.put(b"weights")
    with workspace.metadata.write() as tx:
        digest = blob.digest.removeprefix("sha256:")
        artifacts.put(tx, run_id, ModelFile(path="model/model.onnx", sha256=digest, size=blob.size))
    register_version(workspace, "cancer", run_id, "model")
    return run_id


@pytest.fixture
def served(workspace: Workspace, image: Image) -> None:
    """cancer:1, in an image, live as cancer/blue's second revision."""
    put_endpoint(workspace, "cancer", EndpointDocument())
    for number in (1, 2):
        put_deployment(workspace, "cancer", "blue", replace(BLUE, instance_count=number))
        set_revision_state(workspace, "cancer", "blue", number, state=RevisionState.LIVE, message="")


def test_a_version_knows_its_run_code_datasets_images_and_deployments(
    workspace: Workspace, run: str, served: None
) -> None:
    new = NewRunCode(git=GitState(commit="a" * 40), environment=Environment(python="3.11", packages={"numpy": "2"}))
    recorded = record_code(workspace, run, new)
    (version,) = get_lineage(workspace, "cancer").versions
    assert (version.run_id, version.run_name, version.experiment) == (run, "deep", "Default")
    assert version.code == recorded
    assert [(one.name, one.digest, one.source, one.context) for one in version.datasets] == [
        ("rows", "d1234", "https://data.example/rows", "training")
    ]
    assert version.images == ["cancer-onnx:1"]
    assert [(use.revision, use.state) for use in version.deployments] == [(1, "warm"), (2, "live")]


def test_a_deleted_deployment_stays_in_the_lineage_and_holds_nothing(
    workspace: Workspace, run: str, served: None
) -> None:
    with pytest.raises(WrongState, match="cancer/blue"):
        delete_version(workspace, "cancer", 1)
    put_deployment(workspace, "cancer", "green", BLUE)
    delete_deployment(workspace, "cancer", "green")
    delete_endpoint(workspace, "cancer", live_too=True)
    (version,) = get_lineage(workspace, "cancer").versions
    assert [(use.backend, use.state) for use in version.deployments] == [
        ("cancer.blue.1", None),
        ("cancer.blue.2", None),
        ("cancer.green.1", None),
    ]
    delete_version(workspace, "cancer", 1)


def test_a_run_knows_what_came_of_it(workspace: Workspace, run: str, served: None) -> None:
    details = get_details(workspace, run)
    assert [(one.name, one.version, one.images) for one in details.made] == [("cancer", 1, ["cancer-onnx:1"])]
    assert [use.backend for use in details.made[0].deployments] == ["cancer.blue.1", "cancer.blue.2"]
    assert [one.digest for one in details.datasets] == ["d1234"]


def test_a_dataset_knows_what_came_of_it(workspace: Workspace, run: str, served: None) -> None:
    other = create_run(workspace, "0", name="later", user_id="ada", started_ms=2, tags={}).id
    log_inputs(workspace, other, [DatasetInput(dataset=ROWS)], [])
    found = get_dataset_lineage(workspace, "d1234")
    assert [(one.run_name, one.dataset.context, len(one.made)) for one in found.runs] == [
        ("later", None, 0),
        ("deep", "training", 1),
    ]
    made = found.runs[1].made[0]
    assert isinstance(made, VersionUse)
    assert (made.images, [use.state for use in made.deployments]) == (["cancer-onnx:1"], ["warm", "live"])
    assert get_dataset_lineage(workspace, "d123") == found
    with pytest.raises(NotFound, match="nope"):
        get_dataset_lineage(workspace, "nope")
    with pytest.raises(InvalidInput, match="at least 4 characters"):
        get_dataset_lineage(workspace, "d12")
    log_inputs(workspace, other, [DatasetInput(dataset=msgspec.structs.replace(ROWS, digest="d1234567"))], [])
    assert get_dataset_lineage(workspace, "d1234") == found  # a whole digest is no prefix of another
    with pytest.raises(InvalidInput, match="several datasets"):
        get_dataset_lineage(workspace, "d123")


def test_a_run_is_registered_by_the_beginning_of_its_id(workspace: Workspace, run: str) -> None:
    version = register_version(workspace, "short", run[:12], "model")
    assert (version.run_id, version.source) == (run, f"runs:/{run}/model")


def test_mlflows_traces_stand_in_where_nothing_was_recorded(workspace: Workspace, run: str) -> None:
    asyncio.run(log_batch(workspace, run, [], {}, {"mlflow.source.git.commit": "b" * 40}))
    digest = workspace.blobs.put(b"numpy==2.1\n").digest
    import_version(workspace, "cancer", [ImportedFile(path="m/requirements.txt", digest=digest)], path="m")
    ours, imported = get_lineage(workspace, "cancer").versions
    assert ours.code is not None
    assert ours.code.git == GitState(commit="b" * 40, origin=Origin.MLFLOW)
    assert imported.code is not None
    assert imported.code.environment == Environment(packages={"numpy": "2.1"}, origin=Origin.MLFLOW)


def test_what_is_known_of_nothing_is_nothing(workspace: Workspace) -> None:
    digest = workspace.blobs.put(b"weights").digest
    import_version(workspace, "cancer", [ImportedFile(path="m.bin", digest=digest)], path="m.bin")
    (version,) = get_lineage(workspace, "cancer").versions
    assert (version.code, version.datasets, version.images, version.deployments) == (None, [], [], [])


def test_a_lost_file_breaks_no_listing(workspace: Workspace) -> None:
    digest = workspace.blobs.put(b"numpy==2.1\n").digest
    import_version(workspace, "cancer", [ImportedFile(path="requirements.txt", digest=digest)], path="")
    for entry in list(workspace.blobs.entries()):
        workspace.blobs.remove(entry)
    assert get_lineage(workspace, "cancer").versions[0].code is None
