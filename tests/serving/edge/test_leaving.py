"""A request's own time, and clients that leave: the scoring process is told through the edge, over both ports."""

from collections.abc import Callable
from typing import Any

import grpc
import httpx
import pytest

BLUE = "cancer.blue.1"
INFER = "/inference.GRPCInferenceService/ModelInfer"
HANG = b"\x0a\x06cancer\x1a\x04hang"  # a ModelInferRequest with model_name and id
KEY = "a-key-of-the-tests"


@pytest.fixture
def hanging(edge: Any, controller: Any, replica: Callable[..., Any], make: Any) -> Any:
    """A replica with 20 s for each request, behind an edge, which it has as ``edge``."""
    one = replica("b0")
    controller.publish(
        make.table(1, [make.endpoint("Cancer", blue=10000)], [make.backend(BLUE, one.server, timeout_ms=20_000)])
    )
    edge.eventually(lambda: edge.score().status_code == 200)
    one.edge = edge
    return one


def test_a_client_that_leaves_takes_its_request_along(hanging: Any) -> None:
    with pytest.raises(httpx.ReadTimeout):
        hanging.edge.score("/endpoints/cancer/score?hang=1", timeout=0.3)
    assert hanging.left.wait(2)


@pytest.mark.parametrize("leave", ["cancel", "deadline", "vanish"])
def test_a_client_that_leaves_takes_its_call_along(hanging: Any, leave: str) -> None:
    channel = grpc.insecure_channel(f"127.0.0.1:{hanging.edge.grpc_port}")
    timeout_s = 0.3 if leave == "deadline" else 20
    call = channel.unary_unary(INFER).future(HANG, metadata=[("authorization", f"Bearer {KEY}")], timeout=timeout_s)
    hanging.edge.eventually(lambda: hanging.calls)
    if leave == "cancel":
        call.cancel()
    if leave == "vanish":
        channel.close()
    assert hanging.left.wait(2)
    channel.close()


def test_a_requests_own_time_reaches_the_scoring_process(hanging: Any) -> None:
    told = hanging.edge.score(headers={"x-request-timeout-ms": "700"}).json()["headers"]
    assert told["x-request-timeout-ms"] == "700"
