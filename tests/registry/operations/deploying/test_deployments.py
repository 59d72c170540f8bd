import asyncio

import msgspec
import pytest

from registry.core.activities import ActivityState
from registry.core.deploying.desired import DesiredState
from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.deploying.endpoints import Deployment, RevisionState
from registry.core.deploying.engine_settings import Batching, ResponseCache
from registry.core.errors import Conflict, InvalidInput, NotFound
from registry.core.imaging.images import Image
from registry.operations.activities import get_activity
from registry.operations.deploying.deployments import (
    delete_deployment,
    get_deployment,
    list_deployments,
    put_deployment,
    set_revision_state,
)
from registry.operations.deploying.desired import follow_desired_state, get_desired_state
from registry.operations.deploying.endpoints import put_endpoint, set_traffic
from registry.operations.modelling.model_labels import set_alias
from registry.operations.modelling.model_versions import create_version
from registry.operations.modelling.models import create_model
from registry.operations.workspace import Workspace

BLUE = DeploymentDocument(
    environment=EnvironmentDocument(image="cancer-onnx:1"), environment_variables={"WORKERS": 2}, instance_count=2
)

MORE = msgspec.structs.replace(BLUE, instance_count=4)


@pytest.fixture(autouse=True)
def endpoint(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())


def report(workspace: Workspace, number: int, state: RevisionState, message: str = "") -> Deployment:
    return set_revision_state(workspace, "cancer", "blue", number, state=state, message=message)


def states(deployment: Deployment) -> list[RevisionState]:
    return [revision.state for revision in deployment.revisions]


def test_a_deployment_begins_as_a_starting_revision_of_one_image_digest(workspace: Workspace, image: Image) -> None:
    made = put_deployment(workspace, "cancer", "blue", BLUE)
    revision = made.deployment.revisions[0]
    assert (revision.number, revision.state, revision.image_digest) == (1, RevisionState.STARTING, image.digest)
    assert (revision.image, revision.models, revision.instance_count) == ("cancer-onnx:1", {"cancer": 1}, 2)
    assert revision.environment_variables == {"WORKERS": "2"}
    assert (made.activity.subject, made.activity.state) == ("cancer/blue", ActivityState.RUNNING)
    assert get_deployment(workspace, "cancer", "blue") == made.deployment
    assert list_deployments(workspace, "cancer") == [made.deployment]


@pytest.mark.parametrize(
    "change",
    [
        {"batching": Batching(enabled=False, max_bytes="1Mi")},
        {"response_cache": ResponseCache(max_bytes=65536, ttl_s=9)},
    ],
)
def test_how_the_engine_is_set_is_part_of_a_revision_and_of_what_is_desired(
    workspace: Workspace, change: dict[str, Batching | ResponseCache]
) -> None:
    put_deployment(workspace, "cancer", "blue", BLUE)
    revision = put_deployment(
        workspace, "cancer", "blue", msgspec.structs.replace(BLUE, **change)
    ).deployment.revisions[1]
    desired = get_desired_state(workspace).endpoints[0].deployments[0].revisions[0]
    for name, value in change.items():
        assert (getattr(revision, name), getattr(desired, name)) == (value, value)
    assert (revision.number, desired.number) == (2, 2)


def test_the_number_of_workers_is_part_of_the_revision_and_of_what_is_desired(workspace: Workspace) -> None:
    document = msgspec.structs.replace(BLUE, environment_variables={"WORKER_COUNT": 3})
    assert put_deployment(workspace, "cancer", "blue", document).deployment.revisions[0].worker_count == 3
    assert put_deployment(workspace, "cancer", "blue", BLUE).deployment.revisions[1].worker_count == 1
    (endpoint,) = get_desired_state(workspace).endpoints
    assert [revision.worker_count for revision in endpoint.deployments[0].revisions] == [1]


@pytest.mark.parametrize("written", ["0", "-1", "1.5", "many", "65", "", " 2", "True", "9" * 5000])
def test_a_worker_count_that_is_none_leaves_the_deployment_as_it_was(workspace: Workspace, written: str) -> None:
    document = msgspec.structs.replace(BLUE, environment_variables={"WORKER_COUNT": written})
    with pytest.raises(InvalidInput, match="no whole number from 1 to 64") as refused:
        put_deployment(workspace, "cancer", "blue", document)
    assert refused.value.details["path"] == "$.environment_variables.WORKER_COUNT"
    assert list_deployments(workspace, "cancer") == []


def test_a_live_revision_takes_the_place_of_the_one_before(workspace: Workspace) -> None:
    first = put_deployment(workspace, "cancer", "blue", BLUE).activity
    report(workspace, 1, RevisionState.LIVE)
    put_deployment(workspace, "cancer", "blue", MORE)
    assert states(get_deployment(workspace, "cancer", "blue")) == [RevisionState.LIVE, RevisionState.STARTING]
    assert states(report(workspace, 2, RevisionState.LIVE)) == [RevisionState.WARM, RevisionState.LIVE]
    ended = get_activity(workspace, first.id)
    assert (ended.state, ended.result, ended.progress) == (ActivityState.SUCCEEDED, {"revision": "1"}, 1.0)


def test_a_failed_revision_leaves_the_live_one_and_tells_why(workspace: Workspace) -> None:
    put_deployment(workspace, "cancer", "blue", BLUE)
    report(workspace, 1, RevisionState.LIVE)
    activity = put_deployment(workspace, "cancer", "blue", MORE).activity
    after = report(workspace, 2, RevisionState.FAILED, "ValueError: no such column (score.py:12)")
    assert states(after) == [RevisionState.LIVE, RevisionState.FAILED]
    assert after.revisions[1].message == "ValueError: no such column (score.py:12)"
    ended = get_activity(workspace, activity.id)
    assert (ended.state, ended.message) == (ActivityState.FAILED, "ValueError: no such column (score.py:12)")


def test_a_newer_revision_supersedes_one_that_is_starting(workspace: Workspace) -> None:
    first = put_deployment(workspace, "cancer", "blue", BLUE).activity
    second = put_deployment(workspace, "cancer", "blue", msgspec.structs.replace(BLUE, instance_count=3)).deployment
    assert states(second) == [RevisionState.FAILED, RevisionState.STARTING]
    assert get_activity(workspace, first.id).state is ActivityState.SUPERSEDED
    with pytest.raises(Conflict, match="revision 1 of cancer/blue is failed"):
        report(workspace, 1, RevisionState.LIVE)


def test_asking_again_for_what_is_live_starts_nothing(workspace: Workspace) -> None:
    first = put_deployment(workspace, "cancer", "blue", BLUE)
    report(workspace, 1, RevisionState.LIVE)
    version = get_desired_state(workspace).version
    again = put_deployment(workspace, "cancer", "blue", BLUE)
    assert (again.activity.id, again.activity.state) == (first.activity.id, ActivityState.SUCCEEDED)
    assert (states(again.deployment), again.changes) == ([RevisionState.LIVE], [])
    assert get_desired_state(workspace).version == version


def test_asking_again_for_what_is_starting_goes_on_with_it(workspace: Workspace) -> None:
    first = put_deployment(workspace, "cancer", "blue", BLUE)
    version = get_desired_state(workspace).version
    same = DeploymentDocument(
        environment=EnvironmentDocument(image=f"cancer-onnx@{first.deployment.revisions[0].image_digest}"),
        environment_variables={"WORKERS": "2"},
        instance_count=2,
    )
    again = put_deployment(workspace, "cancer", "blue", same)
    assert (again.activity, again.deployment.revisions) == (first.activity, first.deployment.revisions)
    assert get_desired_state(workspace).version == version
    report(workspace, 1, RevisionState.FAILED, "no memory")
    assert states(put_deployment(workspace, "cancer", "blue", BLUE).deployment)[-1] is RevisionState.STARTING


def test_saying_a_state_twice_changes_nothing(workspace: Workspace) -> None:
    put_deployment(workspace, "cancer", "blue", BLUE)
    first = report(workspace, 1, RevisionState.LIVE)
    version = get_desired_state(workspace).version
    assert report(workspace, 1, RevisionState.LIVE) == first
    assert get_desired_state(workspace).version == version
    with pytest.raises(Conflict):
        report(workspace, 1, RevisionState.FAILED)


def test_desired_state_holds_what_is_to_run_and_nothing_else(workspace: Workspace) -> None:
    for document, state in ((BLUE, RevisionState.LIVE), (MORE, RevisionState.FAILED)):
        number = put_deployment(workspace, "cancer", "blue", document).deployment.revisions[-1].number
        report(workspace, number, state)
    put_deployment(workspace, "cancer", "blue", MORE)
    (endpoint,) = get_desired_state(workspace).endpoints
    assert [revision.number for revision in endpoint.deployments[0].revisions] == [1, 3]


def test_a_deployment_with_traffic_cannot_be_deleted(workspace: Workspace) -> None:
    put_deployment(workspace, "cancer", "blue", BLUE)
    report(workspace, 1, RevisionState.LIVE)
    set_traffic(workspace, "cancer", {"blue": 100})
    with pytest.raises(Conflict, match="'blue' has 100 % of the traffic of 'cancer'"):
        delete_deployment(workspace, "cancer", "blue")


def test_a_deleted_deployments_numbers_are_not_given_again(workspace: Workspace) -> None:
    activity = put_deployment(workspace, "cancer", "blue", BLUE).activity
    delete_deployment(workspace, "cancer", "blue")
    assert get_activity(workspace, activity.id).state is ActivityState.SUPERSEDED
    with pytest.raises(NotFound):
        get_deployment(workspace, "cancer", "blue")
    assert put_deployment(workspace, "cancer", "blue", BLUE).deployment.revisions[0].number == 2


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (DeploymentDocument(environment=BLUE.environment, name="green"), "the document says 'green'"),
        (DeploymentDocument(environment=BLUE.environment, endpoint_name="other"), "the document says 'other'"),
        (DeploymentDocument(environment=BLUE.environment, model="azureml:cancer:2"), "holds cancer:1, not cancer:2"),
        (DeploymentDocument(environment=BLUE.environment, model="cancer@champion"), "no model 'cancer'"),
    ],
)
def test_a_document_that_contradicts_is_refused(workspace: Workspace, document: DeploymentDocument, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        put_deployment(workspace, "cancer", "blue", document)


def test_an_alias_may_name_the_model_of_the_image(workspace: Workspace) -> None:
    create_model(workspace, "cancer", description="", tags={})
    for _ in range(2):
        create_version(workspace, "cancer", source="s3://bucket/model")
    document = DeploymentDocument(environment=BLUE.environment, model="cancer@champion")
    set_alias(workspace, "cancer", "champion", 1)
    put_deployment(workspace, "cancer", "blue", document)
    set_alias(workspace, "cancer", "champion", 2)
    with pytest.raises(InvalidInput, match="holds cancer:1, not cancer:2"):
        put_deployment(workspace, "cancer", "blue", document)


def test_the_model_of_the_image_may_be_named(workspace: Workspace) -> None:
    document = DeploymentDocument(environment=BLUE.environment, model="azureml:cancer:1", endpoint_name="cancer")
    put_deployment(workspace, "cancer", "blue", document)


def test_unknown_things_are_not_found_by_name(workspace: Workspace) -> None:
    missing = DeploymentDocument(environment=EnvironmentDocument(image="nothing:1"))
    with pytest.raises(NotFound, match="no image 'nothing:1'"):
        put_deployment(workspace, "cancer", "blue", missing)
    with pytest.raises(NotFound, match="no endpoint 'other'"):
        put_deployment(workspace, "other", "blue", BLUE)
    put_deployment(workspace, "cancer", "blue", BLUE)
    with pytest.raises(NotFound, match="no revision 7"):
        report(workspace, 7, RevisionState.LIVE)


def test_names_of_deployments_differ_by_more_than_case(workspace: Workspace) -> None:
    put_deployment(workspace, "cancer", "blue", BLUE)
    with pytest.raises(Conflict, match="exists as 'blue'"):
        put_deployment(workspace, "cancer", "Blue", BLUE)


def test_a_follower_gets_the_next_version_as_soon_as_there_is_one(workspace: Workspace) -> None:
    before = get_desired_state(workspace)

    async def follow() -> DesiredState:
        follower = asyncio.create_task(follow_desired_state(workspace, before.version, wait_s=60))
        await asyncio.to_thread(put_deployment, workspace, "cancer", "blue", BLUE)
        return await follower

    assert asyncio.run(follow()).version == before.version + 1


def test_a_follower_who_is_behind_is_answered_at_once_and_one_who_is_not_when_the_time_is_over(
    workspace: Workspace,
) -> None:
    now = get_desired_state(workspace)
    assert asyncio.run(follow_desired_state(workspace, now.version - 1, wait_s=60)) == now
    assert asyncio.run(follow_desired_state(workspace, now.version, wait_s=0)) == now
