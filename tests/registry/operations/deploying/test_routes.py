"""Where traffic keys lead, computed: the same as each edge does, now or under a split that is only tried."""

import pytest

from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.deploying.endpoints import RevisionState
from registry.core.deploying.routes import MAX_KEYS, KeysToRoute, RoutedKeys
from registry.core.deploying.split import bucket_of
from registry.core.deploying.traffic_keys import TrafficKey
from registry.core.errors import Conflict, InvalidInput, NotFound, WrongState
from registry.core.imaging.images import Image
from registry.operations.deploying.deployments import put_deployment, set_revision_state
from registry.operations.deploying.endpoints import get_endpoint, put_endpoint, set_traffic
from registry.operations.deploying.routes import route
from registry.operations.workspace import Workspace

USERS = [f"user-{number}" for number in range(2000)]


@pytest.fixture(autouse=True)
def cancer(workspace: Workspace, image: Image) -> None:
    """Blue and green, live, sticky by a cookie; red is not live yet."""
    put_endpoint(workspace, "cancer", EndpointDocument(traffic_key=TrafficKey(cookie="uid")))
    for name in ("blue", "green", "red"):
        document = DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
        put_deployment(workspace, "cancer", name, document)
        if name != "red":
            set_revision_state(workspace, "cancer", name, 1, state=RevisionState.LIVE, message="")


def ask(workspace: Workspace, keys: list[str], traffic: dict[str, float] | None = None) -> RoutedKeys:
    return route(workspace, "cancer", KeysToRoute(keys=keys, traffic=traffic))


def test_a_key_leads_to_the_deployment_of_its_bucket(workspace: Workspace) -> None:
    set_traffic(workspace, "cancer", {"blue": 70, "green": 30})
    salt = get_endpoint(workspace, "cancer").salt
    answer = ask(workspace, USERS)
    assert answer.source == "cookie:uid"
    for user, way in zip(USERS, answer.routes, strict=True):
        green = bucket_of(salt, user) < 3000
        expected = (0, 3000, "green") if green else (3000, 10_000, "blue")
        assert (way.key, way.bucket, way.revision) == (user, bucket_of(salt, user), 1)
        assert (way.low, way.bound, way.deployment) == expected


def test_a_split_can_be_tried_and_changes_nothing(workspace: Workspace) -> None:
    set_traffic(workspace, "cancer", {"blue": 90, "green": 10})
    before = get_endpoint(workspace, "cancer")
    tried = ask(workspace, USERS, {"blue": 50, "green": 50})
    assert tried.moved_percent == 40
    assert get_endpoint(workspace, "cancer") == before
    now = ask(workspace, USERS)
    assert now.moved_percent == 0
    set_traffic(workspace, "cancer", {"blue": 50, "green": 50})
    assert ask(workspace, USERS).routes == tried.routes
    canaries = {way.key for way in now.routes if way.deployment == "green"}
    assert canaries < {way.key for way in tried.routes if way.deployment == "green"}


def test_without_traffic_a_key_leads_nowhere(workspace: Workspace) -> None:
    (way,) = ask(workspace, ["alice"]).routes
    assert (way.deployment, way.bound, way.revision) == (None, None, None)


def test_what_cannot_be_routed_is_refused_with_its_reason(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match=f"at most {MAX_KEYS} at once"):
        ask(workspace, ["x"] * (MAX_KEYS + 1))
    with pytest.raises(InvalidInput, match=r"sums to 90"):
        ask(workspace, ["x"], {"blue": 90})
    with pytest.raises(Conflict, match="red cannot be given traffic"):
        ask(workspace, ["x"], {"red": 100})
    with pytest.raises(NotFound):
        route(workspace, "other", KeysToRoute(keys=["x"]))
    put_endpoint(workspace, "cancer", EndpointDocument())
    with pytest.raises(WrongState, match="no traffic key"):
        ask(workspace, ["x"])
