"""Kills: of HAProxy, of the agent, of both; nothing that was answered goes uncounted."""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

BLUE = "cancer.blue.1"


@pytest.fixture
def routed(edge: Any, controller: Any, replica: Callable[..., Any], make: Any) -> Any:
    one = replica("r0")
    controller.publish(make.table(1, [make.endpoint("Cancer", blue=10000)], [make.backend(BLUE, one.server)]))
    return edge


def counted(telemetry: Any) -> list[tuple[str, str, int]]:
    return sorted((row["boot"], row["frontend"], int(row["counter"])) for row in telemetry.rows())


def without_gaps(lines: list[tuple[str, str, int]]) -> bool:
    lives = {(boot, frontend) for boot, frontend, _ in lines}
    return all(
        [c for b, f, c in lines if (b, f) == life] == list(range(sum((b, f) == life for b, f, _ in lines)))
        for life in lives
    )


def test_a_killed_haproxy_is_back_with_the_same_routes_and_no_connection_is_refused(
    routed: Any, telemetry: Any
) -> None:
    before = routed.life
    for _ in range(30):
        assert routed.score().status_code == 200
    os.kill(before["pid"], signal.SIGKILL)
    routed.client.close()
    routed.reconnect()
    assert routed.score().status_code == 200  # it waits in the queue of the agent's socket
    routed.eventually(lambda: routed.life["boot"] != before["boot"])  # it answers before the agent has noted it
    routed.eventually(lambda: sum(row["path"].endswith("score") for row in telemetry.rows()) == 31)
    assert without_gaps(counted(telemetry))


def test_a_restarted_agent_adopts_the_running_haproxy(routed: Any, telemetry: Any) -> None:
    before = routed.life
    routed.kill_agent()
    for _ in range(20):
        assert routed.score().status_code == 200
    routed.start()
    assert routed.life == before
    os.kill(before["pid"], signal.SIGKILL)
    routed.reconnect()
    assert routed.score().status_code == 200  # the adopted ports outlive the HAProxy they were adopted from
    routed.eventually(lambda: sum(row["path"].endswith("score") for row in telemetry.rows()) == 21)
    assert without_gaps(counted(telemetry))


def test_routes_survive_the_death_of_agent_and_haproxy_while_the_controller_is_away(
    routed: Any, controller: Any, telemetry: Any
) -> None:
    before = routed.life
    for _ in range(20):
        assert routed.score().status_code == 200
    telemetry.away = True
    controller.close()
    routed.kill_agent()
    os.kill(before["pid"], signal.SIGKILL)
    routed.start()
    assert routed.score().status_code == 200
    telemetry.away = False
    routed.eventually(lambda: sum(row["path"].endswith("score") for row in telemetry.rows()) == 21)
    assert without_gaps(counted(telemetry))


def test_a_stopped_agent_stops_haproxy_and_forwards_its_last_lines(routed: Any, telemetry: Any) -> None:
    pid = routed.life["pid"]
    for _ in range(50):
        assert routed.score().status_code == 200
    routed.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert sum(row["path"].endswith("score") for row in telemetry.rows()) == 50
    assert without_gaps(counted(telemetry))
    assert list((routed.data / "rings").iterdir()) == []


def test_haproxy_killed_under_load_loses_no_line(routed: Any, telemetry: Any) -> None:
    answered, over = [], threading.Event()

    def load() -> None:
        with routed.new_client() as client:
            while not over.is_set():
                try:
                    answered.append(client.post("/endpoints/cancer/score", headers=routed.headers).status_code)
                except routed.transport_error:
                    continue

    users = [threading.Thread(target=load) for _ in range(4)]
    for user in users:
        user.start()
    for _ in range(3):
        life, reached = routed.life, len(answered) + 100
        routed.eventually(lambda reached=reached: len(answered) > reached)
        os.kill(life["pid"], signal.SIGKILL)
        routed.eventually(lambda life=life: routed.life["boot"] != life["boot"])
    over.set()
    for user in users:
        user.join()
    assert set(answered) == {200}
    # The line is written when the answer has left: a kill in between takes it along, one per connection at most.
    unsure = len(users) * 3
    routed.eventually(
        lambda: sum(r["status"] == "200" and "score" in r["path"] for r in telemetry.rows()) >= len(answered) - unsure
    )
    assert without_gaps(counted(telemetry))
