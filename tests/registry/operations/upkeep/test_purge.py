"""What goes by itself with a purge; what a person deleted before is in tests/registry/cli/upkeep/test_purge.py."""

from msgspec.structs import replace

from registry.core.activities import ActivityKind, ActivityState
from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.deploying.endpoints import RevisionState
from registry.core.imaging.images import Image
from registry.core.purge import ACTIVITY_DAYS, PurgeKind
from registry.core.times import DAY_MS
from registry.core.tracking.datasets import Dataset, DatasetInput
from registry.operations.activities import begin_activity, end_activity, list_activities
from registry.operations.deploying.deployments import put_deployment, set_revision_state
from registry.operations.deploying.endpoints import delete_endpoint, put_endpoint
from registry.operations.tracking.inputs import log_inputs
from registry.operations.tracking.tracking import create_run, delete_run
from registry.operations.upkeep.purge import preview, purge
from registry.operations.workspace import Workspace
from registry.store import schema
from registry.store.blobs import open_blobs


def later(workspace: Workspace, days: float) -> Workspace:
    """The same workspace, so many days later."""
    return Workspace(
        metadata=workspace.metadata, blobs=open_blobs("memory://"), now_ms=lambda: 10_000 + int(days * DAY_MS)
    )


def ended(workspace: Workspace) -> str:
    activity = begin_activity(workspace, ActivityKind.BUILD, "cancer-onnx", "building")
    end_activity(workspace, activity.id, ActivityState.SUCCEEDED, "built")
    return activity.id


def test_what_ended_long_ago_goes_and_what_runs_stays(workspace: Workspace) -> None:
    ended(workspace)
    running = begin_activity(workspace, ActivityKind.BUILD, "other", "building")
    assert preview(later(workspace, ACTIVITY_DAYS - 1), 0).items == []
    then = later(workspace, ACTIVITY_DAYS + 1)
    assert preview(then, ACTIVITY_DAYS + 2).items == []
    (item,) = preview(then, 0).items
    assert (item.kind, item.name, item.refused) == (PurgeKind.ACTIVITIES, "1 that ended long ago", "")
    assert purge(then, 0).done
    assert [one.id for one in list_activities(workspace)] == [running.id]
    with workspace.metadata.read() as tx:
        assert len(tx.execute(schema.activity_lines.select()).all()) == 1


def test_the_activity_of_a_revision_stays_as_long_as_the_revision(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    blue = DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
    put_deployment(workspace, "cancer", "blue", blue)
    set_revision_state(workspace, "cancer", "blue", 1, state=RevisionState.FAILED, message="no")
    then = later(workspace, ACTIVITY_DAYS + 1)
    purge(then, 0)
    assert len(list_activities(workspace)) == 1
    delete_endpoint(workspace, "cancer")
    purge(then, 0)
    assert list_activities(workspace) == []


def test_a_dataset_goes_with_the_last_run_that_read_it(workspace: Workspace) -> None:
    rows = Dataset(name="rows", digest="d1", source_type="http", source="{}")
    runs = [create_run(workspace, "0", name="", user_id="", started_ms=1, tags={}).id for _ in range(2)]
    for run in runs:
        log_inputs(workspace, run, [DatasetInput(dataset=rows)], [])
    log_inputs(workspace, runs[1], [DatasetInput(dataset=replace(rows, digest="d2"))], [])

    def left() -> set[str]:
        with workspace.metadata.read() as tx:
            return {row.digest for row in tx.execute(schema.datasets.select())}

    delete_run(workspace, runs[1])
    purge(workspace, 0)
    assert left() == {"d1"}
