from dataclasses import replace

import pytest

from registry.core.activities import ActivityState
from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.deploying.endpoints import RevisionState
from registry.core.deploying.undo import UndoOrder
from registry.core.errors import NotFound
from registry.core.imaging.images import Image
from registry.operations.activities import get_activity
from registry.operations.deploying import deployments, endpoints
from registry.operations.deploying.deployments import get_deployment, put_deployment, set_revision_state
from registry.operations.deploying.desired import get_desired_state
from registry.operations.deploying.endpoints import get_endpoint, put_endpoint, set_traffic
from registry.operations.deploying.expiry import expire_due
from registry.operations.deploying.history import get_history
from registry.operations.deploying.undo import undo_endpoint
from registry.operations.workspace import Workspace

HOUR_S = 3_600


def document(ttl_s: int | None = None, number: int = 1) -> DeploymentDocument:
    environment = EnvironmentDocument(image="cancer-onnx:1")
    return DeploymentDocument(environment=environment, environment_variables={"NUMBER": number}, ttl_s=ttl_s)


def go_live(workspace: Workspace, name: str, ttl_s: int | None = None, number: int = 1) -> None:
    put_deployment(workspace, "cancer", name, document(ttl_s, number=number))
    set_revision_state(workspace, "cancer", name, number, state=RevisionState.LIVE, message="")


def after(workspace: Workspace, seconds: float) -> Workspace:
    """The workspace as a registry sees it so much later; the clock of the fixture began at 1 s."""
    return replace(workspace, now_ms=lambda: round(1_500 + seconds * 1000))


def message(workspace: Workspace) -> str:
    return get_history(workspace, "cancer", None, 1)[0].message


def test_an_endpoint_is_deleted_with_all_it_has_when_its_time_is_over(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument(ttl_s=2 * HOUR_S))
    go_live(workspace, "blue")
    set_traffic(workspace, "cancer", {"blue": 100})
    starting = put_deployment(workspace, "cancer", "green", document()).activity
    before = get_desired_state(workspace).version
    expire_due(after(workspace, 2 * HOUR_S - 10))
    assert get_desired_state(workspace).version == before
    expire_due(after(workspace, 2 * HOUR_S))
    desired = get_desired_state(workspace)
    assert (desired.endpoints, desired.version > before) == ([], True)
    assert get_activity(workspace, starting.id).state is ActivityState.SUPERSEDED
    assert message(workspace) == "the endpoint expired after 2h"
    expire_due(after(workspace, 2 * HOUR_S))
    assert get_desired_state(workspace).version == desired.version


def test_an_update_extends_it_and_a_document_that_says_nothing_leaves_it(workspace: Workspace) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument(ttl_s=HOUR_S))
    first = get_endpoint(workspace, "cancer").expires_ms
    assert put_endpoint(workspace, "cancer", EndpointDocument(description="new")).endpoint.expires_ms == first
    later = after(workspace, HOUR_S / 2)
    extended = put_endpoint(later, "cancer", EndpointDocument(ttl_s=HOUR_S)).endpoint
    assert extended.expires_ms == later.now_ms() + HOUR_S * 1000
    assert endpoints.set_ttl(later, "cancer", 2 * HOUR_S).ttl_s == 2 * HOUR_S
    assert message(workspace) == "changed: ttl_s, expires_ms"
    expire_due(after(workspace, 2 * HOUR_S))
    assert endpoints.set_ttl(later, "cancer", None).expires_ms is None
    expire_due(after(workspace, 1_000 * HOUR_S))
    assert get_endpoint(workspace, "cancer").name == "cancer"


def test_a_deployment_that_expires_leaves_its_traffic_to_the_others(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    for name, ttl_s in (("blue", None), ("green", HOUR_S), ("red", None)):
        go_live(workspace, name, ttl_s)
    set_traffic(workspace, "cancer", {"blue": 50, "green": 25, "red": 25})
    expire_due(after(workspace, HOUR_S))
    endpoint = get_endpoint(workspace, "cancer")
    assert endpoint.traffic == {"blue": 66.67, "red": 33.33}
    assert endpoint.intervals[-1][0] == 10_000
    assert {name for _, name in endpoint.intervals} == {"blue", "red"}
    assert message(workspace) == "deployment green expired after 1h; its 25 % went to the others"
    with pytest.raises(NotFound):
        get_deployment(workspace, "cancer", "green")


def test_the_only_deployment_takes_its_traffic_along(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    go_live(workspace, "blue")
    set_traffic(workspace, "cancer", {"blue": 100})
    assert deployments.set_ttl(workspace, "cancer", "blue", HOUR_S).ttl_s == HOUR_S
    expire_due(after(workspace, HOUR_S))
    assert (get_endpoint(workspace, "cancer").traffic, get_endpoint(workspace, "cancer").intervals) == ({}, [])
    assert message(workspace) == "deployment blue expired after 1h; it had all the traffic"


def test_a_new_revision_extends_a_deployment_only_where_it_says_so(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    go_live(workspace, "blue", HOUR_S)
    first = get_deployment(workspace, "cancer", "blue").expires_ms
    put_deployment(workspace, "cancer", "blue", document(number=2))
    assert get_deployment(workspace, "cancer", "blue").expires_ms == first
    later = after(workspace, HOUR_S / 2)
    put_deployment(later, "cancer", "blue", document(ttl_s=HOUR_S, number=2))
    assert get_deployment(workspace, "cancer", "blue").expires_ms == later.now_ms() + HOUR_S * 1000


def test_a_warm_revision_is_let_go_when_its_time_is_over(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    go_live(workspace, "blue", number=1)
    go_live(workspace, "blue", number=2)
    expire_due(after(workspace, 590))
    assert [one.state for one in get_deployment(workspace, "cancer", "blue").revisions] == ["warm", "live"]
    expire_due(after(workspace, 600))
    first, second = get_deployment(workspace, "cancer", "blue").revisions
    assert (first.state, first.message, first.warm_until_ms) == ("retired", "revision 2 took its place", None)
    assert [one.number for one in get_desired_state(workspace).endpoints[0].deployments[0].revisions] == [second.number]
    assert message(workspace) == "blue revision 2 is live in place of revision 1"


def test_what_waits_for_an_undo_is_not_let_go(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    for name in ("blue", "green"):
        go_live(workspace, name, number=1)
    set_traffic(workspace, "cancer", {"blue": 50, "green": 50})
    for name in ("blue", "green"):
        go_live(workspace, name, number=2)
    undo_endpoint(workspace, "cancer", UndoOrder(to=4))
    set_revision_state(workspace, "cancer", "blue", 1, state=RevisionState.LIVE, message="")
    expire_due(after(workspace, HOUR_S))
    assert get_deployment(workspace, "cancer", "blue").revisions[0].state is RevisionState.WARM
    set_revision_state(workspace, "cancer", "green", 1, state=RevisionState.LIVE, message="")
    assert get_deployment(workspace, "cancer", "blue").revisions[0].state is RevisionState.LIVE
