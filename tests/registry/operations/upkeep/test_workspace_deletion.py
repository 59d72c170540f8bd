from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy as sa

from registry.core.activities import ActivityKind, ActivityState
from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.deploying.endpoints import RevisionState
from registry.core.errors import Conflict, InvalidInput, Unavailable
from registry.core.imaging.images import Image
from registry.core.modelling.models import ModelFile
from registry.core.rest import ImportedFile
from registry.core.security.access import Role
from registry.core.security.tokens import WantedToken
from registry.core.tracking.run_code import GitState, NewRunCode
from registry.images.keeping.layout import ImageLayout
from registry.images.pushed.uploads import Uploads
from registry.operations.activities import begin_activity, fail_interrupted, get_activity, list_activities
from registry.operations.deploying.deployments import delete_deployment, put_deployment, set_revision_state
from registry.operations.deploying.desired import get_desired_state
from registry.operations.deploying.endpoints import put_endpoint
from registry.operations.modelling.model_versions import import_version
from registry.operations.security.tokens import create_token
from registry.operations.tracking.experiments import create_experiment, get_experiment
from registry.operations.tracking.run_code import record_code
from registry.operations.tracking.tracking import create_run
from registry.operations.upkeep.workspace_deletion import preview, run_deletion, start_deletion
from registry.operations.workspace import ChangeSignal, Workspace
from registry.store import schema
from registry.store.blobs import BlobEntry, Blobs
from registry.store.tracking import artifacts

BLUE = DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
STAY = {"experiments", "audit", "services", "counters", "activities", "activity_lines", "tokens"}


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout(tmp_path / "images")


@pytest.fixture
def full(workspace: Workspace, layout: ImageLayout, image: Image) -> Workspace:
    """A workspace with something of everything, and a deployment that is live no more."""
    experiment = create_experiment(workspace, "trees", {"team": "blue"})
    run = add_run(workspace, str(experiment.id), b"weights")
    record_code(workspace, run, NewRunCode(git=GitState(patch=workspace.blobs.put(b"diff").digest)))
    digest = workspace.blobs.put(b"imported").digest
    import_version(workspace, "cancer", [ImportedFile(path="m", digest=digest)], path="m")
    put_endpoint(workspace, "cancer", EndpointDocument())
    put_deployment(workspace, "cancer", "blue", BLUE)
    set_revision_state(workspace, "cancer", "blue", 1, state=RevisionState.FAILED, message="no")
    for name, role in (("ada", Role.OWNER), ("ci", Role.CONTRIBUTOR)):
        create_token(workspace, WantedToken(name=name, role=role))
    layout.tag("cancer-onnx:1", layout.write([b"{}"])[0])
    return workspace


def add_run(workspace: Workspace, experiment: str, content: bytes) -> str:
    run = create_run(workspace, experiment, name="", user_id="ada", started_ms=1, tags={"a": "b"}).id
    blob = workspace.blobs.put(content)
    with workspace.metadata.write() as tx:
        file = ModelFile(path="model", sha256=blob.digest.removeprefix("sha256:"), size=blob.size)
        artifacts.put(tx, run, file)
    return run


def delete(workspace: Workspace, layout: ImageLayout, who: str = "ada") -> ActivityState:
    """Delete in this thread; return how it ended."""
    name = preview(workspace, layout).name
    activity = begin_activity(workspace, ActivityKind.DELETE, name, "deleting everything")
    run_deletion(workspace, layout, activity.id, who)
    return get_activity(workspace, activity.id).state


def rows(workspace: Workspace) -> dict[str, int]:
    with workspace.metadata.read() as tx:
        counted = {
            table.name: tx.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in schema.metadata.sorted_tables
        }
    return {name: number for name, number in counted.items() if number}


def test_a_preview_counts_and_changes_nothing(full: Workspace, layout: ImageLayout) -> None:
    before = rows(full)
    plan = preview(full, layout)
    counted = {one.noun: (one.count, one.bytes) for one in plan.nouns if one.count}
    assert counted == {
        "experiments": (1, 0),
        "runs": (1, 7),
        "models": (1, 0),
        "model versions": (1, 8),
        "images": (1, 7),
        "endpoints": (1, 0),
        "deployments": (1, 0),
        "activities": (1, 0),
        "tokens": (2, 0),
    }
    assert (plan.stored_files, plan.stored_bytes, plan.refused) == (4, 7 + 4 + 8 + 2, [])
    assert rows(full) == before


def test_everything_goes_and_an_empty_workspace_stays(full: Workspace, layout: ImageLayout) -> None:
    desired = get_desired_state(full).version
    Uploads(layout).begin()
    assert delete(full, layout) is ActivityState.SUCCEEDED
    assert rows(full).keys() <= STAY
    assert rows(full)["experiments"] == rows(full)["activities"] == rows(full)["tokens"] == 1
    assert get_experiment(full, "0").name == "Default"
    assert get_desired_state(full).version > desired
    assert get_desired_state(full).endpoints == []
    plan = preview(full, layout)
    assert (plan.stored_files, plan.stored_bytes) == (0, 0)
    assert (layout.index().manifests, list(layout.uploads.iterdir())) == ([], [])
    assert [token.count for token in plan.nouns if token.noun == "tokens"] == [1]

    digest = full.blobs.put(b"again").digest
    assert import_version(full, "cancer", [ImportedFile(path="m", digest=digest)], path="m").version == 1


def test_a_backends_name_is_not_given_again(full: Workspace, layout: ImageLayout, image: Image) -> None:
    delete(full, layout)
    with full.metadata.read() as tx:
        counted = {row.name for row in tx.execute(schema.counters.select())}
    assert counted == {"desired-state", "blob-deletions", "revision:cancer/blue"}


@pytest.mark.parametrize("state", [RevisionState.STARTING, RevisionState.LIVE])
def test_a_deployment_that_is_wanted_refuses_by_name(
    full: Workspace, layout: ImageLayout, state: RevisionState
) -> None:
    put_deployment(full, "cancer", "green", BLUE)
    if state is RevisionState.LIVE:
        set_revision_state(full, "cancer", "green", 1, state=state, message="")
    before, plan = rows(full), preview(full, layout)
    assert plan.refused == [f"cancer/green revision 1 is {state}"]
    with pytest.raises(Conflict, match="cancer/green revision 1"):
        start_deletion(full, layout, plan.name, "ada")
    assert rows(full) == before
    delete_deployment(full, "cancer", "green")
    assert preview(full, layout).refused == []


def test_what_began_to_refuse_after_it_was_asked_refuses_still(full: Workspace, layout: ImageLayout) -> None:
    begin_activity(full, ActivityKind.BUILD, "cancer-onnx", "building")
    assert delete(full, layout) is ActivityState.FAILED
    assert rows(full)["models"] == 1
    assert "build of cancer-onnx is running" in preview(full, layout).refused


def test_two_deletions_at_once_are_one(full: Workspace, layout: ImageLayout) -> None:
    begin_activity(full, ActivityKind.DELETE, "it", "deleting everything")
    with pytest.raises(Conflict, match="delete of it is running"):
        start_deletion(full, layout, preview(full, layout).name, "ada")


def test_another_workspaces_name_deletes_nothing(full: Workspace, layout: ImageLayout) -> None:
    before, name = rows(full), preview(full, layout).name
    for wrong in ("", "other", f"{name} ", name.upper()):
        with pytest.raises(InvalidInput, match=f"called '{name}'"):
            start_deletion(full, layout, wrong, "ada")
    assert rows(full) == before


def test_a_deletion_that_stopped_in_the_middle_is_repeated(full: Workspace, layout: ImageLayout) -> None:
    for number in range(20):
        full.blobs.put(b"%d" % number)
    broken = Workspace(metadata=full.metadata, blobs=Failing(full.blobs), now_ms=full.now_ms)
    assert delete(broken, layout) is ActivityState.FAILED
    assert rows(full).keys() <= STAY
    assert preview(full, layout).stored_files > 0
    assert delete(full, layout) is ActivityState.SUCCEEDED
    assert preview(full, layout).stored_files == 0


def test_a_deletion_that_a_stopped_registry_left_is_failed(full: Workspace, layout: ImageLayout) -> None:
    begin_activity(full, ActivityKind.DELETE, "it", "deleting everything")
    fail_interrupted(full)
    assert "can be deleted the same way" in list_activities(full)[0].message
    assert preview(full, layout).refused == []


def test_what_others_write_meanwhile_stays(full: Workspace, layout: ImageLayout) -> None:
    old = full.blobs.put(b"weights").digest

    class Writing(ChangeSignal):
        """Another client logs the same content as soon as the old rows have gone."""

        run = ""

        def notify(self) -> None:
            if not self.run and "runs" not in rows(full):
                self.run = add_run(full, "0", b"weights")
            super().notify()

    signal = Writing()
    watched = Workspace(metadata=full.metadata, blobs=full.blobs, now_ms=full.now_ms, signal=signal)
    assert delete(watched, layout) is ActivityState.SUCCEEDED
    assert signal.run
    assert full.blobs.get(old) == b"weights"
    assert preview(full, layout).stored_files == 1


def test_readers_see_all_of_it_or_nothing(full: Workspace, layout: ImageLayout) -> None:
    seen: list[tuple[bool, bool]] = []
    deleting = Thread(target=delete, args=(full, layout))
    deleting.start()
    while deleting.is_alive():
        found = rows(full)
        seen.append(("runs" in found, "models" in found))
    deleting.join()
    assert set(seen) <= {(True, True), (False, False)}


class Failing(Blobs):
    """A store that goes away after five deletions."""

    def __init__(self, blobs: Blobs) -> None:
        super().__init__(blobs._store)
        self._left = 5

    def remove(self, entry: BlobEntry) -> None:
        if not self._left:
            raise Unavailable("the artifacts' store failed")
        self._left -= 1
        super().remove(entry)
