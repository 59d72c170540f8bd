import hashlib
from contextlib import nullcontext

import pytest

from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.deploying.endpoints import RevisionState
from registry.core.deploying.traffic_keys import MAX_TRAFFIC_SOURCES, TrafficKey
from registry.core.errors import Conflict, InvalidInput, NotFound, WrongState
from registry.core.imaging.images import Image
from registry.operations.deploying.deployments import delete_deployment, put_deployment, set_revision_state
from registry.operations.deploying.desired import get_desired_state
from registry.operations.deploying.endpoints import (
    delete_endpoint,
    get_endpoint,
    list_endpoints,
    put_endpoint,
    set_mirror_traffic,
    set_traffic,
)
from registry.operations.deploying.keys import regenerate_key
from registry.operations.workspace import Workspace

DEPLOYMENT = DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))


def put_blue(workspace: Workspace) -> None:
    """Make a deployment with a live revision."""
    put_deployment(workspace, "cancer", "blue", DEPLOYMENT)
    set_revision_state(workspace, "cancer", "blue", 1, state=RevisionState.LIVE, message="")


def test_a_new_endpoint_shows_its_keys_once_and_keeps_their_hashes(workspace: Workspace) -> None:
    made = put_endpoint(workspace, "cancer", EndpointDocument())
    assert made.keys is not None
    hashes = {key.name: key.sha256 for key in get_endpoint(workspace, "cancer").keys}
    assert hashes["primary"] == hashlib.sha256(made.keys["primary"].encode()).hexdigest()
    assert hashes["secondary"] == hashlib.sha256(made.keys["secondary"].encode()).hexdigest()
    assert put_endpoint(workspace, "cancer", EndpointDocument()).keys is None


def test_a_changed_endpoint_keeps_keys_birth_and_the_split_it_does_not_mention(
    workspace: Workspace, image: Image
) -> None:
    before = put_endpoint(workspace, "cancer", EndpointDocument()).endpoint
    put_blue(workspace)
    set_traffic(workspace, "cancer", {"blue": 100})
    document = EndpointDocument(description="new", tags={"size": 4}, traffic_key=TrafficKey(header="x-user-id"))
    after = put_endpoint(workspace, "cancer", document).endpoint
    assert (after.keys, after.created_ms, after.traffic) == (before.keys, before.created_ms, {"blue": 100})
    assert (after.description, after.tags, after.traffic_key) == ("new", {"size": "4"}, TrafficKey(header="x-user-id"))
    assert get_endpoint(workspace, "cancer") == after
    assert put_endpoint(workspace, "cancer", EndpointDocument(traffic={})).endpoint.traffic == {}


def test_names_differ_by_more_than_case(workspace: Workspace) -> None:
    put_endpoint(workspace, "Cancer", EndpointDocument())
    with pytest.raises(Conflict, match="exists as 'Cancer'"):
        put_endpoint(workspace, "cancer", EndpointDocument())
    assert get_endpoint(workspace, "CANCER").name == "Cancer"


def test_the_document_and_the_address_agree(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match="the document says 'other'"):
        put_endpoint(workspace, "cancer", EndpointDocument(name="other"))


def test_traffic_goes_to_deployments_that_exist(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    with pytest.raises(InvalidInput, match="'blue', which does not exist"):
        set_traffic(workspace, "cancer", {"blue": 100})
    with pytest.raises(InvalidInput, match="'blue', which does not exist"):
        put_endpoint(workspace, "cancer", EndpointDocument(traffic={"blue": 100}))
    put_blue(workspace)
    assert set_traffic(workspace, "cancer", {"blue": 100}).traffic == {"blue": 100}


def test_traffic_goes_to_deployments_that_are_live(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    put_deployment(workspace, "cancer", "blue", DEPLOYMENT)
    with pytest.raises(Conflict, match="revision 1 is starting: wait"):
        set_traffic(workspace, "cancer", {"blue": 100})
    set_revision_state(workspace, "cancer", "blue", 1, state=RevisionState.FAILED, message="no column age")
    with pytest.raises(Conflict, match="revision 1 failed: no column age"):
        put_endpoint(workspace, "cancer", EndpointDocument(traffic={"blue": 100}))
    assert set_traffic(workspace, "cancer", {"blue": 0}).traffic == {}
    put_deployment(workspace, "cancer", "blue", DEPLOYMENT)
    set_revision_state(workspace, "cancer", "blue", 2, state=RevisionState.LIVE, message="")
    put_deployment(workspace, "cancer", "blue", DEPLOYMENT)
    assert set_traffic(workspace, "cancer", {"blue": 100}).traffic == {"blue": 100}  # revision 2 is still live


@pytest.mark.parametrize(("exists", "error"), [(False, Conflict), (True, None), (None, None)])
def test_an_endpoint_that_is_there_is_changed_only_by_who_knows_it(
    workspace: Workspace, exists: bool | None, error: type[Exception] | None
) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument(description="old"))
    with pytest.raises(error) if error else nullcontext():
        put_endpoint(workspace, "cancer", EndpointDocument(description="new"), exists)
    assert get_endpoint(workspace, "cancer").description == ("old" if error else "new")
    with pytest.raises(NotFound):
        put_endpoint(workspace, "tumour", EndpointDocument(), exists=True)


def test_a_deleted_endpoint_is_gone_with_its_deployments(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    put_deployment(workspace, "cancer", "blue", DEPLOYMENT)
    delete_endpoint(workspace, "cancer", live_too=True)
    assert list_endpoints(workspace) == []
    assert get_desired_state(workspace).endpoints == []
    put_endpoint(workspace, "cancer", EndpointDocument())
    assert get_desired_state(workspace).endpoints[0].deployments == []


def test_an_endpoint_in_use_is_deleted_only_by_who_says_so(workspace: Workspace, image: Image) -> None:
    put_endpoint(workspace, "cancer", EndpointDocument())
    put_blue(workspace)
    set_traffic(workspace, "cancer", {"blue": 100})
    put_deployment(workspace, "cancer", "green", DEPLOYMENT)
    used = "blue revision 1 is live with 100 % of the traffic, green revision 1 is starting with 0 %"
    with pytest.raises(WrongState, match=used):
        delete_endpoint(workspace, "cancer")
    assert get_endpoint(workspace, "cancer").traffic == {"blue": 100}
    assert len(get_desired_state(workspace).endpoints[0].deployments) == 2
    set_traffic(workspace, "cancer", {})
    with pytest.raises(WrongState, match="blue revision 1 is live with 0 %"):
        delete_endpoint(workspace, "cancer")
    set_revision_state(workspace, "cancer", "green", 1, state=RevisionState.FAILED, message="no")
    delete_deployment(workspace, "cancer", "blue")
    delete_endpoint(workspace, "cancer")  # what failed serves nobody
    assert list_endpoints(workspace) == []


def put_green(workspace: Workspace) -> None:
    """Make blue and green, both live, with all traffic at blue."""
    put_endpoint(workspace, "cancer", EndpointDocument())
    for name in ("blue", "green"):
        put_deployment(workspace, "cancer", name, DEPLOYMENT)
        set_revision_state(workspace, "cancer", name, 1, state=RevisionState.LIVE, message="")
    set_traffic(workspace, "cancer", {"blue": 100})


def test_a_live_deployment_without_traffic_can_be_mirrored_to(workspace: Workspace, image: Image) -> None:
    put_green(workspace)
    mirrored = set_mirror_traffic(workspace, "cancer", {"green": 12.34, "blue": 0})
    assert mirrored.mirror_traffic == {"green": 12.34}
    assert get_desired_state(workspace).endpoints[0].mirror_traffic == {"green": 12.34}
    assert set_traffic(workspace, "cancer", {"blue": 50, "green": 50}).mirror_traffic == {"green": 12.34}
    assert set_mirror_traffic(workspace, "cancer", {}).mirror_traffic == {}


def test_a_document_that_does_not_say_what_is_mirrored_leaves_it(workspace: Workspace, image: Image) -> None:
    put_green(workspace)
    said = put_endpoint(workspace, "cancer", EndpointDocument(mirror_traffic={"green": 10}))
    assert said.endpoint.mirror_traffic == {"green": 10}
    assert put_endpoint(workspace, "cancer", EndpointDocument()).endpoint.mirror_traffic == {"green": 10}
    assert put_endpoint(workspace, "cancer", EndpointDocument(mirror_traffic={})).endpoint.mirror_traffic == {}


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ({"red": 10}, "'red', which does not exist \\(there is: blue, green\\)"),
        ({"green": 101}, "lies between 0 and 100"),
        ({"green": 0.001}, "finest step is 0.01"),
        ({"blue": 10}, "answers every request itself"),
    ],
)
def test_what_cannot_be_mirrored_is_refused(
    workspace: Workspace, image: Image, shares: dict[str, float], says: str
) -> None:
    put_green(workspace)
    with pytest.raises(InvalidInput, match=says):
        set_mirror_traffic(workspace, "cancer", shares)
    with pytest.raises(InvalidInput, match=says):
        put_endpoint(workspace, "cancer", EndpointDocument(mirror_traffic=shares))
    assert get_endpoint(workspace, "cancer").mirror_traffic == {}


def test_copies_go_to_deployments_that_are_live_and_stay(workspace: Workspace, image: Image) -> None:
    put_green(workspace)
    put_deployment(workspace, "cancer", "red", DEPLOYMENT)
    with pytest.raises(Conflict, match="revision 1 is starting"):
        set_mirror_traffic(workspace, "cancer", {"red": 1})
    set_mirror_traffic(workspace, "cancer", {"green": 100})
    with pytest.raises(Conflict, match=r"gets copies of 100 %.*--mirror-traffic green=0"):
        delete_deployment(workspace, "cancer", "green")
    set_mirror_traffic(workspace, "cancer", {"green": 0})
    delete_deployment(workspace, "cancer", "green")


def test_an_unknown_endpoint_is_not_found(workspace: Workspace) -> None:
    for call in (get_endpoint, delete_endpoint):
        with pytest.raises(NotFound, match="no endpoint 'nothing'"):
            call(workspace, "nothing")


def test_every_change_makes_a_new_version_of_the_desired_state(workspace: Workspace, image: Image) -> None:
    versions = [get_desired_state(workspace).version]

    def changed() -> bool:
        versions.append(get_desired_state(workspace).version)
        return versions[-1] > versions[-2]

    put_endpoint(workspace, "cancer", EndpointDocument())
    assert changed()
    put_blue(workspace)
    assert changed()
    set_traffic(workspace, "cancer", {"blue": 100})
    assert changed()
    regenerate_key(workspace, "cancer", "primary")
    assert changed()
    delete_endpoint(workspace, "cancer", live_too=True)
    assert changed()
    assert not changed()


def test_there_are_only_so_many_sources_of_traffic_keys(workspace: Workspace) -> None:
    for number in range(MAX_TRAFFIC_SOURCES):
        document = EndpointDocument(traffic_key=TrafficKey(header=f"x-user-{number}"))
        put_endpoint(workspace, f"endpoint-{number}", document)
    put_endpoint(workspace, "again", EndpointDocument(traffic_key=TrafficKey(header="x-user-0")))
    put_endpoint(workspace, "endpoint-1", EndpointDocument(traffic_key=TrafficKey(cookie="x-user-1")))
    with pytest.raises(Conflict, match="x-user-0"):
        put_endpoint(workspace, "one-more", EndpointDocument(traffic_key=TrafficKey(header="x-another")))
