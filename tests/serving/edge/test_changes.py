"""Tables that come while HAProxy runs, and what may not happen then."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from registry.core.deploying.endpoints import RetryRule
from serving.wire.routing import ServerState, Tombstone, TombstoneKind

BLUE, GREEN = "cancer.blue.1", "cancer.green.1"


def served_by(edge: Any, count: int = 20) -> set[str]:
    return {edge.score().json()["replica"] for _ in range(count)}


@pytest.fixture
def two(edge: Any, controller: Any, replica: Callable[..., Any], make: Any) -> Any:
    """Two replicas behind one deployment; ``publish(generation, servers, **more)`` shows another table."""
    replicas = [replica("r0"), replica("r1")]

    def publish(generation: int, servers: list[Any], **more: Any) -> None:
        route = make.endpoint("Cancer", blue=10000)
        controller.publish(make.table(generation, [route], [make.backend(BLUE, *servers)], **more))

    publish(1, [r.server for r in replicas])
    edge.replicas, edge.publish = replicas, publish
    return edge


def test_a_new_replica_gets_requests_without_a_reload(two: Any, replica: Callable[..., Any]) -> None:
    before, new = two.life, replica("r2")
    two.publish(2, [r.server for r in (*two.replicas, new)])
    assert served_by(two) == {"r0", "r1", "r2"}
    assert two.life == before


def test_a_draining_replica_gets_no_new_request_and_finishes_what_it_has(two: Any) -> None:
    before, (first, second) = two.life, two.replicas
    answers: list[int] = []
    two.publish(2, [replace(second.server, state=ServerState.DRAINING), first.server])
    two.publish(3, [replace(first.server, state=ServerState.DRAINING), second.server])
    two.publish(4, [first.server, replace(second.server, state=ServerState.DRAINING)])
    pending = threading.Thread(target=lambda: answers.append(two.score("/endpoints/cancer/score?hang=1").status_code))
    pending.start()
    two.eventually(lambda: first.requests)
    two.publish(5, [replace(first.server, state=ServerState.DRAINING), second.server])
    assert served_by(two) == {"r1"}
    first.release.set()
    pending.join()
    assert answers == [200]
    assert two.life == before


def test_an_endpoint_that_cannot_be_written_down_holds_up_nobody_else(
    two: Any, controller: Any, replica: Callable[..., Any], make: Any
) -> None:
    bad = make.endpoint("bad", source="header:x.user", blue=10000)
    odd = replica("odd;", "odd.blue.1")
    servers = [r.server for r in two.replicas]
    other = replace(make.endpoint("Cancer", blue=10000), keys=[])
    backends = [make.backend(BLUE, *servers), make.backend("odd.blue.1", odd.server)]
    controller.publish(make.table(2, [bad, other], backends))
    assert two.score().status_code == 401, "a key that was taken away is refused at once"
    assert "x.user" in two.log()
    assert "odd;" in two.log()


def test_a_missing_server_endpoint_or_backend_stays(two: Any, controller: Any, make: Any) -> None:
    before = two.life
    two.publish(2, [two.replicas[0].server])
    assert served_by(two) == {"r0", "r1"}
    controller.publish(make.table(3, [], []))
    assert served_by(two) == {"r0", "r1"}
    assert two.life == before


def test_an_older_table_is_ignored(two: Any, controller: Any, make: Any) -> None:
    two.publish(7, [r.server for r in two.replicas])
    buried = Tombstone(kind=TombstoneKind.ENDPOINT, name="Cancer", generation=6)
    controller.show(make.table(6, [], [], tombstones=[buried]))
    assert served_by(two) == {"r0", "r1"}


def test_a_tombstone_removes_a_server_an_endpoint_and_a_backend(two: Any, controller: Any, make: Any) -> None:
    before = two.life
    gone = Tombstone(kind=TombstoneKind.SERVER, name=f"{BLUE}/r1", generation=2)
    two.publish(2, [two.replicas[0].server], tombstones=[gone])
    assert served_by(two) == {"r0"}
    two.eventually(lambda: "r1" not in two.admin(f"show servers conn {BLUE}"))
    two.eventually(lambda: "r1" not in two.admin(f"show servers conn {BLUE}.grpc"))
    ends = [
        Tombstone(kind=TombstoneKind.ENDPOINT, name="Cancer", generation=3),
        Tombstone(kind=TombstoneKind.BACKEND, name=BLUE, generation=3),
    ]
    controller.publish(make.table(3, [], [], tombstones=ends))
    assert two.score().status_code == 404
    assert two.life == before


def test_a_new_revision_is_loaded_and_traffic_flips_to_it_without_a_failed_request(
    two: Any, controller: Any, replica: Callable[..., Any], make: Any
) -> None:
    before, failures, over = two.life, [], threading.Event()

    def load() -> None:
        while not over.is_set():
            answer = two.score()
            if answer.status_code != 200:
                failures.append(answer)

    users = [threading.Thread(target=load) for _ in range(3)]
    for user in users:
        user.start()
    green = replica("g0", GREEN)
    backends = [make.backend(BLUE, *(r.server for r in two.replicas)), make.backend(GREEN, green.server)]
    try:
        for generation in range(2, 8):
            more = [make.backend(f"cancer.extra{generation}.1")]
            shares = {"green": 10000, "blue": 0} if generation % 2 else {"blue": 10000, "green": 0}
            controller.publish(make.table(generation, [make.endpoint("Cancer", **shares)], backends + more))
    finally:
        over.set()
        for user in users:
            user.join()
    assert failures == []
    assert served_by(two) == {"g0"}
    assert two.life["boot"] != before["boot"]


def test_a_hostile_table_is_refused_whole_and_the_routes_stay(two: Any, controller: Any, make: Any) -> None:
    for generation, name in enumerate(["a;disable frontend http", "a\nb", "a b", "../x", "ä"], 2):
        controller.show(make.table(generation, [make.endpoint(name, blue=10000)], []))
        assert served_by(two, 3) <= {"r0", "r1"}
    assert "hostile" not in two.admin("show info")
    two.publish(20, [two.replicas[0].server])
    assert served_by(two) == {"r0", "r1"}


def test_what_gets_no_answer_is_tried_six_times_in_turn_unless_the_deployment_says_never(
    two: Any, controller: Any, make: Any, replica: Callable[..., Any]
) -> None:
    first, second = two.replicas
    assert two.score("/endpoints/cancer/invocations?die=1").status_code == 502
    assert (len(first.requests), len(second.requests)) == (3, 3)
    green = replica("g0", GREEN)
    other = make.backend(GREEN, green.server, retry=RetryRule.NEVER)
    backends = [make.backend(BLUE, first.server, second.server), other]
    controller.publish(make.table(2, [make.endpoint("Cancer", green=10000, blue=0)], backends))
    assert two.score("/endpoints/cancer/invocations?die=1").status_code == 502
    assert len(green.requests) == 1
