"""Replicas that answer nothing for a while, checks included: their interpreter is held, or they are stopped or dead."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

BLUE = "cancer.blue.1"


@pytest.fixture
def serve(edge: Any, controller: Any, replica: Callable[..., Any], make: Any) -> Callable[[int], Any]:
    """Route to that many replicas, which have 12 s for each request."""

    def serve(count: int) -> Any:
        edge.replicas = [replica(f"r{number}") for number in range(count)]
        backend = make.backend(BLUE, *(one.server for one in edge.replicas), timeout_ms=12_000)
        controller.publish(make.table(1, [make.endpoint("Cancer", blue=10000)], [backend]))
        edge.eventually(lambda: edge.score().status_code == 200)
        return edge

    return serve


class Asked(threading.Thread):
    """A request in a thread, on a connection of its own."""

    def __init__(self, edge: Any) -> None:
        super().__init__()
        self._edge = edge
        self.status = 0
        self.start()

    def run(self) -> None:
        with self._edge.new_client() as client:
            try:
                self.status = client.post("/endpoints/cancer/score", headers=self._edge.headers).status_code
            except self._edge.transport_error:
                self.status = -1


def stuck(edge: Any) -> Asked:
    """A request that reached the replica that does not answer."""
    while True:
        one = Asked(edge)
        one.join(0.3)
        if one.is_alive():
            return one


def is_down(edge: Any, name: str) -> bool:
    return any(
        line.split(",")[1] == name and line.split(",")[17].startswith("DOWN")
        for line in edge.admin("show stat").splitlines()
        if line.startswith(f"{BLUE},")
    )


def test_a_replica_held_for_four_seconds_answers_all_its_requests(serve: Callable[[int], Any]) -> None:
    edge = serve(1)
    edge.replicas[0].awake.clear()
    asked = [Asked(edge)]
    time.sleep(4)
    asked.append(Asked(edge))
    time.sleep(0.2)
    edge.replicas[0].awake.set()
    for one in asked:
        one.join()
    assert [one.status for one in asked] == [200, 200]


def test_a_replica_held_for_long_is_left_and_still_answers_what_it_has(serve: Callable[[int], Any]) -> None:
    edge = serve(2)
    held = edge.replicas[0]
    held.awake.clear()
    asked = stuck(edge)
    edge.eventually(lambda: is_down(edge, "r0"))
    assert {edge.score().json()["replica"] for _ in range(10)} == {"r1"}
    assert asked.is_alive()
    held.awake.set()
    asked.join()
    assert asked.status == 200
    edge.eventually(lambda: not is_down(edge, "r0"))


def test_a_dead_replica_is_left_within_two_seconds_and_costs_no_request(serve: Callable[[int], Any]) -> None:
    edge = serve(2)
    edge.replicas[0].close()
    statuses: set[int] = set()

    def left() -> bool:
        statuses.add(edge.score().status_code)
        return is_down(edge, "r0")

    edge.eventually(left, within_s=2.0)
    assert statuses == {200}
