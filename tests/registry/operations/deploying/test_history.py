from contextvars import copy_context

import pytest

from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.deploying.endpoints import RevisionState
from registry.core.deploying.history import ChangeKind
from registry.core.deploying.traffic_keys import TrafficKey
from registry.core.errors import Conflict, NotFound
from registry.core.imaging.images import Image
from registry.core.security.access import Caller
from registry.operations.deploying.deployments import delete_deployment, put_deployment, set_revision_state
from registry.operations.deploying.endpoints import delete_endpoint, put_endpoint, set_traffic
from registry.operations.deploying.history import get_history
from registry.operations.deploying.keys import regenerate_key
from registry.operations.security.caller import set_caller
from registry.operations.workspace import Workspace


def deployment(number: int) -> DeploymentDocument:
    environment = EnvironmentDocument(image="cancer-onnx:1")
    return DeploymentDocument(environment=environment, environment_variables={"NUMBER": number})


def go_live(workspace: Workspace, name: str, number: int) -> None:
    put_deployment(workspace, "cancer", name, deployment(number))
    set_revision_state(workspace, "cancer", name, number, state=RevisionState.LIVE, message="")


def lines(workspace: Workspace) -> list[tuple[int, str, str]]:
    return [(one.release, one.kind, one.message) for one in get_history(workspace, "cancer", None, 100)]


def test_every_change_of_what_answers_is_written_down_with_the_release_that_it_made(
    workspace: Workspace, image: Image
) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    go_live(workspace, "blue", 1)
    set_traffic(workspace, "cancer", {"blue": 100})
    regenerate_key(workspace, "cancer", "primary")
    put_endpoint(workspace, "cancer", EndpointDocument(description="of breasts"))
    put_endpoint(workspace, "cancer", EndpointDocument(description="of breasts", traffic_key=TrafficKey(header="x-id")))
    go_live(workspace, "blue", 2)
    go_live(workspace, "green", 1)
    delete_deployment(workspace, "cancer", "green")
    delete_endpoint(workspace, "cancer", live_too=True)
    assert lines(workspace) == [
        (1, "create", "the endpoint was created"),
        (2, "live", "blue revision 1 is live"),
        (3, "traffic", "traffic blue=100, before none"),
        (3, "key", "the primary key was regenerated"),
        (3, "update", "changed: description"),
        (4, "update", "changed: traffic_key"),
        (5, "live", "blue revision 2 is live in place of revision 1"),
        (6, "live", "green revision 1 is live"),
        (7, "remove", "deployment green was deleted"),
        (7, "delete", "the endpoint was deleted"),
    ]


def test_what_changes_nothing_is_no_line(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    put_endpoint(workspace, "cancer", EndpointDocument())
    go_live(workspace, "blue", 1)
    set_traffic(workspace, "cancer", {"blue": 100})
    set_traffic(workspace, "cancer", {"blue": 100})
    put_deployment(workspace, "cancer", "blue", deployment(2))
    set_revision_state(workspace, "cancer", "blue", 2, state=RevisionState.FAILED, message="no memory")
    assert [kind for _, kind, _ in lines(workspace)] == ["create", "live", "traffic"]


def test_a_change_that_was_refused_is_no_line(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    put_deployment(workspace, "cancer", "blue", deployment(1))
    with pytest.raises(Conflict):
        set_traffic(workspace, "cancer", {"blue": 100})
    assert [kind for _, kind, _ in lines(workspace)] == ["create"]


def test_who_asked_for_a_revision_made_it_live_whoever_reported_it(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())

    def ask_for_it() -> None:
        set_caller(Caller(name="ada"))
        put_deployment(workspace, "cancer", "blue", deployment(1))

    copy_context().run(ask_for_it)
    set_revision_state(workspace, "cancer", "blue", 1, state=RevisionState.LIVE, message="")
    assert [change.who for change in get_history(workspace, "cancer", None, 100)] == ["", "ada"]


def test_what_answered_at_a_time_is_known_to_the_millisecond(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    go_live(workspace, "blue", 1)
    set_traffic(workspace, "cancer", {"blue": 100})
    live, traffic = get_history(workspace, "cancer", None, 2)
    [held] = get_history(workspace, "CANCER", live.at_ms, 100)
    assert held == live
    assert held.endpoint is not None
    assert (held.endpoint.traffic, [one.image_digest for one in held.live]) == ({}, [image.digest])
    assert get_history(workspace, "cancer", traffic.at_ms + 1_000, 100) == [traffic]
    assert get_history(workspace, "cancer", 1, 100) == []


def test_the_history_of_a_name_goes_on_when_the_endpoint_is_made_again(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    go_live(workspace, "blue", 1)
    delete_endpoint(workspace, "cancer", live_too=True)
    deleted = get_history(workspace, "cancer", None, 1)[0]
    assert get_history(workspace, "cancer", deleted.at_ms, 100) == []
    put_endpoint(workspace, "cancer", EndpointDocument())
    again = get_history(workspace, "cancer", None, 1)[0]
    assert (again.number, again.release, again.before, again.kind) == (4, 3, None, ChangeKind.CREATE)
    with pytest.raises(NotFound, match="there never was an endpoint 'tumour'"):
        get_history(workspace, "tumour", None, 100)
