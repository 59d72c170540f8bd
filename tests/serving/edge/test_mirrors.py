"""Which requests the edge has copied, and how copies come back through it."""

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import grpc
import pytest
from msgspec.structs import replace

from tests.serving.edge.edge import Edge
from tests.serving.edge.neighbours import Controller, Telemetry
from tests.serving.edge.replica import Replica
from tests.serving.edge.tables import KEY, Tables

BLUE, GREEN = "cancer.blue.1", "cancer.green.1"
MIRROR = "x-slipway-mirror"


class CopiesConnection(HTTPConnection):
    """To the socket at which the edge takes copies in."""

    def __init__(self, path: Path) -> None:
        super().__init__("copies")
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self._path)


@pytest.fixture
def mirrored(edge: Edge, controller: Controller, replica: Callable[..., Replica], make: Tables) -> Iterator[Any]:
    """Publish the endpoint Cancer, all of whose traffic is blue's, with what is mirrored; return the two replicas."""
    blue, green = replica("b0", BLUE), replica("g0", GREEN)
    backends = [make.backend(BLUE, blue.server), make.backend(GREEN, green.server)]
    generation = 0

    def publish(*mirrors: tuple[int, str]) -> tuple[Replica, Replica]:
        nonlocal generation
        generation += 1
        route = replace(make.endpoint("Cancer", blue=10000, green=0), mirrors=list(mirrors))
        controller.publish(make.table(generation, [route, make.endpoint("other", blue=10000)], backends))
        return blue, green

    yield publish


def marks(replica: Replica) -> list[str]:
    return [seen["headers"].get(MIRROR, "") for seen in replica.requests]


def copy(edge: Edge, path: str, **headers: str) -> HTTPResponse:
    connection = CopiesConnection(edge.folder / "r" / "copies.sock")
    connection.request("POST", path, b"{}", {"azureml-model-deployment": "green", **headers})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_who_answers_is_told_where_copies_go(edge: Edge, mirrored: Any) -> None:
    blue, _ = mirrored((10000, "green"))
    assert edge.score().status_code == 200
    address, drawn = marks(blue)[0].split(" ")
    assert address == str(edge.folder / "r" / "mirror.sock")
    chance, bound, target = drawn.split(",")
    assert 0 <= int(chance) < 10000
    assert (bound, target) == ("10000", "green")


def test_a_share_of_requests_is_copied_by_chance(edge: Edge, mirrored: Any) -> None:
    blue, _ = mirrored((3000, "green"), (1000, "blue"))
    for _ in range(400):
        edge.score()
    told = [mark for mark in marks(blue) if mark]
    assert 60 < len(told) < 180  # 120 with a deviation of 9
    assert all(int(mark.split(" ")[1].split(",")[0]) < 3000 for mark in told)


def test_nothing_is_copied_of_what_names_its_deployment_or_only_reads(edge: Edge, mirrored: Any) -> None:
    blue, _ = mirrored((10000, "green"))
    edge.score(headers={"azureml-model-deployment": "blue"})
    edge.score("/v2/models/cancer/versions/1/infer")
    edge.client.get("/endpoints/cancer/swagger.json", headers=edge.headers)
    edge.score("/endpoints/other/score")
    edge.score(headers={MIRROR: "/tmp/mine 0,10000,green"})
    assert Counter(bool(mark) for mark in marks(blue)) == {False: 3, True: 1}
    assert "mine" not in marks(blue)[-1]


def test_what_is_mirrored_changes_live_once_anything_has_been(edge: Edge, mirrored: Any) -> None:
    blue, _ = mirrored((10000, "green"))
    boot = edge.life["boot"]
    mirrored()
    edge.score()
    mirrored((10000, "green"))
    edge.score()
    assert [bool(mark) for mark in marks(blue)] == [False, True]
    assert edge.life["boot"] == boot


def test_an_edge_that_never_mirrored_has_no_rules_for_it(edge: Edge, mirrored: Any) -> None:
    mirrored()
    assert "mirror" not in (edge.data / "haproxy.cfg").read_text().replace("maps/mirrors.map", "")


def test_a_copy_reaches_the_deployment_it_names_without_a_key_and_is_never_copied(
    edge: Edge, mirrored: Any, telemetry: Telemetry
) -> None:
    blue, green = mirrored((10000, "green"))
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = copy(
        edge,
        "/endpoints/cancer/score?a=1",
        **{"x-request-id": "r-1", "traceparent": f"00-{trace}-b7ad6b7169203331-01"},
    )
    assert (answer.status, answer.headers["x-slipway-revision"]) == (200, GREEN)
    seen = green.requests[0]
    assert seen["path"] == "/score?a=1"
    assert seen["headers"]["x-request-id"] == "r-1"
    assert seen["headers"]["x-slipway-key"] == "-mirror"
    assert MIRROR not in seen["headers"]
    assert "azureml-model-deployment" not in seen["headers"]
    assert blue.requests == []
    row = edge.eventually(lambda: [r for r in telemetry.rows() if r["frontend"] == "mirror"])[0]
    assert (row["backend"], row["key_name"], row["operation_id"]) == (GREEN, "-mirror", trace)


def test_a_copy_keeps_the_status_that_its_deployment_gave(edge: Edge, mirrored: Any) -> None:
    mirrored((10000, "green"))
    assert copy(edge, "/endpoints/cancer/score?status=500").status == 500
    assert copy(edge, "/endpoints/cancer/score?status=429").status == 429
    assert copy(edge, "/endpoints/cancer/score", **{"azureml-model-deployment": "red"}).status == 404


def test_a_call_over_grpc_is_copied_too(edge: Edge, mirrored: Any, telemetry: Telemetry) -> None:
    blue, green = mirrored((10000, "green"))
    method = "/inference.GRPCInferenceService/ModelInfer"
    with grpc.insecure_channel(f"127.0.0.1:{edge.grpc_port}") as channel:
        call = channel.unary_unary(method)
        call(b"\x0a\x06cancer", metadata=[("authorization", f"Bearer {KEY}")], timeout=10)
    assert blue.calls[0][MIRROR].startswith(str(edge.folder / "r" / "mirror.sock"))
    with grpc.insecure_channel(f"unix:{edge.folder / 'r' / 'copies-grpc.sock'}") as channel:
        call = channel.unary_unary(method)
        named = [("endpoint", "cancer"), ("azureml-model-deployment", "green")]
        assert call(b"\x0a\x06cancer", metadata=named, timeout=10) == b"g0"
        with pytest.raises(grpc.RpcError) as refused:
            call(b"\x0a\x06cancer", metadata=[("endpoint", "cancer")], timeout=10)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert green.calls[0]["x-slipway-key"] == "-mirror"
    edge.eventually(lambda: [r for r in telemetry.rows() if r["frontend"] == "mirror.grpc"])
