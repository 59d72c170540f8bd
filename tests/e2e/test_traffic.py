"""Changes of an endpoint's traffic in a whole workspace: obeyed when the command returns, without a failed request."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.town import Steady, Town, eventually

pytestmark = pytest.mark.e2e


@pytest.fixture
def traffic(town: Town) -> Iterator[Town]:
    yield town
    town.slipway("endpoint", "update", "--name", "town", "--traffic", "blue=100")


def test_the_first_request_after_the_command_obeys_it_and_none_fails(traffic: Town) -> None:
    with Steady(traffic, per_s=200) as load, traffic.client() as client:
        for name in ("green", "blue") * 4:
            traffic.slipway("endpoint", "update", "--name", "town", "--traffic", f"{name}=100")
            answer = client.post("/endpoints/town/score", json={"data": [[0.5, 0.5]]})
            assert answer.headers["azureml-model-deployment"] == name
    assert set(load.statuses) == {200}


def test_why_a_request_was_answered_by_whom_it_was_can_be_told_afterwards(traffic: Town) -> None:
    traffic.slipway("endpoint", "update", "--name", "town", "--traffic", "green=50 blue=50")
    routed = traffic.json("endpoint", "route", "town", "--key", "alice")["routes"][0]
    with traffic.client() as client:
        headers = {"x-user-id": "alice", "x-request-id": "of-alice"}
        client.post("/endpoints/town/score", json={"data": [[0.5, 0.5]]}, headers=headers)
    traffic.slipway("endpoint", "update", "--name", "town", "--traffic", "blue=100")
    eventually(lambda: traffic.slipway("request", "why", "of-alice", check=False).returncode == 0)
    (reason,) = traffic.json("request", "why", "of-alice")
    assert (reason["choice"], reason["source"], reason["key_name"]) == ("key", "header:x-user-id", "primary")
    assert {name: reason[name] for name in ("bucket", "low", "bound", "deployment", "revision")} == {
        name: value for name, value in routed.items() if name != "key"
    }
    assert reason["traffic"] == {"green": 50, "blue": 50}
    assert reason["replica"] in {replica["replica"] for replica in traffic.replicas(reason["deployment"])}
    assert reason["image"].startswith("town-")


def test_an_edge_that_does_not_follow_is_named_and_follows_later(traffic: Town) -> None:
    agent = traffic.pid_of("edge")
    os.kill(agent, signal.SIGSTOP)
    try:
        done = traffic.slipway("endpoint", "update", "--name", "town", "--traffic", "green=100", check=False)
    finally:
        os.kill(agent, signal.SIGCONT)
    assert done.returncode == 1
    assert f"not by {os.uname().nodename}-{traffic.ports['http']}" in done.stderr
    traffic.slipway("endpoint", "update", "--name", "town", "--traffic", "green=100")
    with traffic.client() as client:
        answer = client.post("/endpoints/town/score", json={"data": [[0.5, 0.5]]})
    assert answer.headers["azureml-model-deployment"] == "green"
