"""Azure ML's own rules of an endpoint, at ``/score`` only; every other door keeps its protocol's statuses."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

BLUE_1 = "cancer.blue.1"
OTHER_DOORS = ["/endpoints/cancer/invocations", "/endpoints/cancer/v1/models/cancer:predict", "/v2/models/cancer/infer"]


@pytest.mark.parametrize(
    ("given", "status"),
    [(500, 424), (400, 424), (401, 424), (404, 424), (503, 424), (201, 424), (302, 424), (429, 429), (504, 408)],
)
def test_score_has_azures_statuses_and_other_doors_their_own(routed: Any, given: int, status: int) -> None:
    answer = routed.score(f"/endpoints/cancer/score?status={given}")
    assert answer.status_code == status
    told = {name: value for name, value in answer.headers.items() if name.startswith("ms-azureml-")}
    assert (
        told
        == {
            424: {"ms-azureml-model-error-statuscode": str(given), "ms-azureml-model-error-reason": "model_error"},
            429: {"ms-azureml-model-error-reason": "too_many_pending_request"},
            408: {},
        }[status]
    )
    assert answer.json()["path"] == f"/score?status={given}"
    for door in OTHER_DOORS:
        other = routed.score(f"{door}?status={given}")
        assert other.status_code == given
        assert not any(name.startswith("ms-azureml-") for name in other.headers)


def test_the_rules_hold_however_the_path_is_written(routed: Any) -> None:
    assert routed.score("/endpoints/cancer/%73core?status=500").status_code == 424
    assert routed.score("/score?status=500", headers={"host": "cancer.example.org"}).status_code == 424


def test_an_answer_that_does_not_come_in_time_is_408_at_score_and_504_elsewhere(routed: Any) -> None:
    answer = routed.score("/endpoints/cancer/score?hang=1")
    assert (answer.status_code, answer.json()["error_code"]) == (408, "DEADLINE_EXCEEDED")
    oip = routed.score("/v2/models/cancer/infer?hang=1")
    assert oip.status_code == 504
    assert "request_timeout_ms" in oip.json()["error"]


def test_a_container_that_says_itself_that_it_was_too_late_is_408_and_keeps_its_words(routed: Any) -> None:
    """Azure ML's own server answers a time-out with 500, which is no 424 here."""
    answer = routed.score("/endpoints/cancer/score?status=500&late=1")
    assert answer.status_code == 408
    assert answer.json()["path"] == "/score?status=500&late=1"
    assert "ms-azureml-model-error-statuscode" not in answer.headers
    assert "x-slipway-error" not in answer.headers
    assert routed.score("/v2/models/cancer/infer?status=504&late=1").status_code == 504


def test_an_endpoint_without_traffic_is_404(routed: Any) -> None:
    assert routed.score("/endpoints/idle/score").status_code == 404


def test_a_withdrawn_key_is_401(edge: Any, controller: Any, replica: Any, make: Any) -> None:
    route, backends = make.endpoint("Cancer", blue=10000), [make.backend(BLUE_1, replica("b0").server)]
    controller.publish(make.table(1, [route], backends))
    assert edge.score().status_code == 200
    controller.publish(make.table(2, [replace(route, keys=[])], backends))
    assert edge.score().status_code == 401


@pytest.fixture
def crowd(edge: Any, controller: Any, replica: Any, make: Any) -> Iterator[Any]:
    """An edge whose only replica may have two requests, and works on both until it is released."""
    busy = replica("b0")
    two = replace(make.backend(BLUE_1, busy.server, timeout_ms=20_000), max_connections_per_server=2)
    controller.publish(make.table(1, [make.endpoint("Cancer", blue=10000)], [two]))
    hanging = [threading.Thread(target=_hang, args=[edge]) for _ in range(2)]
    for one in hanging:
        one.start()
    edge.eventually(lambda: len(busy.requests) == 2)
    edge.release = busy.release.set
    yield edge
    busy.release.set()
    for one in hanging:
        one.join()


def _hang(edge: Any) -> None:
    with edge.new_client() as client:
        client.post("/endpoints/cancer/score?hang=1", headers=edge.headers)


def test_more_requests_in_parallel_than_the_replicas_may_have_are_429_at_once(crowd: Any) -> None:
    for door in ("/endpoints/cancer/score", *OTHER_DOORS):
        answer = crowd.score(door)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        reason = "too_many_pending_request" if door.endswith("score") else None
        assert answer.headers.get("ms-azureml-model-error-reason") == reason
    crowd.release()
    crowd.eventually(lambda: crowd.score().status_code == 200)


def test_no_replica_at_all_is_503(edge: Any, controller: Any, make: Any) -> None:
    controller.publish(make.table(1, [make.endpoint("Cancer", blue=10000)], [make.backend(BLUE_1)]))
    answer = edge.score()
    assert (answer.status_code, answer.json()["error_code"]) == (503, "UNAVAILABLE")


def test_a_browsers_preflight_needs_the_key_as_on_azure(routed: Any) -> None:
    """It would reach run() of a @rawhttp script; pages ask through a server of their own, which has the key."""
    preflight = {"origin": "https://page.example", "access-control-request-method": "POST"}
    without = routed.client.request("OPTIONS", "/endpoints/cancer/score", headers=preflight)
    assert without.status_code == 401
    with_key = routed.client.request("OPTIONS", "/endpoints/cancer/score", headers=preflight | routed.headers)
    assert with_key.status_code == 200
    assert with_key.json()["headers"]["origin"] == "https://page.example"
