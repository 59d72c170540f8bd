from contextvars import copy_context

import pytest
import sqlalchemy as sa

from registry.core.activities import ActivityState
from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.deploying.endpoints import RevisionState
from registry.core.deploying.history import EndpointChange
from registry.core.deploying.traffic_keys import TrafficKey
from registry.core.deploying.undo import UndoAnswer, UndoOrder, UndoStep
from registry.core.errors import Conflict, NotFound
from registry.core.imaging.images import Image
from registry.core.security.access import Caller
from registry.operations.activities import get_activity
from registry.operations.deploying.deployments import (
    delete_deployment,
    get_deployment,
    put_deployment,
    set_revision_state,
)
from registry.operations.deploying.desired import get_desired_state
from registry.operations.deploying.endpoints import (
    delete_endpoint,
    get_endpoint,
    put_endpoint,
    set_traffic,
)
from registry.operations.deploying.history import get_history
from registry.operations.deploying.keys import regenerate_key
from registry.operations.deploying.undo import preview_undo, undo_endpoint
from registry.operations.imaging.catalog import record_image
from registry.operations.security.caller import set_caller
from registry.operations.workspace import Workspace
from registry.store.schema import images

BACK = UndoOrder()
LIVE, WARM, STARTING, RETIRED = (RevisionState(one) for one in ("live", "warm", "starting", "retired"))


def document(number: int, keep_warm_s: int = 600, image: str = "cancer-onnx:1") -> DeploymentDocument:
    environment = EnvironmentDocument(image=image)
    return DeploymentDocument(
        environment=environment, environment_variables={"NUMBER": number}, keep_warm_s=keep_warm_s
    )


def report(workspace: Workspace, name: str, number: int, state: RevisionState = LIVE, message: str = "") -> None:
    set_revision_state(workspace, "cancer", name, number, state=state, message=message)


def go_live(workspace: Workspace, name: str, number: int, keep_warm_s: int = 600, image: str = "cancer-onnx:1") -> None:
    put_deployment(workspace, "cancer", name, document(number, keep_warm_s, image))
    report(workspace, name, number)


@pytest.fixture
def cancer(workspace: Workspace, image: Image) -> None:
    """Release 3: blue revision 1 with all traffic. Release 4: revision 2 in its place."""
    put_endpoint(workspace, "cancer", EndpointDocument())
    go_live(workspace, "blue", 1)
    set_traffic(workspace, "cancer", {"blue": 100})
    go_live(workspace, "blue", 2)


def states(workspace: Workspace, name: str = "blue") -> list[RevisionState]:
    return [revision.state for revision in get_deployment(workspace, "cancer", name).revisions]


def last(workspace: Workspace) -> EndpointChange:
    return get_history(workspace, "cancer", None, 1)[0]


def state_of(workspace: Workspace, answer: UndoAnswer) -> ActivityState:
    return get_activity(workspace, answer.activity.id).state


@pytest.mark.usefixtures("cancer")
def test_a_replaced_revision_stays_wanted_until_it_is_no_longer_warm(workspace: Workspace) -> None:
    first, second = get_deployment(workspace, "cancer", "blue").revisions
    assert (first.state, second.state) == (WARM, LIVE)
    assert first.warm_until_ms == pytest.approx(600_000, abs=10_000)  # the clock began at 1 s
    [deployment] = get_desired_state(workspace).endpoints[0].deployments
    assert [(one.number, one.state) for one in deployment.revisions] == [(1, WARM), (2, LIVE)]
    go_live(workspace, "blue", 3)
    assert states(workspace) == [RETIRED, WARM, LIVE]


@pytest.mark.usefixtures("cancer")
def test_nothing_stays_warm_where_the_deployment_says_so(workspace: Workspace) -> None:
    go_live(workspace, "blue", 3, keep_warm_s=0)
    assert states(workspace) == [RETIRED, RETIRED, LIVE]


@pytest.mark.usefixtures("cancer")
def test_an_undo_says_what_it_will_do_and_answers_when_the_old_revision_is_ready(workspace: Workspace) -> None:
    plan = preview_undo(workspace, "cancer", BACK)
    now, then = (f"revision {number}, cancer-onnx@aaaaaaaaaaaa" for number in (2, 1))
    assert (plan.current, plan.to, plan.cold) == (4, 3, [])
    assert plan.steps == [UndoStep(what="deployment blue", before=now, after=then, note="warm")]
    assert states(workspace) == [WARM, LIVE]
    answer = undo_endpoint(workspace, "cancer", BACK)
    assert (answer.plan, answer.activity.state) == (plan, ActivityState.RUNNING)
    assert states(workspace) == [STARTING, LIVE]
    report(workspace, "blue", 1)
    assert states(workspace) == [LIVE, WARM]
    assert state_of(workspace, answer) is ActivityState.SUCCEEDED
    assert (last(workspace).release, last(workspace).message) == (5, "went back to release 3")


def test_models_settings_and_split_of_all_deployments_go_back_together(workspace: Workspace, image: Image) -> None:
    record_image(
        workspace, name="cancer-gbm", digest=f"sha256:{'b' * 64}", config=image.config, layers=[], size_bytes=7
    )
    put_endpoint(workspace, "cancer", EndpointDocument(traffic_key=TrafficKey(header="x-old")))
    go_live(workspace, "blue", 1)
    go_live(workspace, "green", 1)
    set_traffic(workspace, "cancer", {"blue": 90, "green": 10})
    before = last(workspace)
    go_live(workspace, "blue", 2, image="cancer-gbm:1")
    go_live(workspace, "green", 2)
    put_endpoint(workspace, "cancer", EndpointDocument(description="kept", traffic={"green": 100}))
    regenerate_key(workspace, "cancer", "primary")
    keys = get_endpoint(workspace, "cancer").keys
    answer = undo_endpoint(workspace, "cancer", UndoOrder(to=before.release))
    assert [step.what for step in answer.plan.steps] == [
        "traffic",
        "traffic_key",
        "deployment blue",
        "deployment green",
    ]
    report(workspace, "green", 1)
    assert (states(workspace, "blue"), get_endpoint(workspace, "cancer").traffic) == ([STARTING, LIVE], {"green": 100})
    report(workspace, "blue", 1)
    endpoint = get_endpoint(workspace, "cancer")
    assert (endpoint.traffic, endpoint.traffic_key) == ({"blue": 90, "green": 10}, TrafficKey(header="x-old"))
    assert (endpoint.description, endpoint.keys) == ("kept", keys)
    assert (states(workspace, "blue"), states(workspace, "green")) == ([LIVE, WARM], [LIVE, WARM])
    assert last(workspace).live == before.live


def test_where_only_the_split_changed_an_undo_is_done_at_once(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    go_live(workspace, "blue", 1)
    go_live(workspace, "green", 1)
    set_traffic(workspace, "cancer", {"blue": 100})
    set_traffic(workspace, "cancer", {"green": 100})
    answer = undo_endpoint(workspace, "cancer", BACK)
    assert answer.activity.state is ActivityState.SUCCEEDED
    assert get_endpoint(workspace, "cancer").traffic == {"blue": 100}
    assert (states(workspace, "blue"), states(workspace, "green")) == ([LIVE], [LIVE])


@pytest.mark.usefixtures("cancer")
def test_a_second_undo_goes_back_by_one_more_and_what_was_undone_is_had_by_its_number(workspace: Workspace) -> None:
    go_live(workspace, "blue", 3)
    for number in (2, 1):
        undo_endpoint(workspace, "cancer", BACK)
        report(workspace, "blue", number)
    assert [one.state for one in get_deployment(workspace, "cancer", "blue").revisions] == [LIVE, WARM, RETIRED]
    with pytest.raises(Conflict, match=r"nothing to undo .* no deployment had traffic.*--to 2"):
        undo_endpoint(workspace, "cancer", BACK)
    undo_endpoint(workspace, "cancer", UndoOrder(to=5))
    report(workspace, "blue", 3)
    assert (states(workspace)[2], last(workspace).before) == (LIVE, 4)


@pytest.mark.usefixtures("cancer")
def test_what_is_no_longer_warm_starts_again_and_keeps_what_answers_until_then(workspace: Workspace) -> None:
    go_live(workspace, "blue", 3, keep_warm_s=0)
    answer = undo_endpoint(workspace, "cancer", BACK)
    assert answer.plan.cold == ["blue:2"]
    assert answer.plan.steps[0].note == "has to start first"
    assert states(workspace) == [RETIRED, STARTING, LIVE]
    report(workspace, "blue", 2, RevisionState.FAILED, "no memory")
    assert states(workspace) == [RETIRED, RevisionState.FAILED, LIVE]
    ended = get_activity(workspace, answer.activity.id)
    assert (ended.state, ended.message) == (
        ActivityState.FAILED,
        "blue revision 2 did not start again: no memory",
    )
    undo_endpoint(workspace, "cancer", BACK)  # it can be tried again
    report(workspace, "blue", 2)
    assert states(workspace) == [RETIRED, LIVE, RETIRED]


@pytest.mark.usefixtures("cancer")
def test_one_that_does_not_start_leaves_the_others_as_they_were(workspace: Workspace) -> None:
    go_live(workspace, "green", 1)
    set_traffic(workspace, "cancer", {"blue": 50, "green": 50})
    before = last(workspace).release
    go_live(workspace, "blue", 3)
    go_live(workspace, "green", 2)
    undo_endpoint(workspace, "cancer", UndoOrder(to=before))
    report(workspace, "green", 1)
    report(workspace, "blue", 2, RevisionState.FAILED, "no memory")
    assert states(workspace, "green") == [WARM, LIVE]
    assert get_deployment(workspace, "cancer", "green").revisions[0].warm_until_ms is not None
    assert last(workspace).release == before + 2


@pytest.mark.usefixtures("cancer")
@pytest.mark.parametrize("change", ["deploy", "traffic", "delete"])
def test_who_changes_who_answers_meanwhile_gives_an_undo_up(workspace: Workspace, change: str) -> None:
    go_live(workspace, "green", 1)
    answer = undo_endpoint(workspace, "cancer", UndoOrder(to=3))
    match change:
        case "deploy":
            put_deployment(workspace, "cancer", "blue", document(3))
        case "traffic":
            set_traffic(workspace, "cancer", {"blue": 50, "green": 50})
        case _:
            delete_deployment(workspace, "cancer", "green")
    assert state_of(workspace, answer) is ActivityState.SUPERSEDED
    assert states(workspace)[:2] == [WARM, LIVE]
    with pytest.raises(Conflict, match="revision 1 of cancer/blue is warm"):
        report(workspace, "blue", 1)


@pytest.mark.usefixtures("cancer")
def test_an_undo_gives_up_what_is_starting_and_only_one_is_under_way(workspace: Workspace) -> None:
    put_deployment(workspace, "cancer", "blue", document(3))
    undo_endpoint(workspace, "cancer", BACK)
    assert states(workspace) == [STARTING, LIVE, RevisionState.FAILED]
    with pytest.raises(Conflict, match="an undo of 'cancer' to release 3 is under way"):
        undo_endpoint(workspace, "cancer", BACK)


@pytest.mark.usefixtures("cancer")
def test_an_endpoint_is_deleted_while_an_undo_is_under_way(workspace: Workspace) -> None:
    answer = undo_endpoint(workspace, "cancer", BACK)
    delete_endpoint(workspace, "cancer", live_too=True)
    assert state_of(workspace, answer) is ActivityState.SUPERSEDED
    put_endpoint(workspace, "cancer", EndpointDocument())
    with pytest.raises(NotFound, match="no release 4"):  # that of another endpoint, which had its name
        undo_endpoint(workspace, "cancer", UndoOrder(to=4))


@pytest.mark.usefixtures("cancer")
def test_an_undo_is_refused_with_a_reason(workspace: Workspace, image: Image) -> None:
    with pytest.raises(Conflict, match="release 4 of 'cancer' is what answers now"):
        undo_endpoint(workspace, "cancer", UndoOrder(to=4))
    with pytest.raises(Conflict, match="release 4 answers, not 3"):
        undo_endpoint(workspace, "cancer", UndoOrder(seen=3))
    with pytest.raises(NotFound, match="no release 9"):
        undo_endpoint(workspace, "cancer", UndoOrder(to=9))
    with pytest.raises(NotFound, match="no endpoint 'tumour'"):
        undo_endpoint(workspace, "tumour", BACK)
    go_live(workspace, "blue", 3, keep_warm_s=0)
    with workspace.metadata.write() as tx:
        tx.execute(sa.delete(images).where(images.c.digest == image.digest))
    with pytest.raises(
        Conflict, match=r"the image of blue revision 2 is gone, cancer-onnx@sha256:aaaa.*build it again"
    ):
        undo_endpoint(workspace, "cancer", BACK)
    set_traffic(workspace, "cancer", {})
    delete_deployment(workspace, "cancer", "blue")
    with pytest.raises(Conflict, match="revision 2 of deployment 'blue', which answered for it, was deleted"):
        undo_endpoint(workspace, "cancer", UndoOrder(to=4))
    assert get_desired_state(workspace).endpoints[0].deployments == []


@pytest.mark.usefixtures("cancer")
def test_the_history_says_who_undid_it(workspace: Workspace) -> None:
    def undo_it() -> None:
        set_caller(Caller(name="ada"))
        undo_endpoint(workspace, "cancer", BACK)

    copy_context().run(undo_it)
    report(workspace, "blue", 1)
    assert last(workspace).who == "ada"
