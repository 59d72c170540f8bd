"""The SDK against a real registry, and against failures of every kind."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from registry.client import Client
from registry.core.deploying.documents import DeploymentDocument, EndpointDocument, EnvironmentDocument
from registry.core.deploying.endpoints import RevisionState
from registry.core.errors import (
    ERROR_OF_CODE,
    HTTP_STATUS,
    Conflict,
    InvalidInput,
    NotFound,
    SlipwayError,
    Unavailable,
)
from registry.core.imaging.images import Image
from registry.core.services import ServiceName


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield client


def answering(status: int, content: bytes) -> Client:
    return Client("http://registry", httpx.MockTransport(lambda _: httpx.Response(status, content=content)))


def test_a_life_of_a_deployment(client: Client, image: Image) -> None:
    document = EndpointDocument(description="Diagnoses", tags={"size": 4})
    assert client.endpoints.create("cancer", document).keys is not None
    with pytest.raises(Conflict, match="exists already"):
        client.endpoints.create("cancer", document)
    assert client.endpoints.update("cancer", document).endpoint.tags == {"size": "4"}
    with pytest.raises(NotFound):
        client.endpoints.update("tumour", document)
    accepted = client.deployments.create(
        "cancer", "blue", DeploymentDocument(environment=EnvironmentDocument(image="cancer-onnx:1"))
    )
    activity = client.activities.report_progress(accepted.activity.id, 0.5, "starting")
    assert client.activities.get(activity.id, after=1, wait_s=60) == activity
    live = client.deployments.report_state("cancer", "blue", 1, RevisionState.LIVE)
    assert live.live is not None
    assert client.activities.list()[0].state.ended
    assert client.endpoints.set_traffic("cancer", {"blue": 100}).traffic == {"blue": 100}
    state = client.desired_state(after=0, wait_s=60)
    assert state.endpoints[0].deployments[0].revisions[0].image_digest == image.digest
    assert len(client.endpoints.regenerate_key("cancer", "primary")) > 0
    client.endpoints.set_traffic("cancer", {})
    assert client.endpoints.set_mirror_traffic("cancer", {"blue": 5}).mirror_traffic == {"blue": 5}
    client.endpoints.set_mirror_traffic("cancer", {})
    client.deployments.delete("cancer", "blue")
    assert client.deployments.list("cancer") == []
    client.endpoints.delete("cancer")
    assert client.endpoints.list() == []


def test_blobs_travel_whole_and_in_pieces(client: Client, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    (tmp_path / "file").write_bytes(data)
    digest = client.blobs.put_file(tmp_path / "file")
    assert digest == client.blobs.put(data) == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert client.blobs.get(digest) == data
    with client.blobs.stream(digest) as chunks:
        assert b"".join(chunks) == data
    assert client.blobs.exists(digest)
    missing = f"sha256:{'0' * 64}"
    assert not client.blobs.exists(missing)
    with pytest.raises(NotFound, match=missing), client.blobs.stream(missing):
        pass


def test_services_are_announced_and_listed(client: Client) -> None:
    client.services.announce("edge", "http://127.0.0.1:8000", "127.0.0.1:8001")
    (service,) = client.services.list()
    assert (service.name, service.grpc) == (ServiceName.EDGE, "127.0.0.1:8001")


def test_the_registrys_errors_arrive_as_they_were_raised(client: Client) -> None:
    with pytest.raises(NotFound, match="no model 'cancer'") as caught:
        client.models.get("cancer")
    assert caught.value.details["model"] == "cancer"
    assert caught.value.details["request_id"]
    with pytest.raises(InvalidInput, match="3 to 32"):
        client.endpoints.create("c", EndpointDocument())
    client.endpoints.create("cancer", EndpointDocument())
    with pytest.raises(Conflict):
        client.endpoints.create("CANCER", EndpointDocument())
    with pytest.raises(InvalidInput, match=r"\$\.overlap_s"):
        client.endpoints.regenerate_key("cancer", "primary", -1)
    with pytest.raises(NotFound, match="no key 'tertiary'"):
        client.endpoints.regenerate_key("cancer", "tertiary")
    assert client.models.list() == []


def test_names_cannot_leave_their_place_in_the_path(client: Client) -> None:
    with pytest.raises(NotFound):
        client.models.get("../endpoints")


@pytest.mark.parametrize("code", ERROR_OF_CODE)
def test_every_code_has_its_class(code: str) -> None:
    body = f'{{"error": {{"code": "{code}", "message": "no", "details": {{"a": 1}}, "request_id": "r"}}}}'
    with pytest.raises(SlipwayError) as caught:
        answering(HTTP_STATUS[code], body.encode()).models.list()
    assert type(caught.value) is ERROR_OF_CODE[code]
    assert caught.value.details == {"request_id": "r", "a": 1}


def test_an_error_without_our_body_is_known_by_its_status() -> None:
    with pytest.raises(NotFound, match="404 Not Found"):
        answering(404, b"<html>").models.list()
    with pytest.raises(SlipwayError, match="502"):
        answering(502, b"").models.list()


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.UnsupportedProtocol]
)
def test_a_registry_that_does_not_answer_is_unavailable(failure: type[httpx.TransportError]) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise failure("why")

    client = Client("http://registry", httpx.MockTransport(fail))
    with pytest.raises(Unavailable, match="http://registry does not answer"):
        client.models.list()
    with pytest.raises(Unavailable), client.blobs.stream(f"sha256:{'0' * 64}"):
        pass


def test_something_else_at_the_address_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="not a Slipway registry"):
        answering(200, b"<html>hello</html>").models.list()
